"""What the alerts about a target say, for each profile: in words for it, in whole sentences, whatever is not known."""

import re
from collections.abc import Callable, Mapping
from itertools import groupby

import pytest
from alerts.told import CASES, Case, Known, told

from exporter.findings import Kind
from exporter.policy import Profile

A, B, C, D, E = (digit * 40 for digit in "12345")
"""The thumbprints of the primary, of its successor, of the one for encryption, and of two that are not published."""

ALERTS = tuple(dict.fromkeys(case.alert for case in CASES))
AD_FS = re.compile(
    r"AD FS|Adfs|\bfarm|federation server|Web Application Prox|\bWAP\b|AutoCertificateRollover", re.IGNORECASE
)
"""What only people who run AD FS know."""
COMMAND = re.compile(r"fedmeta-exporter \S|(Get|Set|Add|Update)-(Adfs|Mg)\w+($| -| \| )")

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


@each_alert
def test_a_text_is_whole_sentences_whatever_is_not_known(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert:
            assert not re.search(r"no value|error|\{\{|\}\}|%!|\+0000|\s\s|\s$| [,.;:]|\(\)|\.\.|\bin days", text), text
            lines = text.splitlines()
            for line, following in zip(lines, [*lines[1:], ""], strict=True):
                if COMMAND.match(line):
                    assert line[-1] not in ".:", f"a command is pasted whole: {line}"
                else:
                    assert re.match(r"[A-Z]|http", line), line
                    assert line.endswith(":" if COMMAND.match(following) else "."), f"{case}: {line}\n{following}"


@each_alert
def test_a_text_can_be_read_on_a_telephone(alert: str, texts: Mapping[Case, str]) -> None:
    for case, text in texts.items():
        if case.alert == alert:
            assert len(text) <= 900, f"{case}: {len(text)}"


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
