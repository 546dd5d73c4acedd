"""docs/runbooks.md: every alert has its section, what it says holds, and what is for a shell was run."""

import base64
import hashlib
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import builders
import found
import pytest
import trustme
import yaml
from builders import DAY, NOW
from scrapes import federated, good

from exporter.config import reader
from exporter.config.settings import INTERNET, SERVICE
from exporter.exposition.families import FAMILIES
from exporter.exposition.own import OWN_FAMILIES
from exporter.findings import Kind, Standing, outlook, standing, step
from exporter.history import Change
from exporter.inquiry import DomainTrust, TrustReason, UpdateResult
from exporter.model import Certificate, FaultKind, Observation, Reason, Role, Use
from exporter.policy import DEFAULTS, THRESHOLD_NAMES, PolicySettings, Profile
from exporter.record import Record
from exporter.rollover import PROMOTION_GRACE, Position, State
from exporter.trust import Answer, TrustState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
GROUPS = yaml.safe_load((ROOT / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS: Mapping[str, Mapping[str, str]] = {
    rule["alert"]: {"severity": rule["labels"]["severity"], "expr": rule["expr"], **rule["annotations"]}
    for rule in RULES
    if "alert" in rule
}
ABOUT_EXPORTERS = {rule["alert"] for group in GROUPS if group["name"] == "fedmeta.exporter" for rule in group["rules"]}
SECTIONS: Mapping[str, str] = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
PARTS = ("Meaning", "Impact", "Check", "Fix", "False alarms")

LABELS = {family.name: {"target", *family.labels} for family in FAMILIES} | {
    name: set(labels) for name, (_, labels) in OWN_FAMILIES.items()
}
SERIES = LABELS | {
    f"{name}{part}": labels
    for name, labels in LABELS.items()
    if name in OWN_FAMILIES and OWN_FAMILIES[name][0] == "summary"
    for part in ("_sum", "_count")
}
"""What has samples, and the labels these may have."""

FEDERATION_SERVICE = "sts.contoso.com"

VALUES: Mapping[str, set[str]] = {
    "target": {FEDERATION_SERVICE},
    "node": {SERVICE},
    "vantage": {INTERNET},
    "published": set(Answer),
    "finding": set(Kind),
    "state": {*State, *TrustState},
    "position": set(Position),
    "change": set(Change),
    "kind": set(FaultKind),
    "use": set(Use),
    "threshold": set(THRESHOLD_NAMES),
}

NEEDED: Mapping[Kind, set[str]] = {
    Kind.ROLLOVER_MISSING: {"missing", "successor_margin"},
    Kind.PROMOTION_STALLED_LATE: {"missing", "promotion"},
    Kind.PROMOTION_STALLED: {"missing", "promotion"},
    Kind.ROLLOVER_OVERDUE: {"generation"},
    Kind.RENEWAL_DUE: {"due"},
    Kind.POSSIBLE_PRIMARY_ENDING: {"missing"},
    Kind.SP_CERTIFICATE_ENDING: {"missing", "successor_margin"},
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: {"unexpected"},
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: {"encryption"},
    Kind.TRUST_AT_RISK: {"notice", "trust"},
    Kind.TRUST_PENDING_TOO_LONG: {"poll"},
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: {"poll"},
    Kind.METADATA_OUTDATED_SOON: {"valid_until"},
    Kind.TLS_CERTIFICATE_EXPIRING: {"tls"},
}
"""The thresholds that decide a finding."""

SYNOPSES = """
Add-AdfsCertificate -CertificateType -Thumbprint [-IsPrimary]
Add-PSSnapin
Enable-AdfsEndpoint -TargetAddressPath
Get-AdfsCertificate [-CertificateType]
Get-AdfsClaimsProviderTrust
Get-AdfsEndpoint [-AddressPath]
Get-AdfsProperties
Get-AdfsRelyingPartyTrust
Get-AdfsSslCertificate
Get-AdfsSyncProperties
Remove-AdfsCertificate -CertificateType -Thumbprint
Set-AdfsAlternateTlsClientBinding -Thumbprint
Set-AdfsCertificate -CertificateType -Thumbprint [-IsPrimary]
Set-AdfsEndpoint -TargetAddressPath -Proxy
Set-AdfsProperties [-AutoCertificateRollover]
Set-AdfsSslCertificate -Thumbprint
Update-AdfsCertificate [-CertificateType] [-Urgent]
Get-WebApplicationProxyHealth
Get-WebApplicationProxySslCertificate
Install-WebApplicationProxy -FederationServiceTrustCredential -CertificateThumbprint -FederationServiceName
Set-WebApplicationProxySslCertificate -Thumbprint
Connect-Entra [-Scopes]
Get-EntraFederationProperty -DomainName
Set-EntraDomainFederationSettings [-DomainName]
Connect-MgGraph [-Scopes] [-Environment]
Get-MgAuditLogDirectoryAudit [-All] [-Filter]
Get-MgDomain [-All] [-ErrorAction]
Get-MgDomainFederationConfiguration -DomainId [-ErrorAction]
Update-MgDomainFederationConfiguration -DomainId -InternalDomainFederationId [-SigningCertificate]
  [-NextSigningCertificate] [-ErrorAction]
ConvertTo-Json [-Depth]
Enter-PSSession [-ComputerName]
Format-List
Format-Table [-Wrap]
ForEach-Object
Get-ChildItem
Get-CimInstance [-Filter]
Get-Content [-Raw]
Get-Credential
Get-Date
Get-HotFix [-Id]
Get-PSDrive [-PSProvider]
Get-Service
Get-WinEvent [-LogName] [-FilterHashtable] [-MaxEvents]
Group-Object
Install-Module [-Scope]
Restart-Service
Select-Object [-First] [-Last]
Select-String [-Path] [-SimpleMatch]
Set-Content
Sort-Object [-Unique] [-CaseSensitive]
Start-Service
Where-Object
"""
"""The cmdlets that may be named and what they may be given, by Microsoft's references. Brackets: may be left out."""

CMDLET = re.compile(
    r"\b(?:Add|Connect|ConvertTo|Enable|Enter|ForEach|Format|Get|Group|Install|Remove|Restart|Select|Set|Sort|Start|Update|Where)-[A-Z]\w+"
)


@dataclass(frozen=True)
class Synopsis:
    """What a cmdlet must and may be given."""

    required: frozenset[str]
    optional: frozenset[str]


def synopses() -> Iterator[tuple[str, Synopsis]]:
    for text in re.split(r"\n(?! )", SYNOPSES.strip()):
        name, *parameters = text.split()
        required = frozenset(each for each in parameters if not each.startswith("["))
        yield name, Synopsis(required, frozenset(each.strip("[]") for each in parameters) - required)


CMDLETS = dict(synopses())


def alert_of(kind: Kind) -> str:
    """The name of the alert that a kind has, if it has one."""
    return "Fedmeta" + "".join(word.capitalize() for word in kind.split("_"))


def parts(alert: str) -> Mapping[str, str]:
    """The text of each part of an alert's section."""
    return dict(re.findall(r"^\*\*([\w ]+)\.\*\*((?:(?!^\*\*).*\n)*)", SECTIONS[alert], re.MULTILINE))


def blocks(language: str, text: str = PAGE) -> list[str]:
    """The code blocks of a language, without the indentation they have in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def spans(text: str = PAGE) -> list[str]:
    """What stands in code type within the prose."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", prose)


def flat(text: str) -> str:
    return " ".join(text.split())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings}


