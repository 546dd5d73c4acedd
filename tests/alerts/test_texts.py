"""What the alerts about a target say, for each profile: in words for it, in whole sentences, whatever is not known."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from alerts.rules import ALERTS as RULES
from alerts.told import CASES, Case, Known, told
from found import EXAMPLES

from exporter.findings import Kind, Step, standing, step
from exporter.policy import Profile

A, B, C, D, E = (digit * 40 for digit in "12345")
"""The thumbprints of the primary, of its successor, of the one for encryption, and of two that are not published."""

ALERTS = tuple(dict.fromkeys(case.alert for case in CASES))
LONGEST = 900
"""Characters that can be read on a telephone."""
AD_FS = re.compile(
    r"AD FS|Adfs|\bfarm|federation server|Web Application Prox|\bWAP\b|AutoCertificateRollover", re.IGNORECASE
)
"""What only people who run AD FS know."""
COMMAND = re.compile(r"(curl|fedmeta-exporter) \S|df -h$|(Get|Set|Add|Update)-(Adfs|Mg)\w+($| -| \| )")

NO_AD_FS = {
    Kind.SP_CERTIFICATE_EXPIRED,
    Kind.SP_CERTIFICATE_ENDING,
    Kind.SP_KEY_SET_REPLACED,
    Kind.SP_METADATA_OUTDATED,
    Kind.ENTITY_VANISHED,
}
"""What is about an entity that AD FS never publishes: no command mends it."""

NAMED: Mapping[Kind, set[str]] = {
    Kind.ROLLOVER_MISSING: {A},
    Kind.SIGNING_CERTIFICATE_EXPIRED: {A},
    Kind.SP_CERTIFICATE_EXPIRED: {A},
    Kind.SP_CERTIFICATE_ENDING: {A},
    Kind.RENEWAL_DUE: {A},
    Kind.ROLLOVER_OVERDUE: {A},
    Kind.PROMOTION_STALLED: {A, B},
    Kind.PROMOTION_STALLED_LATE: {A, B},
    Kind.PROMOTION_ROLLED_BACK: {A},
    Kind.PRIMARY_CHANGED: {A},
    Kind.PRIMARY_DISPUTED: {A, B},
    Kind.POSSIBLE_PRIMARY_ENDING: {A},
    Kind.SUCCESSOR_PUBLISHED: {B},
    Kind.KEY_SET_REPLACED: {A, B},
    Kind.SP_KEY_SET_REPLACED: {A, B},
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: {B},
    Kind.SIGNING_KEYS_CHANGED: {A, B},
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: {C},
    Kind.CERTIFICATE_WEAK: {A, B, C},
    Kind.TRUST_BROKEN: {A, D, E},
    Kind.TRUST_BROKEN_AT_NODE: {A},
    Kind.TRUST_AT_RISK: {B},
    Kind.TRUST_PENDING_TOO_LONG: {B},
    Kind.TRUST_HALF_UPDATED: {B},
    Kind.TRUST_FOREIGN_CERTIFICATE: {D, E},
    Kind.ENTRA_CANNOT_READ_METADATA: {B},
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: {A},
    Kind.NODES_DIFFER: {A, B},
}
"""The certificates of the series that a text is about; no other kind has a certificate that can be named."""

SINCE: Mapping[Kind, str] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: "ended on Wednesday 31 December 1969, 00:00 UTC",
    Kind.SP_CERTIFICATE_EXPIRED: "ended on Wednesday 31 December 1969, 00:00 UTC",
    Kind.ROLLOVER_MISSING: "ends in 5.0 days",
    Kind.SP_CERTIFICATE_ENDING: "ends in 5.0 days",
    Kind.RENEWAL_DUE: "ends in 5.0 days",
    Kind.ROLLOVER_OVERDUE: "ends in 5.0 days",
    Kind.PROMOTION_STALLED: "ends in 5.0 days",
    Kind.PROMOTION_STALLED_LATE: "ends in 5.0 days",
    Kind.POSSIBLE_PRIMARY_ENDING: "ends in 5.0 days",
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: "ends in 5.0 days",
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: "ends in 5.0 days",
    Kind.TLS_CERTIFICATE_EXPIRING: "ends in 14.0 days",
    Kind.PROMOTION_ROLLED_BACK: "seen on Thursday 1 January 1970, 00:30 UTC",
    Kind.PRIMARY_CHANGED: "seen on Thursday 1 January 1970, 00:30 UTC",
    Kind.KEY_SET_REPLACED: "40m 0s ago",
    Kind.SP_KEY_SET_REPLACED: "40m 0s ago",
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: "40m 0s ago",
    Kind.SIGNING_KEYS_CHANGED: "40m 0s ago",
    Kind.NODES_DIFFER: "For 3h 10m 0s",
    Kind.METADATA_OUTDATED: "until Thursday 1 January 1970, 00:30 UTC",
    Kind.SP_METADATA_OUTDATED: "until Thursday 1 January 1970, 00:30 UTC",
    Kind.METADATA_OUTDATED_SOON: "until Thursday 1 January 1970, 00:30 UTC",
    Kind.METADATA_UNREACHABLE: "last read there 3h 10m 0s ago",
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: "last read there 3h 10m 0s ago",
    Kind.METADATA_OF_ANOTHER_ENTITY: "last read there 3h 10m 0s ago",
    Kind.ENTRA_CANNOT_READ_METADATA: "on Thursday 1 January 1970, 00:00 UTC",
}
"""Since when, or when: by what kind that is, as the series say it."""

OF_NO_DOCUMENT = {
    Kind.METADATA_NEVER_READ,
    Kind.METADATA_UNREACHABLE,
    Kind.METADATA_UNREACHABLE_FROM_INTERNET,
    Kind.TLS_CERTIFICATE_EXPIRING,
    Kind.CLOCK_WRONG,
    Kind.TRUST_STALE,
}
"""Judged by the looks or inquiries themselves, and not by what a document says."""
OF_ANSWERS = {kind for kind in Kind if kind.startswith("trust_")} | {Kind.ENTRA_CANNOT_READ_METADATA}
"""Judged by what Entra ID answered."""

each_alert = pytest.mark.parametrize("alert", ALERTS)


@pytest.fixture(scope="module")
def texts(promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Case, str]:
    return told(promtool, tmp_path_factory.mktemp("texts"))


def test_every_case_is_told(texts: Mapping[Case, str]) -> None:
    assert not {str(case) for case in CASES if case not in texts}


@each_alert
def test_the_words_fit_the_profile(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert and not (case.profile and case.profile.is_adfs):
            assert not AD_FS.search(text.replace("fs.example/adfs", "fs.example")), f"{case}\n{text}"


@each_alert
def test_who_runs_ad_fs_is_given_a_command_to_begin_with(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert and case.profile and case.profile.is_adfs and case.kind not in NO_AD_FS:
            assert any(map(COMMAND.match, text.splitlines())), f"{case}\n{text}"


def in_whole_sentences(text: str) -> bool:
    """Whether nothing is missing, and each command has a line of its own and words before it."""
    assert not re.search(r"no value|error|\{\{|\}\}|%!|\+0000|\s\s|\s$| [,.;:]|\(\)|\.\.|\bin days", text), text
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if COMMAND.match(line):
            assert line[-1] not in ".:", f"a command is pasted whole: {line}"
        else:
            assert re.match(r"[A-Z]|http", line), line
            assert line.endswith(":" if COMMAND.match(following) else "."), f"{line}\n{following}"
    return True


@each_alert
def test_a_text_is_whole_sentences_whatever_is_not_known(alert: str, texts: Mapping[Case, str]) -> None:
    assert all(in_whole_sentences(text) for case, text in texts.items() if case.alert == alert)


@each_alert
def test_a_text_can_be_read_on_a_telephone(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert:
            assert len(text) <= LONGEST, f"{case}: {len(text)}"


OF_EXPORTERS = [name for name, rule in RULES.items() if "fedmeta-exporter" in rule["annotations"]["dashboard_url"]] + [
    "FedmetaProbesStalled",
    "FedmetaWatchInterrupted",
]
"""Alerts that are mended at an exporter."""


def expected(alert: str) -> Iterator[str]:
    """What the tests for promtool beside this file say that an alert says, which promtool compares."""
    for file in sorted(Path(__file__).parent.glob("*.test.yml")):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for asked in test.get("alert_rule_test", ()):
                if asked["alertname"] == alert:
                    yield from (each["exp_annotations"]["description"] for each in asked["exp_alerts"])


@pytest.mark.parametrize("alert", OF_EXPORTERS)
def test_what_is_said_of_an_exporter_names_it_and_what_to_type_first(alert: str) -> None:
    said = set(expected(alert))

    assert said
    for text in said:
        assert in_whole_sentences(text)
        assert len(text) <= LONGEST, len(text)
        assert "_" not in text, "these are words, and no names of findings"
        if not text.endswith("silence this.") or "the last that watched" in text:
            assert re.search(r"xporter a |job fedmeta \(a\b|exporter \w\.|exporter [ab] of", text), text
        known = alert != "FedmetaExportersGone" or len(said) == 1
        assert not known or any(map(COMMAND.match, text.splitlines())), text
    assert any(COMMAND.match(line) for text in said for line in text.splitlines())


# What is done first


TRUSTED = re.compile(
    r"\b([Bb]ring|[Gg]ive|[Uu]pdate every|[Ww]rite|[Hh]as them|knows? (it|the one)|[Rr]eads? the document)\b"
)
"""Whoever does so makes others trust a certificate."""


def test_who_may_be_attacked_is_told_to_ask_before_anybody_trusts_anything_new(texts: Mapping[Case, str]) -> None:
    seen = set()
    for name, text in (*((str(case), text) for case, text in texts.items()), *steps()):
        sentences = re.split(r"(?<=[.:])\s", text)
        warns = [number for number, each in enumerate(sentences) if "attack" in each]
        trusts = [
            number
            for number, each in enumerate(sentences)
            if TRUSTED.search(each) and not re.search(r"nobody|write nothing|who wrote it", each)
        ]
        if warns and trusts:
            seen.add(name)
            assert warns[0] < trusts[0], text
    assert len(seen) > 5


def steps() -> Iterator[tuple[str, str]]:
    """What `check` says is to be done about each kind of finding, with its commands."""
    for kind in Kind:
        done = of(kind)
        yield kind, "\n".join((done.text, *done.commands))


def of(kind: Kind) -> Step:
    record, at = EXAMPLES[kind]
    return step(next(each for each in standing(record, at).findings if each.kind is kind), at)


@each_alert
def test_alert_and_check_begin_with_the_same_command(alert: str, texts: Mapping[Case, str]) -> None:
    case = Case(alert, Profile.ADFS, Known.ALL)
    first = next((line for line in texts[case].splitlines() if COMMAND.match(line)), "fedmeta-exporter check")
    commands = of(case.kind).commands

    # The command that shows the step begins with it as well.
    if commands and not first.startswith("fedmeta-exporter check"):
        assert commands[0] == first


RUNBOOK: Mapping[str, str] = dict(
    re.findall(
        r"^## (Fedmeta\w+)\n((?:(?!## ).*\n)*)",
        (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)

FIRST: Mapping[Kind, tuple[str, str]] = {
    Kind.KEY_SET_REPLACED: (r"\b[Aa]sk\b", r"\b[Bb]ring|[Uu]pdate every|update Entra ID|Write-Certificate"),
    Kind.TRUST_BROKEN: ("IsPrimary", r"[Ww]rite (it|that one) into Entra ID|Write-Certificate|Update-Mg"),
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: ("Update-AdfsCertificate", "Set-Adfs"),
    Kind.ROLLOVER_MISSING: (r"lists? (no|none|a)\b|Get-AdfsCertificate", "Update-AdfsCertificate|[Pp]romote it"),
}
"""The first act, and what must not be done before it."""


@pytest.mark.parametrize("kind", FIRST)
def test_alert_check_and_runbook_begin_with_the_same_act(kind: Kind, texts: Mapping[Case, str]) -> None:
    alert = "Fedmeta" + "".join(map(str.capitalize, kind.split("_")))
    _, _, fix = RUNBOOK[alert].partition("**Fix.**")
    first, later = FIRST[kind]
    for text in (texts[Case(alert, Profile.ADFS, Known.ALL)], dict(steps())[kind], fix):
        act, after = re.search(first, text), re.search(later, text)
        assert act, text
        assert after is None or act.start() < after.start(), text


def test_nothing_that_promotes_is_pasted_before_the_words_that_stop(texts: Mapping[Case, str]) -> None:
    promoting = 0
    for kind in Kind:
        commands = of(kind).commands
        for number, each in enumerate(commands):
            if each.startswith("Set-AdfsCertificate -CertificateType Token-Signing"):
                promoting += 1
                before = [line.startswith("# Stop here until Entra ID trusts") for line in commands[:number]]
                assert any(before), commands
                assert not any(line.startswith("Set-Adfs") for line in commands[: before.index(True)]), commands
            if "-AutoCertificateRollover $true" in each:
                assert commands[number - 1].startswith("# First see that AD FS lists no further successor"), commands
    for case, text in texts.items():
        for line in text.splitlines():
            if line.startswith("Set-AdfsCertificate -CertificateType Token-Signing"):
                promoting += 1
                assert "Entra ID and every other partner know it" in text.partition(line)[0], f"{case}: {text}"
    assert promoting > 5


def test_who_switches_rollover_off_is_told_to_switch_it_on_again(texts: Mapping[Case, str]) -> None:
    said = [*texts.values(), *(text for _, text in steps())]
    off = [text for text in said if re.search(r"switch(ed)? (AutoCertificateRollover )?off|must be off for that", text)]

    assert len(off) > 5
    assert not [text for text in off if not re.search(r"on again|Rollover \$true", text)]


# What is said in more than one place, or leaves something out


def test_every_before_says_before_what(texts: Mapping[Case, str]) -> None:
    said = [*texts.values(), *(text for _, text in steps())]

    # What was before needs no event: "other keys than before".
    assert not [text for text in said if re.search(r"(?<!than )(?<!read )(?<!from )\b(before|until then)[,.]", text)]
    assert not [text for text in said if re.search(r"\bthat end\b|switched off first before", text)]


def test_who_is_to_name_a_certificate_in_the_policy_is_told_in_which_form(texts: Mapping[Case, str]) -> None:
    # The configuration refuses a SHA-1 there, which is all that AD FS prints.
    said = [text for text in texts.values() if "under primary in the policy" in text]

    assert said
    for text in said:
        asked = text.partition("under primary in the policy")[2]
        assert "by its SHA-256" in asked
        assert "fedmeta-exporter check" in asked


def test_no_text_speaks_of_a_day_that_is_past(texts: Mapping[Case, str]) -> None:
    by_default = 0
    for case, text in texts.items():
        left = re.search(r"ends in ([0-9.]+) days", text)
        if "15 days before the end" in text:
            by_default += 1
            assert left is None or float(left[1]) > 15, f"{case}: {text}"
    assert by_default


def test_no_certificate_is_trusted_and_not_trusted_in_one_text(texts: Mapping[Case, str]) -> None:
    said = [text for text in texts.values() if "It trusts " in text]

    assert said
    for text in said:
        refused, _, trusted = text.partition("It trusts ")
        held = trusted.partition(".")[0]
        assert not {*re.findall(r"\b[0-9A-F]{40}\b", refused)} & {*re.findall(r"\b[0-9A-F]{40}\b", held)}, text


def test_the_file_with_the_configuration_has_one_name_in_alerts_and_one_in_findings(texts: Mapping[Case, str]) -> None:
    of_alerts = "\n".join((*texts.values(), *(each for a in OF_EXPORTERS for each in expected(a))))
    of_findings = "\n".join(text for _, text in steps())

    assert set(re.findall(r"--config\.file[ =](\S+)", of_alerts)) == {"fedmeta.yml"}
    assert set(re.findall(r"--config\.file[ =]('.*?'|\S+)", of_findings)) == {"'<configuration file>'"}


@each_alert
def test_a_text_names_the_certificates_as_ad_fs_prints_them(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert and case.known is Known.ALL:
            expected = NAMED.get(case.kind, set())
            assert {*re.findall(r"\b[0-9A-F]{40}\b", text)} == expected, f"{case}\n{text}"


@each_alert
def test_a_text_says_since_when_or_when(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert and case.known is Known.ALL:
            assert SINCE.get(case.kind, "") in text, f"{case}\n{text}"


@each_alert
def test_a_text_says_how_old_what_it_judges_by_is(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert:
            old = case.known is Known.GONE
            if case.kind not in OF_NO_DOCUMENT:
                age = "4h 7m 0s ago" if old else "2m 0s ago"
                assert re.search(rf"[Dd]ocument (that says so |that )?was read {age}", text), f"{case}\n{text}"
            if case.kind in OF_ANSWERS and not old:
                assert "20m 0s" in text, f"{case}\n{text}"
            if case.kind in OF_ANSWERS & {Kind.TRUST_BROKEN, Kind.TRUST_AT_RISK} and old:
                assert "Entra ID's last answer is 4h 25m 0s old at most, and none since" in text


@each_alert
def test_who_is_told_by_old_evidence_is_to_see_first_whether_it_still_is_so(
    alert: str, texts: Mapping[Case, str]
) -> None:
    for case, text in texts.items():
        if case.alert == alert and "document that says so" in text:
            assert ("see first whether it still is so" in text) == (case.known is Known.GONE), f"{case}\n{text}"


LOOK, UPDATE = "Get-AdfsCertificate -CertificateType Token-Signing", "Update-AdfsCertificate"

TAUGHT = {
    "one domain was forgotten": ("TrustBroken", "adfs", ["contoso.com", A, "It trusts", LOOK, "check"]),
    "all keys were replaced": ("KeySetReplaced", "adfs", [B, LOOK, "-Urgent", "an attack", "to every partner"]),
    "a farm kept by hand renews by itself": ("KeySetReplaced", "adfs-manual", ["thought to be off here"]),
    "nobody renews": ("RolloverMissing", "adfs", [LOOK, UPDATE, "AutoCertificateRollover switched off first"]),
    "a cache of days": ("RolloverOverdue", "adfs", ["may be an old copy", LOOK, UPDATE]),
    "one node lags": ("NodesDiffer", "adfs", ["wap1", A, B, LOOK]),
    "an exporter's way is broken": ("MetadataUnreachableInPollWindow", "adfs", ["reason: timeout", A, "was read"]),
    "a farm has another name": ("MetadataOfAnotherEntity", "adfs", ["another entity", "entity_id"]),
    "nothing is signed": ("PossiblePrimaryEnding", "saml", ["nothing proves which one signs", A, "under primary"]),
    "a service provider's key": ("SpKeySetReplaced", "saml", ["Identity providers that check its signed requests", B]),
    "other thresholds generate": ("UnexpectedSigningCertificate", "adfs", ["20 days", "Get-AdfsProperties", "policy"]),
    "other thresholds promote": ("TrustAtRisk", "adfs", ["20 and 5 days", "Get-AdfsProperties", "policy"]),
    "a secret ended": ("TrustStale", "adfs", ["20m 0s ago", "reason: refused", "secret"]),
}
"""What simulated lives of farms taught that a text must say, in this order."""


@pytest.mark.parametrize("life", TAUGHT)
def test_a_text_says_what_a_life_taught(life: str, texts: Mapping[Case, str]) -> None:
    alert, profile, words = TAUGHT[life]
    text = texts[Case(f"Fedmeta{alert}", Profile(profile), Known.ALL)]

    assert re.search(".*".join(map(re.escape, words)), text, re.DOTALL), text


def test_no_text_says_into_which_slot_a_certificate_is_to_be_written(texts: Mapping[Case, str]) -> None:
    # It is the one that does not hold the key in use, and only who looks knows which that is.
    assert not [text for text in texts.values() if re.search(r"-(Next)?SigningCertificate\b", text)]


def test_the_texts_read_as_they_should(texts: Mapping[Case, str], golden: Callable[[str, str], str]) -> None:
    read = []
    for alert, cases in groupby(CASES, key=lambda case: case.alert):
        whose: dict[str, list[Case]] = {}
        for case in cases:
            whose.setdefault(texts[case], []).append(case)
        read += [f"{alert}: {' / '.join(map(str, same))}\n{text}\n" for text, same in whose.items()]
    text = "\n".join(read)

    assert text == golden("texts.txt", text)
