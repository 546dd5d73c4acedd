"""What the first page says of the exporter itself."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import HOUR, NOW
from lxml import etree
from scrapes import RUNS

from exporter.exposition.own import Status
from exporter.findings import moment
from exporter.model import StorageStatus
from exporter.page import Asked, overview

UNREAD = replace(RUNS, reloaded=False, reloaded_at=NOW - HOUR)
UNSAVED = replace(RUNS, storage=StorageStatus(writable=False, fault="the disk is full"))


def said(status: Status) -> str:
    page = etree.fromstring(overview([], NOW, Asked(), status=status), etree.HTMLParser())
    return " ".join(" ".join(page.itertext()).split())


def test_version_start_and_configuration_are_told() -> None:
    page = said(replace(RUNS, since=NOW - timedelta(days=3), targets=7))
    assert re.search(r"Version 1\.2\.3, with Python 3\.\d+\.\d+\S* on \w+ Serves since", page), page
    assert f"Serves since {moment(NOW - timedelta(days=3))} Targets 7 Configuration Read on {moment(NOW)}." in page


def test_who_reads_the_page_learns_first_that_the_configuration_was_not_read_and_that_nothing_is_saved() -> None:
    assert "could not be read again; that of" in said(UNREAD).partition("0 targets")[0]
    assert "is not saved: the disk is full" in said(UNSAVED).partition("0 targets")[0]
    hangs = replace(RUNS, storage=StorageStatus(writable=False, waiting=7))
    assert "is not saved: the disk does not answer" in said(hangs).partition("0 targets")[0]
    assert "not saved" not in said(RUNS)


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (StorageStatus(writable=None), "In memory alone"),
        (StorageStatus(writable=True), "Saved."),
        (StorageStatus(writable=True, waiting=1), "Saved, but for 1 target so far."),
        (StorageStatus(writable=False, fault="no"), "Not saved at the moment."),
    ],
)
def test_where_what_must_survive_a_restart_is(storage: StorageStatus, words: str) -> None:
    assert f"State {words}" in said(replace(RUNS, storage=storage))
