"""``python -m exporter``: the same as the console command."""

from exporter.cli import run

run()
