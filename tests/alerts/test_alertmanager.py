"""The Alertmanager sample sends every alert to where its severity belongs, and silences what it says and no more."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stack
import yaml
from alerts.inhibition import INHIBITIONS, SAMPLE, Labels, matches, silences
from alerts.rules import ALERTS as RULES_OF
from alerts.stories import STORIES

ROOT = Path(__file__).parents[2]
CONFIGURATION: Mapping[str, Any] = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
OURS = {"pager", "queue", "chat"}


def firing() -> Iterator[tuple[str, Labels]]:
    """Every alert, with the labels that the tests of the rules compare."""
    texts = yaml.safe_load((Path(__file__).parent / "texts.yml").read_text(encoding="utf-8"))
    for name, story in STORIES.items():
        labels = {"job": "fedmeta", **RULES_OF[story.alert]["labels"], **texts[name]["labels"]}
        yield story.alert, {"alertname": story.alert, **labels}
    for file in sorted(Path(__file__).parent.glob("*.test.yml")):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for each in test.get("alert_rule_test", ()):
                for expected in each["exp_alerts"]:
                    name = each["alertname"]
                    yield name, {"alertname": name, **expected["exp_labels"]}


# The first of each: what is about the service comes before what is about its nodes.
ALERTS: Mapping[str, Labels] = dict(reversed(list(firing())))


def silenced_by(source: Labels) -> set[str]:
    """The alerts that are silent while this one fires."""
    return {name for name, labels in ALERTS.items() if silences(source, labels)}


def amtool_says(amtool: str, *arguments: str | Path) -> str:
    command = [amtool, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- amtool, by its fixture
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def receiver_of(amtool: str, labels: Labels, file: Path = SAMPLE) -> str:
    pairs = [f"{label}={value}" for label, value in labels.items()]
    return amtool_says(amtool, "config", "routes", "test", f"--config.file={file}", *pairs).strip()


FOREIGN = ("Watchdog", "TargetDown", "OurFedmetaExporterDown", "Fedmeta", "fedmetaexporterdown", "")
"""Names of alerts that are not ours."""


@pytest.fixture(scope="module")
def bigger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of somebody who has routes, and took ours into them, before his own."""
    (block,) = CONFIGURATION["route"]["routes"]
    theirs = {
        **CONFIGURATION,
        "route": {
            "receiver": "everything",
            "group_by": ["..."],
            "routes": [block, {"matchers": ["job = fedmeta"], "receiver": "everything"}],
        },
        "receivers": [{"name": name} for name in ("everything", *OURS)],
    }
    file = tmp_path_factory.mktemp("bigger") / "alertmanager.yml"
    file.write_text(json.dumps(theirs), encoding="utf-8")
    return file


def test_amtool_finds_nothing_wrong_with_the_sample(amtool: str) -> None:
    amtool_says(amtool, "check-config", SAMPLE)


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_every_alert_goes_to_the_receiver_of_its_severity(severity: str, amtool: str) -> None:
    receiver = {"critical": "pager", "warning": "queue", "info": "chat"}[severity]
    for name, labels in ALERTS.items():
        if labels["severity"] == severity:
            assert receiver_of(amtool, labels) == receiver, name


def test_one_of_ours_that_has_another_severity_or_none_is_not_lost(amtool: str) -> None:
    assert receiver_of(amtool, {"alertname": "FedmetaOther"}) == "queue"
    assert receiver_of(amtool, {"alertname": "FedmetaOther", "severity": "page"}) == "queue"


def test_the_alerts_of_these_tests_are_those_of_the_rules() -> None:
    assert ALERTS.keys() >= RULES_OF.keys()


@pytest.mark.parametrize("name", FOREIGN)
def test_no_alert_that_is_not_ours_reaches_our_receivers(name: str, amtool: str, bigger: Path) -> None:
    for severity in ("critical", "warning", "info", "none"):
        for labels in ({"job": "fedmeta"}, {"job": "node", "target": "fs"}):
            foreign = {"alertname": name, "severity": severity, **labels}
            assert receiver_of(amtool, foreign) == "default"
            assert receiver_of(amtool, foreign, bigger) == "everything"