def calls(command_lines: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Every cmdlet that is called, and the parameters it is given."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "''", command_lines)
    while nested := re.search(r"\(([^(){}]*)\)|\{([^(){}]*)\}", text):
        yield from calls(nested[1] or nested[2] or "")
        text = text.replace(nested[0], "''")
    for call in re.split(r"[|;=\n]| in ", re.sub(r"([,|])\n", r"\1 ", text)):
        words = call.split()
        if words and CMDLET.fullmatch(words[0]):
            yield words[0], frozenset(re.findall(r"(?<= )-[A-Za-z]\w*", call))


def test_every_alert_has_a_section_in_the_order_of_the_rules_and_every_section_an_alert() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)

    assert headings[headings.index("The alerts") + 1 : headings.index("Sources")] == list(ALERTS)


def test_the_list_of_alerts_has_each_with_its_severity() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \| \S.* \|$", SECTIONS["The alerts"], re.MULTILINE)

    assert rows == [(name, name.lower(), each["severity"]) for name, each in ALERTS.items()]


@pytest.mark.parametrize("alert", ALERTS)
def test_the_rules_link_leads_to_the_section(alert: str) -> None:
    _, _, anchor = ALERTS[alert]["runbook_url"].partition("/docs/runbooks.md#")

    assert anchor == alert.lower()
    assert anchor in anchors(PAGE)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_section_has_exactly_its_five_parts_and_says_something_in_each(alert: str) -> None:
    found = parts(alert)

    assert tuple(found) == PARTS
    assert SECTIONS[alert].lstrip().startswith("**Meaning.** "), "and nothing before them"
    for name, text in found.items():
        assert len(text.split()) >= 5, name


@pytest.mark.parametrize("alert", ALERTS)
def test_a_check_shows_the_evidence_and_how_to_look_by_oneself(alert: str) -> None:
    check = parts(alert)["Check"]

    assert blocks("promql", check)
    assert blocks("bash", check) or "(#see-what-is-published-from-outside)" in check or "From outside" in check
    if alert not in ABOUT_EXPORTERS:
        # What follows a block for Linux says the same for Windows.
        assert re.search(r"(?<!```\n\n)```powershell", check) or "AD FS" in check


def test_it_names_no_metric_that_does_not_exist() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}

    assert set(re.findall(r"\bfedmeta_\w+", PAGE)) <= SERIES.keys()
    assert set(re.findall(r"\bfedmeta:[\w:]+", PAGE)) <= recorded


@pytest.mark.parametrize("query", blocks("promql"))
def test_a_query_asks_for_labels_and_values_that_exist(query: str) -> None:
    matchers = re.findall(r"(fedmeta_\w+)\{(.*?)\}", query)

    for name, within in matchers:
        for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', within):
            assert label in SERIES[name]
            assert set(value.split("|") if operator == "=~" else [value]) <= VALUES[label]


def test_every_query_is_one_that_prometheus_reads(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(blocks("promql"))]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")

    said = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)  # noqa: S603 -- all of it is ours

    assert said.returncode == 0, said.stderr
    assert f"{len(rules)} rules found" in said.stdout


def quoted_thresholds(text: str) -> Iterator[tuple[str, Profile, float]]:
    """Each default that is quoted: "threshold `due` (35 days, `saml` 30)"."""
    for name, days, others in re.findall(r"threshold `(\w+)` \((\d+) days(?:, ([^)]*))?\)", flat(text)):
        exceptions = {
            Profile(profile): float(number)
            for named, number in re.findall(r"((?:`[\w-]+`(?: and )?)+) (\d+)", others)
            for profile in re.findall(r"`([\w-]+)`", named)
        }
        for profile in Profile:
            yield name, profile, exceptions.get(profile, float(days))


def test_every_default_of_a_threshold_that_is_quoted_is_the_policys() -> None:
    quoted = list(quoted_thresholds(PAGE))

    assert len(quoted) == len(Profile) * flat(PAGE).count("threshold `"), "each threshold is named with its default"
    for name, profile, days in quoted:
        assert days == getattr(DEFAULTS[profile], name), f"{name} of {profile}"


@pytest.mark.parametrize("kind", NEEDED)
def test_a_section_quotes_the_thresholds_that_decide_its_finding(kind: Kind) -> None:
    assert NEEDED[kind] <= {name for name, _, _ in quoted_thresholds(SECTIONS[alert_of(kind)])}


