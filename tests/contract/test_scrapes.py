"""Whole scrapes: what stands in tests/golden is what Prometheus gets, and its own tools accept it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import builders
import pytest
import scrapes
from builders import DAY, NOW, watched

from exporter.exposition.families import (
    ENTITIES,
    FAMILIES,
    FAULTS,
    FINDING,
    MEMORY,
    ROLLOVER_STATE,
    SIGNATURE,
    TARGET,
    TRUST_STATE,
    TRUST_UPDATE,
)
from exporter.exposition.own import OWN_FAMILIES, Format, Status, render_own
from exporter.exposition.render import Renderer, render_probe
from exporter.model import StorageStatus
from exporter.probe import read_document
from exporter.record import Record

TEXT = Format.negotiate("")
OPENMETRICS = Format.negotiate("application/openmetrics-text; version=1.0.0")

STATUS = Status(
    version="1.2.3",
    since=NOW,
    targets=len(scrapes.RECORDS),
    failures={},
    reloaded=True,
    reloaded_at=NOW,
    storage=StorageStatus(writable=True),
    restarts={"fs.example": 1},
)

ACCEPTED = {
    "fedmeta_certificate_expiry_days": "people and runbooks speak in days; a timestamp stands beside it",
    "fedmeta_rollover_certificate_expiry_days": "people and runbooks speak in days; a timestamp stands beside it",
    "fedmeta_trust_certificate_expiry_days": "people and runbooks speak in days; a timestamp stands beside it",
    "fedmeta_policy_threshold_days": "thresholds are configured and spoken of in days",
}
"""What promtool may complain about, by name, and why; every complaint is about the unit."""


REMOVED = {"gone.example": NOW - DAY, "fs.gone.example": NOW}
"""Targets that were removed, and when."""


def scrape(*records: Record, form: Format = TEXT) -> bytes:
    """The scrape of some targets by themselves."""
    return Renderer(limit=scrapes.LIMIT).render(records, NOW, openmetrics=form.openmetrics) + form.end


def probe(record: Record, form: Format = TEXT) -> bytes:
    return render_probe(record, NOW, limit=scrapes.LIMIT, openmetrics=form.openmetrics) + form.end


def whole(form: Format) -> bytes:
    """All that an exporter of every record answers, its own families too."""
    renderer, records = Renderer(limit=scrapes.LIMIT), scrapes.federation()
    return renderer.render(records, NOW, removed=REMOVED, openmetrics=form.openmetrics) + render_own(STATUS, form)


def removals(form: Format = TEXT) -> bytes:
    """The scrape where nobody is watched any more."""
    return Renderer(limit=scrapes.LIMIT).render([], NOW, removed=REMOVED, openmetrics=form.openmetrics) + form.end


GOLDEN = (*scrapes.RECORDS, "probe", "removed")
"""The golden files: one for each record by itself, a look by ``/probe``, and targets that were removed."""


def rendered(name: str) -> bytes:
    """What its golden file has."""
    others = {"probe": lambda: probe(scrapes.published()), "removed": removals}
    return others[name]() if name in others else scrape(scrapes.RECORDS[name]())


each_golden = pytest.mark.parametrize("name", GOLDEN)
each_record = pytest.mark.parametrize("name", scrapes.RECORDS)


@each_golden
def test_a_scrape_is_as_its_golden_file_has_it(name: str, golden: Callable[[str, str], str]) -> None:
    text = rendered(name).decode()

    assert text == golden(f"{name}.prom", text)


def test_every_golden_file_is_compared() -> None:
    folder = Path(__file__).parents[1] / "golden"

    assert {file.name for file in folder.glob("*.prom")} == {f"{name}.prom" for name in GOLDEN}


def test_the_golden_files_show_every_family() -> None:
    shown = {family for name in GOLDEN for family in scrapes.names(rendered(name))}

    # It takes more than 2,000 findings.
    assert shown == {family.name for family in FAMILIES} - {"fedmeta_findings_omitted"}


@each_golden
def test_promtool_accepts_a_golden_file_but_for_days(name: str, promtool: str) -> None:
    file = Path(__file__).parents[1] / "golden" / f"{name}.prom"

    assert_promtool_accepts(file.read_bytes(), promtool)


def test_promtool_accepts_a_whole_answer_but_for_days(promtool: str) -> None:
    assert_promtool_accepts(whole(TEXT), promtool)


def assert_promtool_accepts(text: bytes, promtool: str) -> None:
    ran = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)  # noqa: S603 -- promtool itself
    complaints = ran.stderr.decode().splitlines()
    unexpected = [
        line for line in complaints if line.split(" ")[0] not in ACCEPTED or 'base unit "seconds"' not in line
    ]
    shown = scrapes.names(text)

    assert not unexpected
    assert {line.split(" ")[0] for line in complaints} == ACCEPTED.keys() & shown


@each_record
def test_both_formats_say_the_same(name: str) -> None:
    record = scrapes.RECORDS[name]()

    assert scrapes.samples(scrape(record)) == scrapes.samples(scrape(record, form=OPENMETRICS))
    assert scrapes.samples(probe(record)) == scrapes.samples(probe(record, form=OPENMETRICS))


def test_a_whole_answer_round_trips_in_both_formats() -> None:
    text, openmetrics = scrapes.samples(whole(TEXT)), scrapes.samples(whole(OPENMETRICS))
    ours = {series for series in text if series[0].startswith("fedmeta_")}

    assert {series: text[series] for series in ours} == {series: openmetrics[series] for series in ours}
    assert text.keys() == openmetrics.keys()


@pytest.mark.parametrize("form", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
def test_every_family_has_one_heading(form: Format) -> None:
    lines = whole(form).decode().splitlines()

    for heading in ("# HELP ", "# TYPE "):
        named = [line.split(" ")[2] for line in lines if line.startswith(heading)]
        assert len(named) == len(set(named))
    # It takes more than 2,000 findings to have one of them.
    families = {each.name: str(each.kind) for each in FAMILIES if each.name != "fedmeta_findings_omitted"} | {
        name: kind for name, (kind, _) in OWN_FAMILIES.items()
    }
    suffixes = {"counter": "_total", "info": "_info"} if form.openmetrics else {}
    kinds = {} if form.openmetrics else {"info": "gauge"}
    typed = {tuple(line.split(" ")[2:]) for line in lines if line.startswith("# TYPE fedmeta_")}

    assert typed == {
        (name.removesuffix(suffixes.get(kind, "")), kinds.get(kind, kind)) for name, kind in families.items()
    }


@each_golden
def test_a_series_has_the_labels_that_its_family_promises(name: str) -> None:
    promised = {family.name: {*(["target"] if family.of_target else []), *family.labels} for family in FAMILIES}
    own = scrapes.labelled().target.labels if name == "labelled" else {}

    for family, labels in scrapes.samples(rendered(name)):
        expected = promised[family] | (own.keys() if family == TARGET.name else set())
        found = {label for label, _ in labels}
        # A finding has the labels of what it is about.
        assert {"target", "finding", "severity"} <= found <= expected if family == FINDING.name else found == expected
        assert all(value for _, value in labels), f"{family} has an empty label"


def test_the_own_families_have_the_labels_that_they_promise() -> None:
    found = {
        sample.name.removesuffix("_sum").removesuffix("_count"): set(sample.labels)
        for family in scrapes.parsed(render_own(STATUS, TEXT))
        for sample in family.samples
        if sample.name.startswith("fedmeta_")
    }

    assert found == {name: set(labels) for name, (_, labels) in OWN_FAMILIES.items()}


def test_a_document_that_repeats_its_certificates_in_four_roles_has_each_once_for_a_use() -> None:
    body = builders.repeated_in_four_roles(builders.pair())
    record = scrapes.after(watched("repeated", "https://idp.example/"), scrapes.good(read_document(body, ()), NOW))
    fingerprint = builders.certificate().fingerprint

    # Reading the samples fails where a series occurs twice.
    days = [
        dict(labels) for name, labels in scrapes.samples(scrape(record)) if name == "fedmeta_certificate_expiry_days"
    ]

    assert {label["fingerprint"] for label in days} == {fingerprint}
    assert sorted((label["roles"], label["use"]) for label in days) == [("idp,sp", "encryption"), ("idp,sp", "signing")]


@each_golden
def test_of_what_excludes_each_other_only_what_holds_is_shown(name: str) -> None:
    counted = {FAULTS.name: "kind", ENTITIES.name: "state"}
    states = {
        ROLLOVER_STATE.name: "state",
        TRUST_STATE.name: "state",
        SIGNATURE.name: "state",
        TRUST_UPDATE.name: "result",
    }
    shown = scrapes.samples(rendered(name))

    assert all(value >= 1 for (family, _), value in shown.items() if family in counted)
    assert all(value == 1 for (family, _), value in shown.items() if family in states)
    subjects = [
        (family, frozenset((label, value) for label, value in labels if label != states[family]))
        for family, labels in shown
        if family in states
    ]
    assert len(subjects) == len(set(subjects))


@each_record
def test_a_probe_shows_all_but_what_needs_memory(name: str) -> None:
    record = scrapes.RECORDS[name]()
    remembered = {family.name for family in MEMORY}
    # Whether a document was ever read is not known after one probe: that this one got none is.
    of_all = scrapes.samples(scrape(record).replace(b"metadata_never_read", b"metadata_unreachable"))

    assert scrapes.samples(probe(record)) == {
        series: value for series, value in of_all.items() if series[0] not in remembered
    }