def test_the_block_sends_the_same_to_the_same_in_a_bigger_configuration(amtool: str, bigger: Path) -> None:
    for severity, receiver in (("critical", "pager"), ("warning", "queue"), ("info", "chat")):
        ours = next(labels for labels in ALERTS.values() if labels["severity"] == severity)
        assert receiver_of(amtool, ours, bigger) == receiver


@pytest.mark.parametrize(
    ("alert", "silent"),
    {
        "FedmetaMetadataUnreachableInPollWindow": {
            "FedmetaMetadataUnreachable",
            "FedmetaMetadataUnreachableFromInternet",
        },
        "FedmetaMetadataUnreachableFromInternet": {"FedmetaMetadataUnreachable"},
        "FedmetaTrustBroken": {
            "FedmetaTrustPendingTooLong",
            "FedmetaEntraCannotReadMetadata",
            "FedmetaPromotionRolledBack",
            "FedmetaRolloverOverdue",
            "FedmetaEncryptionCertificateExpiring",
        },
        "FedmetaRolloverOverdue": {"FedmetaEncryptionCertificateExpiring"},
        "FedmetaRolloverMissing": {"FedmetaEncryptionCertificateExpiring"},
        "FedmetaPromotionStalled": {"FedmetaEncryptionCertificateExpiring"},
        "FedmetaPromotionStalledLate": {"FedmetaEncryptionCertificateExpiring"},
        "FedmetaAnswersTakeTurns": {
            "FedmetaRolloverOverdue",
            "FedmetaRenewalDue",
            "FedmetaPromotionStalled",
            "FedmetaEncryptionCertificateExpiring",
        },
        "FedmetaPrimaryDisputed": {"FedmetaTrustUnknown"},
        "FedmetaClockWrong": {"FedmetaProbesStalled"},
        "FedmetaTrustBrokenAtNode": {"FedmetaNodesDiffer", "FedmetaAnswersTakeTurns"},
        "FedmetaSigningKeysUnreadable": {"FedmetaCertificateUnreadable"},
        "FedmetaSigningCertificateExpired": {
            "FedmetaPossiblePrimaryEnding",
            "FedmetaPrimaryDisputed",
            "FedmetaEncryptionCertificateExpiring",
        },
        "FedmetaMetadataOfAnotherEntity": {"FedmetaMetadataUnreachable", "FedmetaMetadataUnreachableFromInternet"},
        "FedmetaNodesDiffer": {"FedmetaAnswersTakeTurns"},
        "FedmetaPossiblePrimaryEnding": {"FedmetaPrimaryDisputed", "FedmetaTrustUnknown"},
        "FedmetaPromotionRolledBack": {"FedmetaPrimaryChanged"},
        "FedmetaTrustAtRisk": {
            "FedmetaTrustPendingTooLong",
            "FedmetaTrustHalfUpdated",
            "FedmetaEntraCannotReadMetadata",
        },
        "FedmetaTrustHalfUpdated": {"FedmetaTrustPendingTooLong"},
        "FedmetaEntraCannotReadMetadata": {"FedmetaTrustPendingTooLong"},
        "FedmetaKeySetReplaced": {
            "FedmetaUnexpectedSigningCertificate",
            "FedmetaSigningKeysChanged",
            "FedmetaPrimaryChanged",
            "FedmetaPromotionRolledBack",
        },
        "FedmetaTargetsUnwatched": {"FedmetaExporterDown"},
        "FedmetaExportersGone": {"FedmetaConfigReloadFailed", "FedmetaStateNotSaved"},
        "FedmetaWatchInterrupted": {"FedmetaProbesStalled"},
    }.items(),
)
def test_an_alert_silences_what_says_the_same_of_the_same(alert: str, silent: set[str]) -> None:
    assert silenced_by(ALERTS[alert]) == silent