def test_how_long_a_promotion_may_be_late_is_what_the_exporter_waits() -> None:
    hours = re.findall(r"(\d+) hours ago or more", flat(SECTIONS["FedmetaPromotionStalled"]))

    assert [float(each) * builders.HOUR for each in hours] == [PROMOTION_GRACE]


def test_the_retired_cmdlets_stand_in_one_line_with_what_replaces_them() -> None:
    lines = [line for line in PAGE.splitlines() if re.search(r"-MSOL|MSOnline|AzureAD", line, re.IGNORECASE)]

    (mapping,) = lines
    for old, new in re.findall(r"`(\w+-Msol\w+)` → `([\w-]+)`", mapping):
        assert old not in CMDLETS
        assert new in CMDLETS
    assert mapping.count("Msol") == 4


def test_every_cmdlet_called_exists_and_has_what_it_needs() -> None:
    called = [call for block in blocks("powershell") for call in calls(block)]

    assert len(called) > 100, "the blocks were understood"
    for name, given in called:
        assert name in CMDLETS
        assert CMDLETS[name].required <= given <= CMDLETS[name].required | CMDLETS[name].optional, f"{name} {given}"


SLOT = re.compile(r"(?<![\w.])-(?:Next)?SigningCertificate\b")
WRITES = "Update-MgDomainFederationConfiguration"


def told() -> Iterator[tuple[str, str]]:
    """Every line that a person may read or copy, and the file it is in."""
    folders = ("docs/*.md", "*.md", "alerts/*.yml", "dashboards/*", "exporter/**/*.py")
    for path in sorted(each for pattern in folders for each in ROOT.glob(pattern) if each.is_file()):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.name, line


def test_no_command_anywhere_writes_a_slot_without_knowing_where_the_key_in_use_is() -> None:
    naming = [(name, line.partition(" = ")[0]) for name, line in told() if SLOT.search(line)]

    # The exporter's own steps compare both slots: tests/property/test_trust.py.
    assert naming == [("steps.py", "_SLOT_FLAGS")]


def test_one_block_has_the_functions_that_write_and_every_section_calls_them() -> None:
    (writing,) = [block for block in blocks("powershell") if WRITES in block]

    assert writing in blocks("powershell", SECTIONS["Update Entra ID, domain by domain"])
    assert writing.count(WRITES) == 2


def test_every_function_that_is_called_is_defined_on_the_page_and_given_what_it_needs() -> None:
    defined = dict(re.findall(r"^function (\w+-\w+)\((.*)\) \{$", "\n".join(blocks("powershell")), re.MULTILINE))
    called = re.findall(
        r"(?<!function )\b((?:Find|Read|Show|Write)-\w+)((?: (?:'[^']*'|\$[\w.]+))+)", "\n".join(blocks("powershell"))
    )

    assert defined.keys() == {name for name, _ in called}
    for name, given in called:
        values = re.findall(r"'[^']*'|\$[\w.]+", given)
        most = len(defined[name].split(", "))
        assert len(values) in ({3, most} if name == "Write-Certificate" else {most})
        if name == "Write-Certificate":
            assert values[0] in {"$domain", "'contoso.com'"}
            assert values[1] == "$successor" or values[1].startswith("'<base64 of the ")
            assert values[2] == "'<thumbprint of the primary, from AD FS>'"


def test_a_section_that_calls_a_function_says_where_it_is() -> None:
    for heading, text in SECTIONS.items():
        if re.search(r"\b(?:Read-Slots|Show-Trust|Write-\w+) ['$]", "\n".join(blocks("powershell", text))):
            assert heading == "Update Entra ID, domain by domain" or (
                "(#update-entra-id-domain-by-domain)" in text and "step 2" in text
            ), heading


PASTED = re.compile(r"<base64 of the ([\w ]+?)(?:, else of the (\w+))?(?:, on one line)?>")
EVERY = ".Certificate.Thumbprint; [Convert]::ToBase64String($_.Certificate.RawData) }"
"""How a command prints each certificate of AD FS, whichever it is."""

PRINTED = {"successor": "--print-certificate\n", "primary": "--print-certificate=primary\n"}
"""What the exporter prints. The rest AD FS alone can say."""


def before_use(text: str, name: str) -> str:
    """What a reader of a section has read before a certificate is to be pasted."""
    return text[: text.index(f"<base64 of the {name}")]


def printed_by_ad_fs(text: str, name: str) -> bool:
    return any(EVERY in each or f"ToBase64String(${name}.RawData)" in each for each in blocks("powershell", text))


@pytest.mark.parametrize("name", PRINTED)
def test_the_procedure_prints_what_is_to_be_pasted_by_the_exporter_and_on_ad_fs(name: str) -> None:
    read = before_use(SECTIONS["Update Entra ID, domain by domain"], name)

    assert PRINTED[name] in "\n".join(blocks("bash", read))
    assert printed_by_ad_fs(read, name)


def test_whatever_is_to_be_pasted_was_printed_before_or_is_in_the_procedure_that_is_linked() -> None:
    pasted = [
        (heading, name)
        for heading, text in SECTIONS.items()
        for block in blocks("powershell", text)
        for names in PASTED.findall(block)
        for name in names
        if name
    ]

    assert {name for _, name in pasted} == {*PRINTED, "old one", "secondary"}
    assert "\n".join(blocks("powershell")).count("<base64 of the ") == len(
        [each for block in blocks("powershell") for each in PASTED.findall(block)]
    )
    for heading, name in pasted:
        there = name in PRINTED and "(#update-entra-id-domain-by-domain)" in SECTIONS[heading]
        assert there or printed_by_ad_fs(just_before(SECTIONS[heading], name), name), (heading, name)


def just_before(text: str, name: str) -> str:
    """The part of a procedure that a certificate is pasted in, until it is: parts begin in bold type."""
    return re.split(r"^\*\*", before_use(text, name), flags=re.MULTILINE)[-1]


