"""The console command, and ``python -m exporter``."""

from exporter import hangup

# Before the imports: they take most of a second, in which a SIGHUP would end the process.
hangup.hear()

from exporter.cli import run  # noqa: E402 -- see above

if __name__ == "__main__":
    run()
