"""What one document costs, from outside: a real exporter gets the largest that were met, or a state file with one."""

import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import builders
import hostile
import pytest
from builders import knowing, watched
from kept import kept_in
from soak.documents import LARGEST_SCRAPE, MOST_AT_PEAK, Cost, costs, published
from soak.process import exporter

from exporter.history import EntityHistory, History
from exporter.probe import read_document
from exporter.record import bare

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(scope="module")
def measured() -> "Sequence[Cost]":
    return list(costs(hostile.table().items(), afterwards=0))


def test_no_document_makes_scrapes_large_or_slow_or_takes_much_memory(measured: "Sequence[Cost]") -> None:
    # The machine is shared, so the time of a scrape is not ours alone.
    wrong = [
        str(each)
        for each in measured
        if each.scrape_size > LARGEST_SCRAPE or each.peak > MOST_AT_PEAK or each.scrape_seconds > 1
    ]
    assert not wrong, "\n".join(wrong)


def test_a_document_with_16000_certificates_leaves_little_behind_and_tells_what_it_lost(
    measured: "Sequence[Cost]",
) -> None:
    (many,) = [each for each in measured if each.what == "16,000 certificates"]
    kept = {labels["fingerprint"] for labels, _ in many.scrape.samples("fedmeta_certificate_info")}
    assert len(kept) == 64
    assert many.scrape.value("fedmeta_certificates_omitted") == 15_936
    assert many.scrape.value("fedmeta_metadata_faults", kind="certificate_left_out") == 15_936
    assert many.scrape.value("fedmeta_finding", finding="document_faulty") == 1


def test_an_entity_with_an_id_that_is_too_long_is_no_entity(measured: "Sequence[Cost]") -> None:
    outcomes = {each.what: each.outcome for each in measured if each.what.startswith("entityID of ")}
    assert set(outcomes.values()) == {"no_entity"}
    assert len(outcomes) == 5


def test_a_long_subject_is_shortened(measured: "Sequence[Cost]") -> None:
    (one,) = [each for each in measured if each.what == "one subject of 25 kB"]
    ((labels, _),) = one.scrape.samples("fedmeta_certificate_info")
    assert re.fullmatch(r".{512}…[0-9a-f]{8}", labels["subject"])


LONG = "E" * 1_000_000


@pytest.mark.parametrize("name", ["entityID of 1 MB, 600 certificates", "16,000 certificates"])
def test_a_state_file_with_such_a_document_serves_scrapes_though_the_endpoint_is_down(
    name: str, tmp_path: Path
) -> None:
    now, body = datetime.now(UTC), hostile.table()[name]
    with published() as server:
        config = server.config("/gone")
        url = f"http://127.0.0.1:{server.port}/gone"
        document = replace(read_document(builders.saml_metadata(), ()), packed=zlib.compress(body))
        known = {LONG: EntityHistory(left=now), builders.ENTITY_ID: EntityHistory(began=now)}
        record = knowing(
            bare(watched("evil", url)), document=document, last_success=now, history=History(known, looked=now)
        )
        with kept_in(tmp_path / "state.sqlite", now) as state:
            state.load("evil", url)
            state.keep(record)
    with exporter(tmp_path, config) as process:
        status, text = process.get("/metrics")
        page, shown = process.get("/targets/evil")
    assert (status, page) == (200, 200)
    assert len(text) < LARGEST_SCRAPE
    assert LONG[:2000] not in text
    assert LONG[:2000] not in shown
    assert ("fedmeta_certificates_omitted" in text) == (name == "16,000 certificates")


def test_a_saved_document_that_unpacks_to_a_gigabyte_is_unpacked_as_far_as_one_may_be_long(tmp_path: Path) -> None:
    now, packing = datetime.now(UTC), zlib.compressobj(9)
    bomb = b"".join(packing.compress(bytes(2**20)) for _ in range(2**10)) + packing.flush()
    with published() as server:
        config = server.config("/gone")
        url = f"http://127.0.0.1:{server.port}/gone"
        document = replace(read_document(builders.saml_metadata(), ()), packed=bomb)
        with kept_in(tmp_path / "state.sqlite", now) as state:
            state.load("evil", url)
            state.keep(knowing(bare(watched("evil", url)), document=document, last_success=now))
        # The file is as it was, also after a restart.
        for _ in range(2):
            with exporter(tmp_path, config) as process:
                assert process.get("/metrics")[0] == 200
                assert process.status("VmHWM") < 200_000
                assert any("saved document not used" in line for line in process.lines)