PLACE = re.compile(
    r"(?P<adfs>(?:primary|every|each) federation server|[Ii]n the window of step 1|in the same window)"
    r"|(?P<graph>Microsoft Graph PowerShell|\b(?:Write|Show|Read)-\w+ (?:'|\$)|\bGet-Mg\w+)"
    r"|(?P<outside>^ *```bash$|\[From outside\]|[Ff]rom the internet:|each WAP)",
    re.MULTILINE,
)
"""Where the reader is sent, by what a section says or has pasted last."""


def test_what_changes_ad_fs_is_said_to_be_pasted_there() -> None:
    changing = re.compile(r"^ *(?:Add|Remove|Set|Update|Enable)-Adfs\w+ ", re.MULTILINE)
    seen = 0
    for heading, text in SECTIONS.items():
        # The parts of an alert, and of a procedure, are read one at a time.
        for part in re.split(r"^(?=\*\*)", text, flags=re.MULTILINE):
            for block in re.finditer(r"^( *)```powershell\n(.*?)^\1```$", part, re.MULTILINE | re.DOTALL):
                if changing.search(block[2]):
                    seen += 1
                    # A step may be in the window of the one before; what is no step is read alone.
                    before = (
                        part[: block.start()].rstrip() if block[1] else part[: block.start()].rstrip().split("\n\n")[-1]
                    )
                    places = [each.lastgroup for each in PLACE.finditer(before)]
                    assert places[-1:] == ["adfs"], f"{heading}: {block[2]}"

    assert seen > 15


def test_nothing_is_written_for_an_attacker_before_somebody_has_looked() -> None:
    fixes = {alert: parts(alert)["Fix"] for alert in ALERTS}
    writing = {
        alert: fix.partition("Write-Certificate '")[0]
        for alert, fix in fixes.items()
        if "an attack" in fix and "Write-Certificate '" in fix
    }

    assert writing.keys() == {"FedmetaKeySetReplaced", "FedmetaTrustBroken"}
    for alert, before in writing.items():
        first, *_ = blocks("powershell", before)
        assert first == "Get-AdfsCertificate -CertificateType Token-Signing\n", alert
        assert "write nothing" in flat(before), alert
        assert flat(before).startswith("First "), alert


def test_a_decrypting_certificate_that_nobody_promotes_in_time_is_promoted_by_the_reader() -> None:
    fix = parts("FedmetaEncryptionCertificateExpiring")["Fix"]
    told, _, promoting = fix.rpartition("```powershell")

    assert "-CertificateType Token-Decrypting -Thumbprint '<thumbprint of the new one>' -IsPrimary" in promoting
    assert "5 days or less left that is too late, and with rollover off it never does" in flat(told)


def test_who_is_sent_to_name_the_primary_learns_where_its_sha_256_is() -> None:
    procedure = SECTIONS["Name the primary"]
    naming = [
        flat(text)
        for alert in ALERTS
        for text in paragraphs(SECTIONS[alert])
        if re.search(r"\b[Nn]ame (?:it in the policy|the (?:primary|one that signs))\b", flat(text))
    ]

    assert len(naming) == 8
    assert [each for each in naming if "(#name-the-primary)" not in each] == []
    assert "SHA-256" in procedure
    (query,) = blocks("promql", procedure)
    assert query.startswith("fedmeta_certificate_info{")
    assert {"thumbprint", "fingerprint"} <= LABELS["fedmeta_certificate_info"]
    assert "`thumbprint` and `fingerprint`" in flat(procedure)


def test_whoever_asks_about_all_domains_asks_about_root_domains() -> None:
    """A subdomain has the settings of its root, and asking for its own fails: those that follow go unseen."""
    asking = [
        block
        for block in blocks("powershell")
        if "Get-MgDomain -All" in block and re.search(r"Read-Slots|Get-MgDomainFederationConfiguration", block)
    ]

    assert len(asking) == 2
    for block in asking:
        for chosen in re.findall(r"Get-MgDomain -All.*$", block, re.MULTILINE):
            assert "$_.IsRoot" in chosen


def test_what_all_domains_must_say_is_asked_of_those_of_this_farm() -> None:
    """Show-Trust lists those of the tenant; another farm's say False for good."""
    said = re.findall(
        r"(?:[Ee]very|[Ee]ach|[Aa]ll|[Aa]) ?(?:domains?)?(?: [\w ]+)? (?:must )?says? `(?:True|False)`", flat(PAGE)
    )

    assert len(said) == 5
    assert [each for each in said if "of this farm" not in each and "of another farm" not in each] == []


def paragraphs(text: str) -> Sequence[str]:
    """The prose of a section: no commands and no tables."""
    prose = re.sub(r"^ *```(?s:.*?)^ *```$|^\|.*$", "", text, flags=re.MULTILINE)
    return [each for each in re.split(r"\n\s*\n|\n(?= *(?:\d+\.|-) )", prose) if each.strip()]


def test_whoever_is_told_that_ad_fs_acts_by_itself_is_told_that_rollover_must_be_on() -> None:
    procedures = [text for heading, text in SECTIONS.items() if heading not in ALERTS]
    told = [
        flat(each)
        for text in [*procedures, *(parts(alert)["Fix"] for alert in ALERTS)]
        for each in paragraphs(text)
        if re.search(r"AD FS (?:\w+ )?(?:promotes?|makes)\b", each)
    ]

    assert len(told) > 5
    assert [each for each in told if not re.search("rollover|its defaults", each, re.IGNORECASE)] == []


def test_whoever_is_to_come_back_later_is_told_what_if_that_day_is_past() -> None:
    waiting = [flat(each) for each in paragraphs(PAGE) if re.search(r"come back (?:on|then|when)", flat(each))]

    assert waiting
    assert [each for each in waiting if "(#fedmetarolloveroverdue)" not in each] == []


