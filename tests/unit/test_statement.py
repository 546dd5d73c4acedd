"""A target as JSON: valid by the schema beside it, whatever is known, and nothing more than is known."""

import json
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from importlib.resources import files
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from builders import DAY, HOUR, NOW, looking, probed, watched
from found import known, records
from schema import broken
from scrapes import FARM, after, document, failed, good, idp, pair

from exporter.config.settings import TrustSource
from exporter.demo.scenarios import SCENARIOS, Scenario
from exporter.findings import Kind, standing
from exporter.inquiry import Slot, TrustReason, UpdateResult
from exporter.metadata import DocumentError
from exporter.model import Fault, FaultKind, Reason, Role, SignatureState, Use, Weakness
from exporter.policy import Profile, ProfileEvidence
from exporter.primary import Evidence
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.rollover import Position, State
from exporter.statement import MOST_ENTITIES, MOST_FAULTS, overview, statement
from exporter.trust import TrustState

SCHEMA: dict[str, Any] = json.loads((files("exporter") / "statement.schema.json").read_text("utf-8"))


def told(record: Record, *, remembers: bool = True) -> dict[str, Any]:
    """What is said of a target, as whoever reads the JSON gets it; valid by the schema."""
    there = standing(record, NOW, remembers=remembers)
    said: dict[str, Any] = json.loads(json.dumps(statement(there, NOW)))
    assert broken(said, SCHEMA) == []
    return said


def subschemas(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from subschemas(each)


def test_whatever_is_found_the_schema_holds() -> None:
    found = set()
    for each in records():
        there = standing(each.record, each.at)
        said = json.loads(json.dumps(statement(there, each.at)))
        assert broken(said, SCHEMA) == []
        found |= {finding["finding"] for finding in said["findings"]}
    assert found == set(Kind)


def test_all_targets_in_a_few_words_are_the_same_words_the_worst_first() -> None:
    standings = [standing(each.record, each.at) for each in records()]
    said = json.loads(json.dumps(overview(standings, NOW)))
    assert broken(said, SCHEMA, "$defs/targets") == []
    ranks = [SCHEMA["properties"]["severity"]["enum"].index(each["severity"]) for each in said["targets"]]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) > 2
    whole = [statement(each, NOW) for each in sorted(standings, key=attrgetter("urgency"))]
    for brief, each in zip(said["targets"], json.loads(json.dumps(whole)), strict=True):
        assert brief.keys() <= each.keys()
        shorter = [{key: found[key] for key in ("finding", "severity", "about")} for found in each["findings"]]
        assert brief == {**{key: each[key] for key in brief}, "findings": shorter}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_of_every_simulated_farm_the_schema_holds(scenario: Scenario) -> None:
    said = told(known(scenario, NOW), remembers=False)
    assert said["target"] == scenario.name
    assert [each["domain"] for each in said["domains"]] == [each.name for each in scenario.domains]


def test_of_every_real_document_the_schema_holds(corpus: Path) -> None:
    paths = sorted((corpus / "documents").iterdir())
    for path in paths:
        try:
            found = good(read_document(path.read_bytes(), ()), NOW)
        except DocumentError as error:
            found = replace(failed(error.reason, NOW, phases={}), detail=error.detail)
        told(probed(bare(watched("real", path.as_uri())), found))
    assert len(paths) > 100


def test_the_lists_of_the_schema_are_those_of_the_program() -> None:
    words: set[type[StrEnum]] = {Evidence, FaultKind, Kind, Position, Profile, ProfileEvidence, Reason, Role}
    words |= {SignatureState, State, TrustReason, TrustSource, TrustState, UpdateResult, Use, Weakness, Slot}
    lists = {frozenset(each["enum"]) - {None} for each in subschemas(SCHEMA) if "enum" in each}
    severities = {
        frozenset(("info", "warning", "critical")),
        frozenset(("ok", "unknown", "info", "warning", "critical")),
    }
    assert lists == {frozenset(each) for each in words} | severities


def test_no_key_of_the_schema_may_be_left_out_but_where_it_says_whose() -> None:
    optional = [
        each
        for each in subschemas(SCHEMA)
        if "properties" in each
        and isinstance(each["properties"], dict)
        and each.get("required") != list(each["properties"])
    ]
    assert [set(each["properties"]) for each in optional] == [
        {"entity_id", "domain", "node", "vantage"},
        {"resolve", "connect", "tls", "processing", "transfer", "parse"},
        set(Slot),
    ]


def test_nothing_is_known_of_what_was_not_looked_at() -> None:
    said = told(bare(FARM))
    assert (said["severity"], said["state"], said["findings"]) == ("unknown", "Not looked at yet", [])
    assert said["outlook"] == "Nothing is known of it yet."
    assert (said["document"], said["entities"]) == (None, [])
    (look,) = said["looks"]
    assert (look["at"], look["readable"], look["signing_keys"], look["seconds"]) == (None, None, None, {})


def test_a_certificate_has_its_fingerprints_and_its_dates_in_utc() -> None:
    signing, _ = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
    (entity,) = told(after(FARM, good(document(idp(signing)), NOW)))["entities"]
    (certificate,) = entity["certificates"]
    assert certificate["fingerprint"] == entity["primary"] == "1" * 64
    assert certificate["position"] == "primary"
    assert (certificate["not_before"], certificate["not_after"]) == ("2025-06-19T12:00:00Z", "2026-06-19T12:00:00Z")


def test_the_values_of_a_query_are_not_told() -> None:
    url = "https://idp.example/metadata?token=hunter2"
    assert "hunter2" not in json.dumps(told(bare(watched("idp", url))))


def test_of_very_many_entities_and_faults_only_the_first_are_told_and_the_others_counted() -> None:
    many = document(*(idp(entity_id=f"urn:{number}") for number in range(MOST_ENTITIES + 3)), aggregate=True)
    faults = (Fault(FaultKind.USE_UNKNOWN, None, "a detail"),) * (MOST_FAULTS + 2)
    many = replace(many, metadata=replace(many.metadata, faults=faults))
    target = replace(looking(FARM), watch=("urn:202",))
    said = told(after(target, good(many, NOW - HOUR)))
    assert (len(said["entities"]), said["entities_left_out"]) == (MOST_ENTITIES, 3)
    assert said["entities"][0]["entity_id"] == "urn:202"
    assert said["entities"][0]["watched"]
    assert (len(said["document"]["faults"]), said["document"]["faults_left_out"]) == (MOST_FAULTS, 2)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, 1),
        ({"type": ["string", "null"]}, True),
        ({"type": "integer"}, True),
        ({"enum": ["a"]}, "b"),
        ({"properties": {"a": {"type": "null"}}}, {"a": 1}),
        ({"required": ["a"]}, {}),
        ({"additionalProperties": False}, {"a": 1}),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}),
        ({"items": {"type": "string"}}, ["a", 1]),
        ({"pattern": "^a$"}, "b"),
        ({"minimum": 0}, -1),
        ({"format": "date-time"}, "2026-06-01T12:00:00"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, 1),
    ],
)
def test_what_is_not_valid_is_seen(schema: dict[str, Any], value: object) -> None:
    assert len(broken(value, schema)) == 1
