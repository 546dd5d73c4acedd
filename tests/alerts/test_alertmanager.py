"""The Alertmanager sample sends every alert to where its severity belongs, and silences what it says and no more."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from alerts.inhibition import INHIBITIONS, SAMPLE, Labels, matches, silences
from alerts.rules import ALERTS as RULES_OF
from alerts.stories import STORIES


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


def receiver_of(amtool: str, labels: Labels) -> str:
    pairs = [f"{label}={value}" for label, value in labels.items()]
    return amtool_says(amtool, "config", "routes", "test", f"--config.file={SAMPLE}", *pairs).strip()


def test_amtool_finds_nothing_wrong_with_the_sample(amtool: str) -> None:
    amtool_says(amtool, "check-config", SAMPLE)


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_every_alert_goes_to_the_receiver_of_its_severity(severity: str, amtool: str) -> None:
    receiver = {"critical": "pager", "warning": "queue", "info": "chat"}[severity]
    for name, labels in ALERTS.items():
        if labels["severity"] == severity:
            assert receiver_of(amtool, labels) == receiver, name


def test_what_has_another_severity_or_none_is_not_lost(amtool: str) -> None:
    assert receiver_of(amtool, {"alertname": "Other"}) == "queue"


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
        "FedmetaTargetsUnwatched": {"FedmetaExporterDown"},
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
        "FedmetaExportersGone": {name for name, labels in ALERTS.items() if labels["severity"] != "critical"},
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
        "FedmetaExportersGone",
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
        "FedmetaTargetsUnwatched",
    }


def test_keys_that_were_replaced_silence_the_same_whoever_the_entity_is() -> None:
    replaced = ALERTS["FedmetaKeySetReplaced"]
    of_a_provider = {**ALERTS["FedmetaSpKeySetReplaced"], "entity_id": replaced["entity_id"]}

    assert silenced_by(of_a_provider) == silenced_by(replaced)


@pytest.mark.parametrize("label", ["job", "target", "entity_id", "node", "vantage", "domain"])
def test_an_alert_silences_nothing_of_another_job_target_entity_look_or_domain(label: str) -> None:
    for labels in ALERTS.values():
        if label in labels:
            # What is about all domains of a farm has no domain.
            assert not any(label in ALERTS[name] for name in silenced_by({**labels, label: "another"}))


def test_no_critical_alert_is_ever_silenced() -> None:
    silent = set().union(*(silenced_by(labels) for labels in ALERTS.values()))

    assert {ALERTS[name]["severity"] for name in silent} == {"warning", "info"}


def test_no_alert_that_is_not_ours_is_silenced() -> None:
    foreign = {"alertname": "Watchdog", "severity": "warning", "job": "fedmeta"}

    assert not any(matches(rule["target_matchers"], foreign) for rule in INHIBITIONS)


def test_both_alerts_have_every_label_that_must_be_equal() -> None:
    # Alertmanager takes two absent labels for equal.
    for rule in INHIBITIONS:
        for labels in ALERTS.values():
            if matches(rule["source_matchers"], labels) or matches(rule["target_matchers"], labels):
                assert labels.keys() >= set(rule["equal"])