def test_no_other_alert_silences_anything() -> None:
    silencing = {name for name, labels in ALERTS.items() if silenced_by(labels)}

    assert silencing == {
        "FedmetaMetadataUnreachableInPollWindow",
        "FedmetaMetadataUnreachableFromInternet",
        "FedmetaTrustBroken",
        "FedmetaTrustAtRisk",
        "FedmetaTrustHalfUpdated",
        "FedmetaEntraCannotReadMetadata",
        "FedmetaKeySetReplaced",
        "FedmetaTargetsUnwatched",
        "FedmetaExportersGone",
        "FedmetaWatchInterrupted",
        "FedmetaTrustBrokenAtNode",
        "FedmetaSigningKeysUnreadable",
        "FedmetaSigningCertificateExpired",
        "FedmetaMetadataOfAnotherEntity",
        "FedmetaNodesDiffer",
        "FedmetaPossiblePrimaryEnding",
        "FedmetaPromotionRolledBack",
        "FedmetaRolloverOverdue",
        "FedmetaRolloverMissing",
        "FedmetaPromotionStalled",
        "FedmetaPromotionStalledLate",
        "FedmetaAnswersTakeTurns",
        "FedmetaPrimaryDisputed",
        "FedmetaClockWrong",
    }


def test_keys_that_were_replaced_silence_the_same_whoever_the_entity_is() -> None:
    replaced = ALERTS["FedmetaKeySetReplaced"]
    of_a_provider = {**ALERTS["FedmetaSpKeySetReplaced"], "entity_id": replaced["entity_id"]}

    assert silenced_by(of_a_provider) == silenced_by(replaced)


@pytest.mark.parametrize("label", ["job", "instance", "target", "entity_id", "node", "vantage", "domain"])
def test_an_alert_silences_nothing_of_another_job_exporter_target_entity_look_or_domain(label: str) -> None:
    for labels in ALERTS.values():
        if label in labels:
            # What is about all domains of a farm has no domain.
            assert not any(label in ALERTS[name] for name in silenced_by({**labels, label: "another"}))


def test_no_critical_alert_is_ever_silenced() -> None:
    # Whatever their labels are: by the matchers alone.
    silent = {
        name for rule in INHIBITIONS for name, labels in ALERTS.items() if matches(rule["target_matchers"], labels)
    }

    assert silent
    assert {ALERTS[name]["severity"] for name in silent} <= {"warning", "info"}


@pytest.mark.parametrize("name", FOREIGN)
def test_no_alert_that_is_not_ours_silences_any_nor_is_silenced(name: str) -> None:
    for rule in INHIBITIONS:
        for labels in ALERTS.values():
            foreign = {**labels, "alertname": name}
            assert not matches(rule["source_matchers"], foreign)
            assert not matches(rule["target_matchers"], foreign)


def test_no_warning_about_a_target_is_silenced_because_an_exporter_is_gone() -> None:
    for gone in ("FedmetaTargetsUnwatched", "FedmetaExportersGone", "FedmetaExporterDown", "FedmetaExporterBlind"):
        assert not [name for name in silenced_by(ALERTS[gone]) if "target" in ALERTS[name]]


async def test_a_real_alertmanager_silences_the_same_and_none_that_is_not_ours(
    alertmanager: str, tmp_path: Path
) -> None:
    foreign = [{**labels, "alertname": name} for labels in ALERTS.values() for name in FOREIGN if name]
    told = [{"labels": labels} for labels in [*foreign, *ALERTS.values()]]
    expected = set().union(*(silenced_by(labels) for labels in ALERTS.values()))
    silent: set[str] = set()
    async with (
        stack.alertmanager(alertmanager, CONFIGURATION, tmp_path) as url,
        aiohttp.ClientSession(raise_for_status=True) as client,
        asyncio.timeout(30),
    ):
        await client.post(f"{url}/api/v2/alerts", json=told)
        # What silences is taken up beside the answer, one alert after the other.
        while not silent >= expected:
            async with client.get(f"{url}/api/v2/alerts") as answer:
                taken = await answer.json()
            silent = {each["labels"]["alertname"] for each in taken if each["status"]["state"] == "suppressed"}

    assert silent == expected


def test_both_alerts_have_every_label_that_must_be_equal() -> None:
    # Alertmanager takes two absent labels for equal.
    for rule in INHIBITIONS:
        for labels in ALERTS.values():
            if matches(rule["source_matchers"], labels) or matches(rule["target_matchers"], labels):
                assert labels.keys() >= set(rule["equal"])
