"""Real documents, served over real HTTPS, appear on /metrics as an independent program read them."""

import asyncio
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from builders import watched
from federation import Federation
from live import Scrape

from exporter.config.settings import Config, Module, Tls
from exporter.model import Role
from exporter.policy import ADFS_METADATA_PATH, PolicySettings, Profile
from exporter.server import Options, application
from exporter.state import open_state

NOW = datetime.now(UTC)
SUCCESSOR_MARGIN = timedelta(days=30)
ROLES = {
    "IDPSSODescriptor": "idp",
    "SecurityTokenServiceType": "idp",
    "SPSSODescriptor": "sp",
    "ApplicationServiceType": "sp",
}

Place = tuple[str, str, str]
"""Roles, use, fingerprint."""


@dataclass(frozen=True, slots=True)
class Published:
    """A document and what the oracle says of it."""

    oracle: Mapping[str, Any]
    content: bytes

    @property
    def entity_id(self) -> str:
        (entity,) = self.oracle["entities"]
        return str(entity["entityID"])

    @property
    def places(self) -> set[Place]:
        """Where a certificate stands: its roles, and the use that it has in all of them."""
        (entity,) = self.oracle["entities"]
        found: dict[tuple[str, str], set[str]] = {}
        for role in entity["roles"]:
            for key in role["keys"]:
                for certificate in key["certs"]:
                    if "sha256" in certificate:
                        use = key["use"] or "unspecified"
                        name = ROLES.get(role.get("xsi_type", {}).get("local", role["role"]), "other")
                        found.setdefault((use, certificate["sha256"]), set()).add(name)
        return {
            (",".join(role for role in Role if role in roles), use, fingerprint)
            for (use, fingerprint), roles in found.items()
        }

    @property
    def signing(self) -> set[str]:
        """Fingerprints of the signing keys of the identity provider."""
        return {fingerprint for roles, use, fingerprint in self.places if "idp" in roles and use != "encryption"}

    @property
    def signer(self) -> str | None:
        """Fingerprint of the one certificate in the document's own signature."""
        named = [each["sha256"] for each in self.oracle.get("signature", {}).get("keyinfo", {}).get("certs", ())]
        return named[0] if len(named) == 1 else None

    def date(self, fingerprint: str, which: str) -> datetime:
        return datetime.fromisoformat(self.oracle["certs"][fingerprint][which])

    def position(self, fingerprint: str) -> str:
        """Of a signing key of the identity provider, where the signer is primary."""
        return {self.signer: "primary", self.successor(): "successor"}.get(fingerprint, "secondary")

    def successor(self) -> str | None:
        """The certificate that comes after the signer's: it starts during its life and outlives it by a month."""
        assert self.signer is not None
        starts, ends = self.date(self.signer, "not_before"), self.date(self.signer, "not_after")
        return min(
            (
                each
                for each in self.signing
                if starts < self.date(each, "not_before") < ends
                and self.date(each, "not_after") - ends >= SUCCESSOR_MARGIN
                and self.date(each, "not_after") > NOW
            ),
            key=lambda each: (self.date(each, "not_before"), each),
            default=None,
        )


@pytest.fixture(scope="module")
def published(corpus: Path) -> Sequence[Published]:
    """The documents of one entity that one of its own signing certificates signed."""
    return [each for each in documents(corpus) if each.signer in each.signing]


@pytest.fixture(scope="module")
def farms(corpus: Path) -> set[str]:
    """The documents that come from AD FS, by file name."""
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        return {row["filename"] for row in csv.DictReader(index, delimiter="\t") if row["kind"] == "adfs"}


def documents(corpus: Path) -> Iterator[Published]:
    for line in (corpus / "oracle.jsonl").read_text("utf-8").splitlines():
        oracle = json.loads(line)
        if "error" not in oracle and len(oracle["entities"]) == 1:
            yield Published(oracle, (corpus / "documents" / oracle["file"]).read_bytes())