def test_no_certificate_is_picked_by_its_place_in_a_list() -> None:
    picking = [block for block in blocks("bash") if "certificates.txt" in block or "certificate_of" in block]

    assert len(picking) == 4
    assert [block for block in picking if re.search(r"\bhead\b|\btail\b|sed -n|NR *==", block)] == []


def prose() -> Iterator[str]:
    """What names commands in passing."""
    yield from (each for each in spans() if "Msol" not in each)
    yield from (each["description"] for each in ALERTS.values())
    for record, at in found.records():
        for finding in standing(record, at).findings:
            yield from step(finding, at).commands


def test_a_cmdlet_named_in_prose_exists_in_the_runbook_and_in_the_alerts_alike() -> None:
    for text in prose():
        for named in CMDLET.findall(text):
            assert named in CMDLETS, text
        for named, given in calls(text):
            assert given <= CMDLETS[named].required | CMDLETS[named].optional, text


def test_every_certificate_type_is_one_that_ad_fs_knows() -> None:
    types = set(re.findall(r"-CertificateType ([\w-]+)", PAGE))

    assert types == {"Token-Signing", "Token-Decrypting", "Service-Communications"}


def test_every_link_leads_to_a_heading() -> None:
    links = re.findall(r"\]\(([\w./]*)#([^)]+)\)", PAGE)

    assert len(links) == PAGE.count("]("), "there are no others"
    for page, anchor in links:
        assert anchor in anchors((ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE)


def test_what_is_to_be_set_in_a_policy_can_be_set(tmp_path: Path) -> None:
    settings = [
        each for each in spans() if re.fullmatch(r"(profile|expiry|auto_certificate_rollover|primary): \S+", each)
    ]
    thresholds = set(re.findall(r"set `(\w+)` in the policy", flat(PAGE)))

    assert settings
    for setting in settings:
        file = tmp_path / "fedmeta.yml"
        file.write_text(f"targets: [{{host: {FEDERATION_SERVICE}, policy: {{{setting}}}}}]", encoding="utf-8")
        assert reader.load(str(file)).targets
    assert thresholds
    assert thresholds <= set(THRESHOLD_NAMES)


def fixed_by_reason(alert: str) -> Sequence[str]:
    """The reasons that the fix of an alert speaks of, one by one."""
    lines = re.findall(r"^- (`.+?):", parts(alert)["Fix"], re.MULTILINE)
    return [each for line in lines for each in re.findall(r"`(\w+)`", line)]


def test_every_reason_that_has_a_fix_is_one_there_is() -> None:
    named = fixed_by_reason("FedmetaMetadataUnreachable")

    assert named
    assert set(named) <= set(Reason)


def test_every_reason_that_makes_an_exporter_blind_and_has_a_fix_is_one_there_is() -> None:
    named = fixed_by_reason("FedmetaExporterBlind")

    assert named
    assert set(named) <= set(Reason)


def test_every_reason_of_an_inquiry_has_a_fix_in_their_order() -> None:
    assert fixed_by_reason("FedmetaTrustStale") == list(TrustReason)


def test_everything_that_entra_id_says_when_it_cannot_read_is_explained() -> None:
    rows = re.findall(r"^\| (`\w.*?) \| \S", parts("FedmetaEntraCannotReadMetadata")["Check"], re.MULTILINE)
    named = [each for row in rows for each in re.findall(r"`(\w+)`", row)]

    assert sorted(named) == sorted(each for each in UpdateResult if each.readable is False)


TABLE: Sequence[Sequence[str]] = [
    line.split(" | ") for line in re.findall(r"^\| (.*) \|$", SECTIONS["What to do, in one table"], re.MULTILINE)
]
"""The cells of the table, row by row."""

ON, OFF = (PolicySettings(auto_certificate_rollover=each) for each in (True, False))
STALE = found.ending(4, found.NEW)
SOON, LATE, FAR = (found.primary(days) for days in (4, 12, 40))


def outside(record: Record, observation: Observation) -> Record:
    """The target, seen from inside, with a look from the internet that got this."""
    record = builders.knowing(record, look=replace(record.target.look, vantage="intranet"))
    record = replace(record, target=builders.looking(record.target, vantage="intranet"))
    look = replace(record.target.look, vantage=INTERNET)
    return builders.probed(builders.beside(record, look), observation, look=look)


def both(settings: PolicySettings | None = None, *said: DomainTrust) -> found.Example:
    """A farm with a successor, and what Entra ID says of its domain."""
    document = found.farm(found.OLD, found.NEW, encryption=found.LONG_ENCRYPTION)
    return found.Example(found.trusting(found.seen(document, settings=settings), *said))


KNOWS, LACKS = federated(signing=found.OLD, following=found.NEW), federated(signing=found.OLD)
WELL = found.seen(found.STEADY, settings=ON)

SITUATIONS: Sequence[tuple[found.Example, Sequence[str]]] = [
    (
        found.Example(found.seen(found.ending(-3), settings=ON)),
        ["generate", "update every partner", "promote", "today"],
    ),
    (found.EXAMPLES[Kind.TRUST_BROKEN], ["First see that AD FS has this certificate as primary"]),
    (
        found.Example(found.trusting(found.seen(STALE), federated(signing=SOON, following=found.NEW))),
        ["Entra ID trusts it", "every other partner knows it", "promote"],
    ),
    (
        found.Example(found.trusting(found.seen(STALE), federated(signing=SOON))),
        ["Write the successor into Entra ID, now", "every other partner", "promote"],
    ),
    (found.Example(found.seen(STALE)), ["See what Entra ID trusts for each domain", "where it is missing", "promote"]),
    (
        found.Example(found.seen(found.ending(3), settings=ON)),
        [
            "generate",
            "today write it into Entra ID",
            "every other partner",
            "promote",
            "generates and promotes at once",
            "at 2 days left",
        ],
    ),
    (
        found.Example(found.seen(found.ending(3), settings=OFF)),
        ["ask the CA", "today write it into Entra ID", "every other partner", "promote"],
    ),
    (
        found.Example(found.seen(found.ending(3))),
        ["ask AD FS whether it renews by itself", "generate", "ask the CA", "write it into Entra ID", "promote"],
    ),
    (both(ON, KNOWS), ["Entra ID trusts it", "every other partner", "AD FS promotes it by itself"]),
    (both(OFF, KNOWS), ["Entra ID trusts it", "every other partner", "promote", "before the primary ends"]),
    (
        both(None, KNOWS),
        ["Entra ID trusts it", "every other partner", "Ask AD FS whether it promotes by itself; if not"],
    ),
    (found.EXAMPLES[Kind.TRUST_AT_RISK], ["now: if it signs before that, everybody is locked out"]),
    (found.EXAMPLES[Kind.ENTRA_CANNOT_READ_METADATA], ["Write the successor into Entra ID before it signs"]),
    (both(None, LACKS), ["Entra ID reads the metadata daily", "not taken it after a day", "write it before it signs"]),
    (
        found.Example(found.trusting(found.seen(found.farm(FAR, found.NEW)), federated(signing=FAR))),
        ["Write it before it signs", "only in the last 35 days"],
    ),
    (
        both(None, replace(LACKS, update=None)),
        ["See from the internet whether the metadata can be read", "not after a day, write it before it signs"],
    ),
    (both(), ["See what Entra ID trusts for each domain", "write the successor where it is missing"]),
    (
        found.Example(found.trusting(found.seen(found.ending(12), settings=ON), federated(signing=LATE))),
        ["generate", "see a day later that Entra ID"],
    ),
    (found.Example(found.seen(found.ending(12), settings=ON)), ["generate", "write it into Entra ID"]),
    (found.Example(found.trusting(WELL, federated(signing=found.LONG))), ["Nothing to do"]),
    (
        found.Example(outside(WELL, good(found.STEADY, NOW))),
        ["Nothing to do", "See once what Entra ID trusts for each domain"],
    ),
    (found.Example(outside(WELL, found.refused())), ["Let the internet read it", "by hand"]),
    (found.Example(WELL), ["Nothing to do", "See from the internet whether the metadata can be read"]),
    (
        found.Example(found.seen(found.ending(20), settings=OFF)),
        ["ask the CA", "write it into Entra ID", "every other partner before it signs"],
    ),
    (found.Example(found.seen(found.STEADY, settings=OFF)), ["Nothing to do: renewal is due from"]),
    (found.Example(found.seen(found.ending(12))), ["ask AD FS whether it renews by itself", "generate", "ask the CA"]),
    (
        found.Example(found.seen(found.ending(30), settings=PolicySettings(profile=Profile.ADFS_MANUAL))),
        ["ask AD FS whether it renews by itself", "ask the CA"],
    ),
    (
        found.Example(found.seen(found.STEADY)),
        ["Nothing to do", "Ask AD FS once whether AutoCertificateRollover is on", "into the policy"],
    ),
]
"""For each row of the table a farm that it is about, and what the steps there say at least."""


def in_step(there: Standing) -> str:
    states = {each.state for each in there.verdicts}
    for state, answer in (
        (TrustState.BROKEN, "not the primary"),
        (TrustState.AT_RISK, "late"),
        (TrustState.PENDING, "no"),
    ):
        if state in states:
            return answer
    return "yes" if states == {TrustState.IN_SYNC} else "unknown"


def fits(row: Sequence[str], there: Standing, now: datetime) -> bool:
    """Whether a person who reads the table would take this row."""
    rollover = there.rollover
    assert rollover is not None
    assert rollover.primary is not None
    answers = (
        {True: "on", False: "off", None: "unknown"}[there.policy.auto_certificate_rollover],
        in_step(there),
        {True: "yes", False: "no", None: "unknown"}[there.readable],
        "yes" if rollover.successor else "no",
    )
    left, most = rollover.primary.not_after - now, row[4].removesuffix(" or less")
    return all(cell == "any" or answer in cell.split(" or ") for cell, answer in zip(row, answers, strict=False)) and (
        most == "any" or left <= float(most) * DAY
    )


def test_the_table_has_five_questions_what_to_do_and_the_alert() -> None:
    assert TABLE[0] == [
        "Rollover",
        "Trust in step",
        "Readable from the internet",
        "Successor published",
        "Days left",
        "What to do",
        "Alert",
    ]
    assert len(TABLE) == 1 + len(SITUATIONS)


@pytest.mark.parametrize("number", range(len(SITUATIONS)))
def test_a_row_is_the_first_that_fits_its_farm_and_has_the_alert_of_the_worst_finding(number: int) -> None:
    (record, at), _ = SITUATIONS[number]
    there = standing(record, at)
    row = next(row for row in TABLE[1:] if fits(row, there, at))

    assert row is TABLE[1 + number]
    if there.findings:
        name = f"Fedmeta{there.findings[0].kind.replace('_', ' ').title().replace(' ', '')}"
        assert row[-1] == f"[{name}](#{name.lower()})"
    else:
        assert row[-1] == "none"


@pytest.mark.parametrize("number", range(len(SITUATIONS)))
def test_the_steps_say_at_least_what_the_row_says(number: int) -> None:
    (record, at), words = SITUATIONS[number]
    there = standing(record, at)
    said = " ".join(step(each, at).text for each in there.findings) if there.findings else outlook(there)

    assert [each for each in words if each not in said] == []


def test_who_begins_questions_and_whoever_begins_statements() -> None:
    prose = flat("\n\n".join(paragraphs(PAGE)))

    assert re.findall(r"(?<=[.:;] )[Ww]ho \w[^.?:]*[.:]", prose) == []
    assert re.findall(r"[^.]*\bstands (?:why|how|what)\b", prose) == []


def test_what_trust_in_step_can_be_is_explained_above_the_table() -> None:
    explained = SECTIONS["What to do, in one table"].partition("| Rollover |")[0].lower()

    for each in ("no", "late", "not the primary", "unknown"):
        assert f"*{each}*" in explained


def test_every_row_that_says_to_do_something_has_a_link_to_how() -> None:
    assert [row[5] for row in TABLE[1:] if "](" not in row[5]] == [
        "Nothing.",
        "Nothing today: renewal by hand is not due yet.",
    ]


@pytest.mark.parametrize("block", blocks("bash"))
def test_what_is_for_a_shell_is_syntax_that_it_reads(block: str) -> None:
    said = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)  # noqa: S607 -- any bash will do

    assert (said.returncode, said.stderr) == (0, "")


