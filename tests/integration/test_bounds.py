"""What one document costs, from outside: a real exporter, fed with the largest that anybody can write."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import builders
import hostile
import pytest
from soak.process import Process, exporter

LARGEST_SCRAPE = 5_000_000
LONGEST_SCRAPE = 0.5
MOST_AT_PEAK = 250_000
"""kB."""
MOST_AFTERWARDS = 30_000
AFTERWARDS = 10.0
