"""The console command, and ``python -m exporter``."""

from exporter import hangup

# Before the imports: they take most of a second, in which a SIGHUP would end the process.
hangup.hear()

from exporter.cli import run  # noqa: E402 -- its imports are those that take time

if __name__ == "__main__":
    run()
