"""What every alert about a target says: for each profile, with all facts, after its exporter has gone, and with none.

The series are no real scrape but everything that a text can ask for, so that each text shows all of its words.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from alerts.rules import ALERTS, ORDER, RULES

from exporter.exposition.families import FAMILIES
from exporter.findings import Kind
from exporter.policy import Profile

TARGET, ENTITY, DOMAIN = "fs.example", "http://fs.example/adfs/services/trust", "contoso.com"
STEP = 5
"""Minutes between two scrapes and two evaluations."""
TOLD, GOES, GONE = 70, 75, 140
"""Minutes: when every alert fires, when the exporter goes, and when facts of the last hour are known no more."""
DAY = 86_400

_OWN = {family.name: family.labels for family in FAMILIES}


class Known(StrEnum):
    """What is known when a text is made."""

    ALL = "all facts"
    GONE = "the exporter went hours ago"
    NOTHING = "no facts"


@dataclass(frozen=True)
class Case:
    """One alert, and who it is about."""

    alert: str
    profile: Profile | None
    """None: nobody knows."""
    known: Known

    def __str__(self) -> str:
        return f"{self.profile}, {self.known}" if self.profile else str(self.known)

    @property
    def job(self) -> str:
        return f"{self.alert}-{self.profile}-{self.known.name}"

    @property
    def kind(self) -> Kind:
        return Kind(re.sub(r"(?<!^)(?=[A-Z])", "_", self.alert.removeprefix("Fedmeta")).lower())


def cases() -> Iterator[Case]:
    """Every alert that selects a finding: more profiles than can raise each, so that none is forgotten."""
    for alert, rule in ALERTS.items():
        if rule["expr"].startswith("fedmeta:finding{"):
            yield Case(alert, None, Known.NOTHING)
            for known in (Known.ALL, Known.GONE):
                yield from (Case(alert, profile, known) for profile in Profile)


CASES = tuple(cases())


def told(promtool: str, folder: Path) -> Mapping[Case, str]:
    """The description of the alert in each case, as Prometheus makes it."""
    file = folder / "told.yml"
    file.write_text(
        json.dumps(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": f"{STEP}m",
                "group_eval_order": ORDER,
                "tests": [
                    {
                        "interval": f"{STEP}m",
                        "input_series": [each for case in CASES for each in _series(case)],
                        "alert_rule_test": [
                            {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
                            for alert in dict.fromkeys(case.alert for case in CASES)
                            for minute in (TOLD, GONE)
                        ],
                    }
                ],
            }
        ),
        encoding="utf-8",
    )
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
    return dict(_read(done.stdout + done.stderr))


_ALERT = re.compile(r"alertname: (?P<alert>\w+), time: (?P<minute>\w+),")
_GOT = re.compile(r'Labels:\{.*?\bjob="(?P<job>[^"]*)".*?\}\s*Annotations:\{.*?description=(?P<text>"(?:[^"\\]|\\.)*")')


def _read(complaint: str) -> Iterator[tuple[Case, str]]:
    """What fired although nothing was expected."""
    by_job = {case.job: case for case in CASES}
    for found, after in pairwise((*_ALERT.finditer(complaint), None)):
        assert found is not None
        late = found["minute"] == "2h20m"
        for got in _GOT.finditer(complaint, found.end(), after.start() if after else len(complaint)):
            case = by_job[got["job"]]
            if late == (case.known is Known.GONE):
                yield case, json.loads(got["text"])


def _series(case: Case) -> Iterator[Mapping[str, str]]:
    """What the exporter of a case gives until it goes."""
    facts = () if case.known is Known.NOTHING else _facts(case)
    for name, labels, first, step in (*_always(case), *facts):
        assert labels.keys() - {"target"} <= {*_OWN.get(name, labels)}, f"{name} has no such labels"
        given = {"job": case.job, "instance": "10.0.0.1:10059", "pod": "a", **labels}
        spelt = ",".join(f'{label}="{value}"' for label, value in given.items())
        times = (GOES if case.known is Known.GONE else GONE) // STEP
        end = f" stale _x{(GONE - GOES) // STEP}" if case.known is Known.GONE else ""
        yield {"series": f"{name}{{{spelt}}}", "values": f"{first}{step:+}x{times}{end}"}


_Given = Sequence[tuple[str, Mapping[str, str], float, int]]
"""Name, labels, first value, and by how much it grows from each scrape to the next."""


def _always(case: Case) -> _Given:
    """That something holds, and what tells who sees it."""
    rule, kind = ALERTS[case.alert], case.kind
    found = {"target": TARGET, "finding": str(kind), "severity": str(rule["labels"]["severity"])}
    of = {label: value for label, value in _ABOUT.items() if f"$labels.{label}" in rule["annotations"]["description"]}
    # An exporter that goes has not read anything for three hours before.
    old = 180 * 60 if case.known is Known.GONE else 0
    read: _Given = (("fedmeta_target_as_of_timestamp_seconds", {"target": TARGET}, -120 - old, 60 * STEP),)
    trust: _Given = (
        ("fedmeta_trust_as_of_timestamp_seconds", {"target": TARGET, "domain": DOMAIN}, -1200 - old, 60 * STEP),
    )
    return (
        ("fedmeta_exporter_build_info", {}, 1, 0),
        ("fedmeta_target_interval_seconds", {"target": TARGET}, 300, 0),
        *(() if kind is Kind.METADATA_NEVER_READ else read),
        ("fedmeta_trust_interval_seconds", {"target": TARGET}, 3600, 0),
        ("fedmeta_finding", found | of, 1, 0),
        *(trust if kind.startswith("trust") or "domain" in of else ()),
    )


_ABOUT = {"entity_id": ENTITY, "domain": DOMAIN, "node": "wap1", "vantage": "internet"}


def _facts(case: Case) -> _Given:
    """All that a text can ask for."""
    place = {"node": "wap1", "vantage": "internet"}
    domain, entity, rollover = {"domain": DOMAIN}, {"entity_id": ENTITY}, {"entity_id": ENTITY, "role": "idp"}
    signing = {**entity, "use": "signing"}
    given: list[tuple[str, Mapping[str, str], float, int]] = [
        ("fedmeta_target_info", {"profile": str(case.profile)}, 1, 0),
        # Nobody predicts what another publisher does.
        *([("fedmeta_rollover_promotion_timestamp_seconds", rollover, 3 * DAY, 0)] * (case.profile is Profile.ADFS)),
        ("fedmeta_rollover_last_promotion_timestamp_seconds", rollover, 1800, 0),
        *(
            ("fedmeta_key_set_last_change_timestamp_seconds", {**signing, "change": each}, 1800, 0)
            for each in ("replaced", "unexpected")
        ),
        ("fedmeta_trust_info", domain, 1, 0),
        ("fedmeta_trust_update_timestamp_seconds", domain, 0, 0),
        ("fedmeta_trust_update_result", {**domain, "result": "couldNotAccessRemoteHost"}, 1, 0),
        ("fedmeta_trust_inquiry_last_failure_info", {**domain, "reason": "refused"}, 1, 0),
        ("fedmeta_probe_last_success_timestamp_seconds", place, -7200, 0),
        ("fedmeta_probe_last_failure_info", {**place, "reason": "timeout"}, 1, 0),
        ("fedmeta_tls_certificate_not_after_timestamp_seconds", place, 14 * DAY, 0),
        ("fedmeta_metadata_valid_until_timestamp_seconds", {}, 1800, 0),
        ("fedmeta_nodes_differ_since_timestamp_seconds", {}, -7200, 0),
        ("fedmeta_node_key_set_info", {**place, "key_set": "aaaaaaaa", "signer": "aaaaaaaa"}, 1, 0),
        (
            "fedmeta_node_key_set_info",
            {"node": "service", "vantage": "internet", "key_set": "aaaaaaaa bbbbbbbb", "signer": "bbbbbbbb"},
            1,
            0,
        ),
    ]
    # One that has ended, where that is what is wrong.
    ends = -DAY if case.kind in {Kind.SIGNING_CERTIFICATE_EXPIRED, Kind.SP_CERTIFICATE_EXPIRED} else 5 * DAY
    for digits, use, position, not_after in (
        ("1a", "signing", "primary", ends),
        ("2b", "signing", "successor", 365 * DAY),
        ("3c", "encryption", "primary", ends),
    ):
        of = {**entity, "roles": "idp", "use": use, "fingerprint": digits[1] * 64}
        thumbprint = {"thumbprint": digits[0] * 40}
        given += (
            ("fedmeta_certificate_info", {**of, "position": position, **thumbprint}, 1, 0),
            ("fedmeta_certificate_not_after_timestamp_seconds", of, not_after, 0),
            ("fedmeta_certificate_expiry_days", {**of, "position": position}, not_after / DAY, 0),
            ("fedmeta_certificate_first_seen_timestamp_seconds", of, 1800 if position == "successor" else -DAY, 0),
            ("fedmeta_certificate_weak", {**of, "reason": "sha1"}, 1, 0),
        )
    # Entra ID trusts none that is published, where that is what is wrong.
    strange = case.kind in {Kind.TRUST_BROKEN, Kind.TRUST_FOREIGN_CERTIFICATE}
    for digits, held in zip(("4d", "5e") if strange else ("1a", "2b"), ("signing", "next"), strict=True):
        slot = {**domain, "slot": held, "fingerprint": digits[1] * 64, "thumbprint": digits[0] * 40}
        published = {"published": "no" if strange else "yes"}
        given.append(("fedmeta_trust_certificate_info", {**slot, **published}, 1, 0))
    return [(name, {"target": TARGET, **labels}, first, step) for name, labels, first, step in given]
