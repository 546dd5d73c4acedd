"""A real exporter, whose looks get many large documents at the same moment."""

import time
from pathlib import Path

from soak.probes import elements, publisher, watching
from soak.process import Process, exporter

TARGETS = 16
LARGE = elements(60_000, '<a b="12345"/>')
"""1 MB, which takes forty while it is parsed: so few elements may stand as close together as they like."""
PATIENCE = 60.0


def all_seen(process: Process) -> bool:
    reachable = [value for _, value in process.scrape().samples("fedmeta_metadata_reachable")]
    return process.get("/-/ready")[0] == 200 and reachable == [1.0] * TARGETS


def test_many_large_documents_at_once_take_the_memory_of_a_few_and_all_are_read(tmp_path: Path) -> None:
    with publisher({"large": LARGE}) as where:
        config = {
            "targets": [{"name": f"t{nth}", "url": f"{where}/large/{nth}", "interval": "1h"} for nth in range(TARGETS)],
            "modules": {"default": {"timeout": "60s"}},
        }
        with exporter(tmp_path, config, "--limit.documents=2MB") as process, watching(process) as seen:
            deadline = time.monotonic() + PATIENCE
            while not all_seen(process):
                assert process.popen.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            lag = process.scrape().value("fedmeta_exporter_probe_lag_seconds_count")
    assert lag > TARGETS, "some had to wait"
    assert (max(seen["memory"]) - seen["memory"][0]) / 1024 < 300, "without a bound it is 900 MB"