@dataclass
class Desk:
    """A shell on the internet: for it, ``https://sts.contoso.com`` is a server of ours that serves one document."""

    folder: Path
    port: int
    published: dict[str, bytes] = field(default_factory=dict)

    def publish(self, document: bytes) -> None:
        self.published["document"] = document

    def run(self, block: str, *, refused: bool = False) -> str:
        """What the commands print, run as they stand in the page, or what they say when they refuse.

        openssl alone is told where the server is.
        """
        here = block.replace(f"-connect {FEDERATION_SERVICE}:443", f"-connect 127.0.0.1:{self.port}")
        bash = shutil.which("bash") or "bash"
        said = subprocess.run(  # noqa: S603 -- the page is ours
            [bash, "-euo", "pipefail", "-c", here],
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.folder),
                "LC_ALL": "C",
                "TZ": "UTC",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == (1 if refused else 0), said.stderr
        return said.stderr if refused else said.stdout


class Handler(BaseHTTPRequestHandler):
    """Answers AD FS's address with what is published, whatever its case."""

    def __init__(self, published: Mapping[str, bytes], *arguments: object) -> None:
        self.published = published
        super().__init__(*arguments)  # type: ignore[arg-type] # what socketserver gives, passed on

    def do_GET(self) -> None:
        document = self.published["document"]
        self.send_response(200 if self.path.endswith("/federationmetadata/2007-06/federationmetadata.xml") else 404)
        self.send_header("Content-Type", "application/samlmetadata+xml")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(published: Mapping[str, bytes], certificate: trustme.LeafCert) -> Iterator[int]:
    """The port of an https server on loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, published)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


HOSTS = (FEDERATION_SERVICE, "login.microsoftonline.com")
TLS_END = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


@pytest.fixture
def desk(authority: trustme.CA, tmp_path: Path) -> Iterator[Desk]:
    published: dict[str, bytes] = {}
    with serving(published, authority.issue_cert(*HOSTS, not_after=TLS_END)) as port:
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        (tmp_path / ".curlrc").write_text(
            f'cacert = "{tmp_path}/ca.pem"\n'
            + "".join(f'connect-to = "{host}:443:127.0.0.1:{port}"\n' for host in HOSTS),
            encoding="utf-8",
        )
        yield Desk(tmp_path, port, published)


FETCH, SHOW, CHOOSE, BASE64, NODES, TLS = blocks("bash", SECTIONS["See what is published from outside"])

PRIMARY = builders.pair(not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
SUCCESSOR = builders.pair(not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
ENCRYPTION = builders.encryption_pair(not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
FARM = builders.adfs(PRIMARY, SUCCESSOR, encryption=[ENCRYPTION], signer=PRIMARY)

Shown = Sequence[tuple[str, datetime, datetime, str]]


def shown(output: str) -> Shown:
    """The certificates that are listed: use, the two dates, thumbprint; in their order."""
    listed = re.findall(
        r"^--- (\d+): (\S+)\nsubject=.+\nnotBefore=(.+) GMT\nnotAfter=(.+) GMT\nsha1 Fingerprint=([0-9A-F]{40})$",
        output,
        re.MULTILINE | re.IGNORECASE,
    )
    assert [number for number, *_ in listed] == [str(number + 1) for number in range(len(listed))]
    return [(use, moment(begins), moment(ends), thumbprint) for _, use, begins, ends, thumbprint in listed]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def row(use: str, certificate: Certificate) -> tuple[str, datetime, datetime, str]:
    return use, certificate.not_before, certificate.not_after, certificate.thumbprint


def test_the_commands_show_the_certificates_of_a_farm_with_their_dates(desk: Desk) -> None:
    desk.publish(FARM)

    fetched = desk.run(FETCH)
    listed = shown(desk.run(SHOW))

    assert fetched == f"200 application/samlmetadata+xml {len(FARM)} bytes\n"
    assert [use for use, *_ in listed] == ["document-signature", "encryption", "signing", "signing"]
    assert set(listed) == {
        row("document-signature", PRIMARY.certificate),
        row("encryption", ENCRYPTION.certificate),
        row("signing", PRIMARY.certificate),
        row("signing", SUCCESSOR.certificate),
    }


def test_the_base64_is_the_certificate_of_the_thumbprint_whatever_the_order(desk: Desk) -> None:
    pairs = [PRIMARY, SUCCESSOR, ENCRYPTION, builders.pair(nth=5), builders.pair(nth=6)]
    for order in (pairs, pairs[::-1], [*pairs[2:], *pairs[:2]]):
        desk.publish(builders.saml_metadata(keys=[(Use.SIGNING, each) for each in order]))
        desk.run(FETCH)
        desk.run(SHOW)
        for each in order:
            printed = desk.run(CHOOSE + BASE64.replace("<thumbprint>", each.certificate.thumbprint))
            assert printed == base64.b64encode(each.der).decode() + "\n"


@pytest.mark.parametrize(
    "spell",
    [
        str.upper,
        str.lower,
        lambda text: ":".join(re.findall("..", text)),
        lambda text: " ".join(re.findall("..", text.lower())),
        lambda text: f"\u200e {text} ",
    ],
    ids=["upper", "lower", "colons", "spaces", "as Windows copies it"],
)
def test_a_thumbprint_may_be_written_in_any_way(desk: Desk, spell: Callable[[str], str]) -> None:
    desk.publish(FARM)
    desk.run(FETCH)
    desk.run(SHOW)

    printed = desk.run(CHOOSE + BASE64.replace("<thumbprint>", spell(SUCCESSOR.certificate.thumbprint)))

    assert printed == base64.b64encode(SUCCESSOR.der).decode() + "\n"


@pytest.mark.parametrize(
    "thumbprint",
    ["0" * 40, "", PRIMARY.certificate.thumbprint[:-1], "<thumbprint>"],
    ids=["another", "none", "a digit short", "not filled in"],
)
def test_a_thumbprint_that_no_certificate_has_is_refused_with_a_sentence(desk: Desk, thumbprint: str) -> None:
    desk.publish(builders.adfs(PRIMARY, builders.NOT_BASE64, SUCCESSOR))
    desk.run(FETCH)
    (desk.folder / "certificates.txt").write_text("signing AAAA\n", encoding="utf-8")

    said = desk.run(CHOOSE + BASE64.replace("<thumbprint>", thumbprint), refused=True)

    assert "No certificate of the list has the thumbprint" in said


def test_prefixes_line_breaks_and_keys_without_a_use_are_read_too(desk: Desk) -> None:
    folded = base64.encodebytes(PRIMARY.der)
    document = builders.saml_metadata(keys=[(Use.UNSPECIFIED, folded), (Use.SIGNING, SUCCESSOR)])
    prefixed = re.sub(rb"<(/?)(?:\w+:)?(KeyDescriptor|X509Certificate)\b", rb"<\1any:\2", document)
    desk.publish(prefixed.replace(b"\n", b"&#13;\n"))
    desk.run(FETCH)

    assert set(shown(desk.run(SHOW))) == {row("both", PRIMARY.certificate), row("signing", SUCCESSOR.certificate)}


def test_the_example_is_what_the_commands_print(desk: Desk) -> None:
    (example,) = blocks("text", SECTIONS["See what is published from outside"])
    desk.publish(FARM)
    desk.run(FETCH)

    assert [use for use, *_ in shown(example)] == [use for use, *_ in shown(desk.run(SHOW))]


def test_nodes_with_equal_certificates_have_equal_lines(desk: Desk) -> None:
    def digests() -> list[str]:
        return [line.split()[-1] for line in desk.run(NODES).splitlines()]

    desk.publish(FARM)
    first, second = digests()
    desk.publish(builders.adfs(SUCCESSOR, PRIMARY, encryption=[ENCRYPTION], signer=PRIMARY))
    in_another_order = digests()
    desk.publish(builders.adfs(PRIMARY, encryption=[ENCRYPTION], signer=PRIMARY))
    without_the_successor = digests()

    assert first == second
    assert in_another_order == [first, first]
    assert first not in without_the_successor


def test_the_tls_certificate_is_shown_with_its_dates(desk: Desk) -> None:
    assert f"notAfter={TLS_END:%b %d %H:%M:%S %Y} GMT" in desk.run(TLS).splitlines()


@pytest.mark.parametrize(
    "block",
    [
        block
        for alert in ALERTS
        for block in blocks("bash", SECTIONS[alert])
        if "curl" in block and "exporter:" not in block
    ],
)
def test_every_other_look_from_outside_succeeds(desk: Desk, block: str) -> None:
    entity = builders.descriptor_of(Role.IDP, builders.key(PRIMARY))
    desk.publish(builders.entity(entity, entity_id="https://idp.example.edu/idp", valid_until=NOW))

    desk.run(block)


@pytest.fixture
def checked(desk: Desk) -> Desk:
    """A desk whose exporter reads the farm of today from a file."""
    # The exporter that is run here has its own clock.
    now = datetime.now(UTC).replace(microsecond=0)
    primary = builders.pair(not_before=now - 347 * DAY, not_after=now + 18 * DAY)
    successor = builders.pair(not_before=now - 2 * DAY, not_after=now + 363 * DAY)
    for name, pair in (("primary", primary), ("successor", successor)):
        (desk.folder / name).write_bytes(pair.der)
    (desk.folder / "farm.xml").write_bytes(builders.adfs(primary, successor, signer=primary))
    (desk.folder / "fedmeta.yml").write_text(
        f"targets: [{{name: {FEDERATION_SERVICE}, url: 'file://{desk.folder}/farm.xml'}}]", encoding="utf-8"
    )
    return desk


def run_check(desk: Desk, block: str) -> str:
    """What the commands print; those that name no configuration are given one, which says where the farm is."""
    address = rf"check {re.escape(FEDERATION_SERVICE)}\b(?! --config)"
    return desk.run(re.sub(address, f"check {FEDERATION_SERVICE} --config.file fedmeta.yml", block))


@pytest.mark.parametrize("block", [block for block in blocks("bash") if "fedmeta-exporter check" in block])
def test_what_the_exporter_prints_is_the_certificate_that_the_page_says(checked: Desk, block: str) -> None:
    printed = run_check(checked, block).splitlines()

    successor, primary = (checked.folder / "successor").read_bytes(), (checked.folder / "primary").read_bytes()
    base64s = {False: base64.b64encode(successor).decode(), True: base64.b64encode(primary).decode()}
    commands = block.splitlines()
    if "pem" in block:
        assert printed[0].replace(":", "").endswith(hashlib.sha1(successor).hexdigest().upper())  # noqa: S324 -- a thumbprint is one
    elif "--print-certificate" in block:
        assert printed == [base64s["=primary" in command] for command in commands]
    else:
        assert sum(FEDERATION_SERVICE in line for line in printed) >= len(commands)


def test_the_strength_of_a_certificate_is_shown(desk: Desk) -> None:
    (block,) = blocks("bash", SECTIONS["FedmetaCertificateWeak"])
    desk.publish(FARM)
    desk.run(FETCH)
    desk.run(SHOW)

    strength = desk.run(CHOOSE + block.replace("<thumbprint>", PRIMARY.certificate.thumbprint))

    assert "Public-Key: (256 bit)" in strength
    assert "ecdsa-with-SHA256" in strength
