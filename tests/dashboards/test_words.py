"""What values are called: every value has a word, and a word has one colour on every board."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import pytest
import yaml
from boards import BOARDS, FOLDER, PANELS, RULES, Panel

from dashboards import words
from dashboards.style import Colour, Words
from exporter.findings import Kind
from exporter.history import Change
from exporter.inquiry import Slot, TrustReason, UpdateResult
from exporter.model import FaultKind, Reason, SignatureState
from exporter.primary import Evidence
from exporter.rollover import Position, Severity, State
from exporter.trust import TRUST_WORDS, Answer, TrustState

ALERTS: Mapping[str, Mapping[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}

RUNBOOKS = FOLDER.parent / "docs" / "runbooks.md"

TONES = {"critical": "red", "warning": "orange", "info": "blue"}

EVERY_VALUE: Mapping[str, tuple[type[StrEnum], Words]] = {
    "state": (State, words.STATE_NAMES),
    "position": (Position, words.POSITION_NAMES),
    "change": (Change, words.CHANGE_NAMES),
    "fault": (FaultKind, words.FAULT_NAMES),
    "evidence": (Evidence, words.EVIDENCE_NAMES),
    "slot": (Slot, words.SLOT_NAMES),
    "published": (Answer, words.PUBLISHED_NAMES),
}

SEVERE = {State.NONE, State.UNREADABLE, State.EXPIRED, State.MISSING}
WORK = {State.STALLED, State.OVERDUE, State.DUE, State.UNPROVEN}


def mapped() -> Iterator[tuple[Panel, str, Mapping[str, Any]]]:
    """Every value that a panel has a word for."""
    for panel in PANELS:
        for mapping in panel.mappings:
            if mapping["type"] == "value":
                for value, result in mapping["options"].items():
                    yield panel, value, result


@pytest.mark.parametrize(("listed", "named"), EVERY_VALUE.values(), ids=EVERY_VALUE)
def test_every_value_of_a_label_has_a_word(listed: type[StrEnum], named: Words) -> None:
    assert {each.value for each in named} >= set(listed)


def test_every_state_has_a_number_of_its_own_a_word_and_what_to_do() -> None:
    assert list(words.STATES) == list(State)
    assert set(words.SIGNATURES) == set(SignatureState)
    assert set(words.POSITIONS) == set(Position)
    assert set(words.TRUSTS) == set(TrustState)
    assert set(words.UPDATES) == set(UpdateResult)
    for listed in (words.STATE, words.SIGNATURE, words.POSITION, words.LOOK, words.TRUST, words.UPDATE):
        assert len({each.value for each in listed}) == len({each.text for each in listed}) == len(listed)


def test_every_finding_has_a_number_of_its_own_a_word_and_what_to_do_the_worst_the_largest() -> None:
    kinds = [each.name for each in words.TROUBLES if each.name in set(Kind)]
    numbers = [each.word.value for each in words.TROUBLES]

    assert kinds == list(Kind)
    assert numbers == list(range(len(words.TROUBLES), 0, -1))
    assert all(each.next for each in words.TROUBLES)
    assert [each.value for each in words.WHAT_TO_DO] == [each.value for each in words.FOUND]
    assert [each.text for each in words.WHAT_TO_DO if each.value] == [
        *(each.text for each in words.WHAT_TO_DO_ABOUT[:-1]),
        "Wait for the first look",
    ]


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_is_a_finding_or_has_words_of_its_own_and_its_section(alert: str) -> None:
    (found,) = (each for each in words.TROUBLES if each.name.replace("_", "") == alert.removeprefix("Fedmeta").lower())
    severity = ALERTS[alert]["labels"]["severity"]

    assert (alert in words.ALERTS) == ("finding=" not in ALERTS[alert]["expr"].partition("}")[0])
    assert ALERTS[alert]["annotations"]["runbook_url"].endswith(f"#fedmeta{found.name.replace('_', '')}")
    assert found.word.colour.endswith(TONES[severity]) or found.word.text == "Never read"


FIRST_ACTS = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: "Renew.*partner.*promote",
    Kind.TRUST_BROKEN: "See which.*signs.*Entra ID",
    Kind.KEY_SET_REPLACED: "Ask who.*then.*partner",
    Kind.METADATA_OUTDATED: "publisher.*fresh",
    Kind.NO_SIGNING_KEY: "Ask.*keys",
    Kind.SIGNING_KEYS_UNREADABLE: "published anew",
    Kind.TRUST_BROKEN_AT_NODE: "node out of service",
    Kind.TRUST_AT_RISK: "successor.*Entra ID.*today",
    Kind.ROLLOVER_MISSING: "If.*no successor.*make",
    Kind.PROMOTION_STALLED_LATE: "partner.*promote",
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: "Repair.*today",
}
"""What whoever is locked out, or soon will be, is told to do, in this order."""


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.severity is Severity.CRITICAL])
def test_what_is_critical_names_its_acts_in_their_order(kind: Kind) -> None:
    (found,) = (each for each in words.TROUBLES if each.name == kind)

    assert re.search(FIRST_ACTS[kind], found.next)


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_what_to_do_has_the_words_of_its_section_of_the_runbooks(alert: str) -> None:
    (found,) = (each for each in words.TROUBLES if each.name.replace("_", "") == alert.removeprefix("Fedmeta").lower())
    section = re.search(rf"^## {alert}\n(.*?)^## ", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    begun = [word[:5] for word in re.findall(r"[a-z]{4,}", found.next.lower())]

    assert section
    assert begun
    assert sum(word in section[1].lower() for word in begun) * 2 > len(begun)


@pytest.mark.parametrize("found", words.TROUBLES, ids=lambda found: found.name)
def test_what_says_more_is_there(found: words.Trouble) -> None:
    page, _, section = found.section.partition("#")
    headings = re.findall(r"^#+ (.+)$", (RUNBOOKS.parent / page).read_text(encoding="utf-8"), re.MULTILINE)

    assert section in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_nothing_is_to_be_done_only_where_nothing_alerts() -> None:
    idle = {each.name for each in words.TROUBLES if "othing" in each.next.partition(":")[0]}

    assert idle == {Kind.TRUST_PENDING, Kind.TRUST_LEFTOVER}
    assert not idle & {each["expr"].partition('finding="')[2].partition('"')[0] for each in ALERTS.values()}


def test_only_what_is_judged_of_ad_fs_alone_speaks_of_it() -> None:
    """Anything else is found of other identity providers too; an overdue successor is one that AD FS owes."""
    speak = {each.name for each in words.TROUBLES if re.search("AD FS|[Ff]arm", f"{each.word.text} {each.next}")}

    assert speak == {Kind.ROLLOVER_OVERDUE}


def test_a_colour_has_one_meaning() -> None:
    severities = {each.word.text: each for each in words.TROUBLES}
    for listed in (words.STATE, words.TRUST, words.REACHABLE, words.LOOK, words.DIFFER, words.FAULT_NAMES):
        for word in listed:
            if word.text in severities:
                assert word.colour == severities[word.text].word.colour
    # A warning is orange wherever it stands, and what locks people out is red.
    assert {word.colour for word in (*words.REACHABLE, *words.LOOK) if word.value != 1} == {Colour.ORANGE}


def test_the_worse_a_state_the_larger_its_number() -> None:
    numbers = [word.value for word in words.STATES.values()]

    assert numbers == sorted(numbers, reverse=True)
    assert [state for state in words.BY_BADNESS if state] == list(State)
    # Blindness comes after what has stopped, and before what can wait.
    assert list(words.BY_BADNESS).index(None) == len(SEVERE)


def test_a_states_colour_says_how_bad_it_is() -> None:
    for state, word in words.STATES.items():
        tone = "red" if state in SEVERE else "orange" if state in WORK else "green"
        assert word.colour.endswith("blue" if state is State.PUBLISHED else tone)


def test_the_states_of_a_trust_have_the_words_of_the_page_and_the_worse_the_larger_number() -> None:
    assert {state: word.text for state, word in words.TRUSTS.items()} == TRUST_WORDS
    assert [word.value for word in words.TRUSTS.values()] == sorted(range(1, len(TrustState) + 1), reverse=True)
    assert [state for state, word in words.TRUSTS.items() if word.colour.endswith("red")] == [
        TrustState.BROKEN,
        TrustState.AT_RISK,
    ]


def test_the_colour_of_entra_ids_account_says_whether_it_could_read_the_metadata() -> None:
    colours = {True: Colour.GREEN, False: Colour.ORANGE, None: Colour.GREY}

    assert all(word.colour is colours[result.readable] for result, word in words.UPDATES.items())


def test_a_word_has_one_colour_on_every_board() -> None:
    colours: dict[str, set[str]] = {}
    for _, _, result in mapped():
        colours.setdefault(result["text"], set()).add(result["color"])

    assert {text: found for text, found in colours.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("title", "listed"),
    [
        ("Targets by state, worst first", words.BY_BADNESS.values()),
        ("Domains by state, worst first", words.TRUSTS.values()),
    ],
)
def test_the_tiles_have_the_colours_of_the_states(title: str, listed: Words) -> None:
    (tiles,) = (panel for panel in PANELS if panel.title == title)
    shown = {name: each["thresholds"]["steps"][1]["color"] for name, each in tiles.overrides.items()}

    assert shown == {word.text: word.colour for word in listed}


def test_colours_are_names_that_follow_the_theme() -> None:
    known = {str(each) for each in Colour} | {"rgba(0, 211, 255, 1)"}
    for board in BOARDS:
        assert set(colours(board.json)) <= known

    assert [each for each in Colour if each.startswith("#")] == [Colour.GREY]


def colours(json_value: object) -> Iterator[str]:
    """Everything that is called a colour."""
    if isinstance(json_value, dict):
        for key, value in json_value.items():
            if key in {"color", "fixedColor", "iconColor"} and isinstance(value, str):
                yield value
            yield from colours(value)
    elif isinstance(json_value, list):
        for value in json_value:
            yield from colours(value)


def test_a_state_is_never_shown_as_a_number() -> None:
    metrics = (
        "fedmeta_rollover_state",
        "fedmeta_metadata_signature_state",
        "fedmeta_metadata_reachable",
        "fedmeta_trust_state",
        "fedmeta_trust_update_result",
        "fedmeta_trust_primary_trusted",
        "fedmeta_nodes_agree",
    )
    for panel in PANELS:
        counts = any(query.expr.startswith(("count(", "sum(", "(max by (state)")) for query in panel.queries)
        if not counts and any(name in query.expr for query in panel.queries for name in metrics):
            assert [each for each in panel.mappings if each["type"] == "value"], str(panel)


def test_no_reason_is_taken_for_another_word() -> None:
    # "none failed" and "no failure" stand where a reason would.
    assert not {reason.value for reason in (*Reason, *TrustReason)} & {"none failed", "no failure"}
    assert "no failure" in json.dumps(BOARDS[1].json)
    assert "none failed" in json.dumps(BOARDS[2].json)