async def scraped(documents: Iterable[Published], federation: Federation, policy: PolicySettings) -> list[Scrape]:
    """What an exporter that watches all of them says of each."""
    module = Module(tls=Tls(ca_file=federation.ca_file))
    targets = []
    for number, document in enumerate(documents):
        url = f"https://farm-{number}.example.org{ADFS_METADATA_PATH}"
        federation.serve(url, document.content, **{"Content-Type": "application/samlmetadata+xml"})
        targets.append(watched(f"farm-{number}", url, module=module, policy=policy))
    config = Config(tuple(targets), {"default": module}, {"default": PolicySettings()})
    options, state = Options(config), open_state(None, lambda: NOW)
    app = application(options, state=state, clock=lambda: NOW, resolver=federation.names)
    async with TestClient(TestServer(app)) as client:
        await ready(client)
        scrape = Scrape(await (await client.get("/metrics")).text())
    return [only(scrape, target.name) for target in targets]


async def ready(client: TestClient[web.Request, web.Application]) -> None:
    """Waits until every target was looked at."""
    async with asyncio.timeout(20):
        while True:
            if (await client.get("/-/ready")).status == HTTPStatus.OK:
                return
            await asyncio.sleep(0.02)


def only(scrape: Scrape, target: str) -> Scrape:
    """The lines of one target, which need not be parsed with all the others' each time."""
    lines = (line for line in scrape.text.splitlines(keepends=True) if f'target="{target}"' in line)
    return replace(scrape, text="".join(lines))


def check(document: Published, scrape: Scrape) -> None:
    """Every certificate is there once, with the oracle's dates and, among the signing keys, the right position."""
    name = document.oracle["file"]
    assert scrape.value("fedmeta_metadata_reachable") == 1, name
    for metric, which in (
        ("fedmeta_certificate_not_before_timestamp_seconds", "not_before"),
        ("fedmeta_certificate_not_after_timestamp_seconds", "not_after"),
    ):
        found = sorted((labels["entity_id"], place_of(labels), moment) for labels, moment in scrape.samples(metric))
        expected = sorted(
            (document.entity_id, place, document.date(place[2], which).timestamp()) for place in document.places
        )
        assert found == expected, name
    positions = {
        place_of(labels): labels["position"] for labels, _ in scrape.samples("fedmeta_certificate_expiry_days")
    }
    assert positions.keys() == document.places, name
    for (roles, use, fingerprint), position in positions.items():
        if "idp" in roles and use != "encryption":
            assert position == document.position(fingerprint), name
    (rollover, _) = next(scrape.samples("fedmeta_rollover_info"))
    assert rollover["primary_fingerprint"] == document.signer, name
    assert rollover["successor_fingerprint"] == (document.successor() or "none"), name


def place_of(labels: Mapping[str, str]) -> Place:
    return labels["roles"], labels["use"], labels["fingerprint"]


async def test_every_farm_appears_with_the_fingerprints_dates_and_positions_of_the_oracle(
    published: Sequence[Published], farms: set[str], federation: Federation
) -> None:
    chosen = [document for document in published if document.oracle["file"] in farms]
    assert {document.oracle["file"] for document in chosen} == farms
    for document, scrape in zip(chosen, await scraped(chosen, federation, PolicySettings()), strict=True):
        check(document, scrape)
        (labels, _) = next(scrape.samples("fedmeta_target_info"))
        assert labels["profile"] in {"adfs", "adfs-manual"}
        assert labels["profile_evidence"] == "shape"


async def test_of_several_signing_keys_the_one_that_signed_the_document_is_primary(
    published: Sequence[Published], federation: Federation
) -> None:
    # No farm among them was caught in the middle of a rollover, but other publishers were; told that these are farms,
    # the exporter reads their keys by the rules for farms.
    chosen = [document for document in published if len(document.signing) > 1]
    assert len(chosen) > 1
    policy = PolicySettings(profile=Profile.ADFS)
    for document, scrape in zip(chosen, await scraped(chosen, federation, policy), strict=True):
        check(document, scrape)
        (labels, _) = next(scrape.samples("fedmeta_rollover_info"))
        assert labels["evidence"] in {"signature", "unverified_signature"}
