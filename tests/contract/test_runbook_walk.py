"""Three years of renewals by hand, by the commands of docs/runbooks.md, in any order of its sections.

At no moment is the certificate that AD FS signs with in neither slot of a domain that trusted it before, unless the
section says so (after a theft). The commands are the page's. AD FS and the functions for Graph PowerShell are ours
(``adfsserver``, ``graphshell``), Entra ID is the stand-in over HTTP, and the exporter, whose advice is followed, is the
real one. Not walked: Entra ID that writes by itself, and what somebody pastes that is older than the last look.
"""

import base64
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random

import builders
import pytest
from adfsserver import YEAR, Adfs, thumbprints
from builders import DAY, HOST, NOW, pair, watched
from graphshell import TEXT, Shell, ThrownError, signed_in
from tenant import Graph, Tenant, tenant

from exporter import fetch
from exporter.demo.documents import KeyPair
from exporter.findings import Kind, Standing, standing, step
from exporter.findings.steps import UPDATE
from exporter.policy import PolicySettings
from exporter.rollover import Severity
from exporter.rounds import Rounds

PAGE = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8")
SECTIONS: Mapping[str, str] = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
DOMAINS = ("contoso.com", "fabrikam.com", "adatum.com")
NOTHING = b"no certificate"

SUCCESSOR = """$signing   = Get-AdfsCertificate -CertificateType Token-Signing
$primary   = ($signing | Where-Object { $_.IsPrimary }).Certificate
$successor = ($signing | Where-Object { -not $_.IsPrimary -and $_.Certificate.NotAfter -gt $primary.NotAfter } |
  Sort-Object { $_.Certificate.NotBefore } | Select-Object -Last 1).Certificate
"""
"""How the page finds the successor on AD FS, which ``Adfs.successor`` does in Python."""

CHANGES = re.compile(
    r"^\s*((?:Add|Remove|Set|Update)-Adfs(?:Certificate|Properties)|Write-(?:Certificate|Both)|Show-Trust)\b(.*)$",
    re.MULTILINE,
)
"""A command that changes what is signed or trusted, or that decides whether to."""


def powershell(text: str) -> list[str]:
    found = re.findall(r"^( *)```powershell\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def changing(heading: str) -> list[str]:
    """The blocks of a section that change something, in their order."""
    return [block for block in powershell(SECTIONS[heading]) if CHANGES.search(block) and block != TEXT]


SWITCH_ON, GENERATE = changing("Generate a successor")
(ADD,) = changing("Renew by hand (enterprise CA)")
WRITE_SUCCESSOR, WRITE_PRIMARY = changing("Update Entra ID, domain by domain")
(OVERWRITE,) = changing("Remove a foreign certificate")
SEE, SWITCH_OFF, PROMOTE, SWITCH_ON_AGAIN = changing("Promote")
SEE_OLD, WRITE_OLD, GO_BACK, WRITE_IN_USE, REPLACE, REPLACE_ISSUED, WRITE_BOTH = changing("Roll back / emergency")
(REMOVE_OLD,) = changing("FedmetaPossiblePrimaryEnding")


def arguments(text: str) -> Iterator[tuple[str, str]]:
    """What a command is given: parameters by their name, others by their number."""
    words = re.findall(r"'[^']*'|\S+", text.partition("  #")[0])
    number = 0
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            yield word, words.pop(0).strip("'") if words and not words[0].startswith("-") else ""
        else:
            yield str(number), word.strip("'")
            number += 1


@dataclass
class Walk:
    """Somebody who does what the page says, and what has come of it."""

    adfs: Adfs
    shell: Shell
    tenant: Tenant
    folder: Path
    random: Random
    journal: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """How often each section was gone through to its end."""
    locked: frozenset[str] = frozenset()
    off_until_promoted: bool = False
    """Whether rollover was switched off, and is to be switched on with the next promotion."""
    declared: bool = False
    """Whether the section says that people are locked out."""

    async def look(self) -> None:
        """Whom AD FS's own certificate locks out now: nobody who could sign in before."""
        trusted = await self.shell.show_trust(self.adfs.primary.certificate.thumbprint)
        locked = frozenset(domain for domain, holds in trusted.items() if not holds)
        assert self.declared or locked <= self.locked, "\n".join([*self.journal[-40:], f"locked out: {sorted(locked)}"])
        self.locked = locked

    @contextmanager
    def told(self) -> Iterator[None]:
        self.declared = True
        yield
        self.declared = False

    async def paste(self, block: str, **meant: KeyPair | str) -> Mapping[str, bool]:
        """Runs a block of the page, filled in with what is meant; looks after each command. Gives what it shows."""
        shown: Mapping[str, bool] = {}
        for cmdlet, text in CHANGES.findall(block):
            given = {name: self.filled(value, meant) for name, value in arguments(text)}
            self.journal.append(f"{self.adfs.now:%Y-%m-%d} {cmdlet} { ({k: v[-48:] for k, v in given.items()}) }")
            values = [value for name, value in given.items() if name.isdecimal()]
            match cmdlet:
                case "Write-Certificate":
                    await self.shell.write_certificate(*values)
                case "Write-Both":
                    await self.shell.write_both(*values)
                case "Show-Trust":
                    shown = await self.shell.show_trust(*values)
                case _:
                    self.adfs.run(cmdlet, given)
            await self.look()
        return shown

    def filled(self, text: str, meant: Mapping[str, KeyPair | str]) -> str:
        """A value of the page as a person gives it: AD FS says which certificate is which."""
        if text in {"$domain", "contoso.com"}:
            return str(meant["domain"])
        if text == "$successor.Thumbprint":
            assert self.adfs.successor
            return self.adfs.successor.certificate.thumbprint
        named = (
            r"<(base64|thumbprint)(?: of the ([\w ]+?)| of the \w+, else of the \w+)?(?:, on one line|, from AD FS)?>"
        )
        placeholder = re.fullmatch(named, text)
        if placeholder is None:
            assert "<" not in text, text
            return text
        which = meant.get((placeholder[2] or "new one").replace(" ", "_"), self.adfs.primary)
        assert placeholder[2] in {"primary", None} or which is not self.adfs.primary, text
        if isinstance(which, str):
            return which
        return base64.b64encode(which.der).decode() if placeholder[1] == "base64" else which.certificate.thumbprint

    # The sections

    async def generate(self) -> None:
        if self.adfs.successor:
            return await self.update_entra_id()
        if not self.adfs.rollover:
            if not self.adfs.primary.certificate.self_issued:
                return None
            if self.adfs.left <= 2 * DAY:
                return None
            await self.paste(SWITCH_ON)
        await self.paste(GENERATE)
        self.done["generate"] += 1
        return await self.update_entra_id()

    async def renew_by_hand(self) -> None:
        if self.adfs.rollover:
            return await self.generate()
        if self.adfs.successor is None:
            await self.paste(ADD, new_one=self.installed())
            self.done["renew by hand"] += 1
        return await self.update_entra_id()

    def installed(self) -> KeyPair:
        """A certificate that the CA has issued and that every server has."""
        life = self.random.choice((YEAR, YEAR, 3 * YEAR))
        issued = pair(
            not_before=self.adfs.now,
            not_after=self.adfs.now + life,
            issuer=builders.authority(),
            nth=len(self.adfs.installed),
        )
        self.adfs.installed[issued.certificate.thumbprint] = issued
        return issued

    async def update_entra_id(self, *only: str) -> None:
        """Domain by domain; somebody may be called away in the middle."""
        domains = list(only or DOMAINS)
        self.random.shuffle(domains)
        if not only and self.random.random() < 0.3:
            domains = domains[: self.random.randrange(len(domains))]
        for domain in domains:
            await self.write(domain, WRITE_SUCCESSOR, successor=self.adfs.successor or self.adfs.primary)
            self.done["update Entra ID"] += 1

    async def write(self, domain: str, block: str, **meant: KeyPair) -> None:
        """Writes a certificate, and does what the page says where nothing was written."""
        if "successor" in meant and self.adfs.successor is None:
            block = WRITE_PRIMARY
        try:
            await self.paste(block, domain=domain, **meant)
        except ThrownError as error:
            if "Write the primary first" in str(error):
                await self.paste(WRITE_PRIMARY, domain=domain)
                return await self.write(domain, block, **meant)
            # AD FS shows the same primary still: the other one is not needed any more.
            (other,) = re.findall("([0-9A-F]{40}) ends after", str(error))
            assert other != self.adfs.primary.certificate.thumbprint
            line = block.rstrip("\n") + f" '{other}'\n"
            await self.paste(line, domain=domain, **meant)
        return None

    async def promote(self) -> None:
        successor = self.adfs.successor
        if successor is None or self.adfs.now < successor.certificate.not_before:
            return
        while lacking := [
            each for each, trusted in (await self.paste(SEE, successor=successor)).items() if not trusted
        ]:
            await self.update_entra_id(*lacking)
        was_on = self.adfs.rollover or self.off_until_promoted
        await self.paste(SWITCH_OFF)
        await self.paste(PROMOTE)
        self.off_until_promoted = was_on and self.adfs.successor is not None
        if was_on and not self.off_until_promoted:
            await self.paste(SWITCH_ON_AGAIN)
        assert self.adfs.primary is successor
        self.done["promote"] += 1

    async def remove_foreign(self) -> None:
        for domain in DOMAINS:
            for slot in await self.shell.read_slots(domain):
                if re.fullmatch("[0-9A-F]{40}", slot.thumbprint) and slot.thumbprint not in self.adfs.listed:
                    await self.overwrite(domain, slot.thumbprint)

    async def overwrite(self, domain: str, foreign: str) -> None:
        new = self.adfs.successor or self.adfs.primary
        try:
            await self.paste(OVERWRITE, domain=domain, foreign_one=foreign, new_one=new)
        except ThrownError:
            await self.paste(OVERWRITE, domain=domain, foreign_one=foreign, new_one=self.adfs.primary)
        self.done["remove foreign"] += 1

    async def roll_back(self) -> None:
        signed = [each for each in self.adfs.listed.values() if each is not self.adfs.primary]
        old = [
            each for each in signed if each is not self.adfs.successor and each.certificate.not_after > self.adfs.now
        ]
        if not old:
            return
        chosen = self.random.choice(old)
        while lacking := [each for each, has in (await self.paste(SEE_OLD, old_one=chosen)).items() if not has]:
            for domain in lacking:
                await self.write(domain, WRITE_OLD, old_one=chosen)
        self.off_until_promoted |= self.adfs.rollover
        await self.paste(GO_BACK, old_one=chosen)
        assert self.adfs.primary is chosen
        self.done["roll back"] += 1

    async def entra_id_does_not_trust_the_primary(self) -> None:
        for domain in DOMAINS:
            await self.paste(WRITE_IN_USE, domain=domain)
        assert not self.locked
        self.done["emergency"] += 1

    async def stolen(self) -> None:
        stolen = self.adfs.primary
        with self.told():
            if self.adfs.rollover:
                await self.paste(REPLACE)
                second = self.adfs.successor
                assert second
            else:
                first, second = self.installed(), self.installed()
                await self.paste(REPLACE_ISSUED, first=first, second=second, stolen_one=stolen)
            for domain in DOMAINS:
                await self.paste(WRITE_BOTH, domain=domain, secondary=second)
        assert not self.locked
        for domain in DOMAINS:
            assert stolen.certificate.thumbprint not in [
                each.thumbprint for each in await self.shell.read_slots(domain)
            ]
        self.done["stolen"] += 1

    async def remove_old(self) -> None:
        """What FedmetaPossiblePrimaryEnding says of an old one that is needed no longer; rollover off for it."""
        unused = [each for each in self.adfs.listed.values() if each not in (self.adfs.primary, self.adfs.successor)]
        if not unused:
            return
        was_on = self.adfs.rollover
        await self.paste(SWITCH_OFF)
        await self.paste(REMOVE_OLD, old_one=self.random.choice(unused))
        if was_on:
            await self.paste(SWITCH_ON_AGAIN)
        self.done["remove old"] += 1

    # The exporter

    async def check(self) -> Standing:
        """What ``fedmeta-exporter check`` finds now."""
        file = self.folder / "farm.xml"
        published = list(self.adfs.listed.values())
        self.random.shuffle(published)
        file.write_bytes(builders.adfs(*published, signer=self.adfs.primary))
        target = watched(
            HOST,
            file.as_uri(),
            policy=PolicySettings(auto_certificate_rollover=self.adfs.rollover),
            entra=replace(self.tenant.entra, domains=DOMAINS),
        )
        async with fetch.client() as client:
            record = await Rounds(client, lambda: self.adfs.now).everything(target)
        return standing(record, self.adfs.now, remembers=False)

    async def follow_check(self) -> None:
        """Pastes each command for Entra ID that check advises, as it stands, until it advises none."""
        for _ in range(2 * len(DOMAINS)):
            found = await self.check()
            steps = [(each.domain, step(each, self.adfs.now).commands) for each in found.findings if each.domain]
            advised = [(domain, each) for domain, each in steps if any(UPDATE in command for command in each)]
            if not advised:
                return
            domain, commands = advised[0]
            await self.paste_advice(str(domain), commands, found)
            self.done["check"] += 1

    async def paste_advice(self, domain: str, commands: Sequence[str], found: Standing) -> None:
        (command,) = (each for each in commands if each.startswith(UPDATE))
        printed = [each.partition("--print-certificate")[2] for each in commands if "--print-certificate" in each]
        assert found.rollover
        which = found.rollover.primary if printed == ["=primary"] else found.rollover.successor
        named = re.search(r"<base64 of ([0-9A-F]{40})>", command)
        thumbprint = named[1] if named else which.thumbprint if which else ""
        chosen = self.adfs.listed[thumbprint]
        slot = re.search(r" -((?:Next)?SigningCertificate) '", command)
        self.journal.append(
            f"{self.adfs.now:%Y-%m-%d} check: {command.replace(' -InternalDomainFederationId $trust.Id', '')}"
        )
        if slot is None:
            # It says that the publisher's own list is to tell which slot is free.
            await self.write(domain, WRITE_SUCCESSOR, successor=chosen)
            return
        trust = await self.shell.trust(domain)
        await self.shell.update(domain, trust["id"], {slot[1]: base64.b64encode(chosen.der).decode()})
        await self.look()

    # The days

    async def day(self) -> None:
        """A day passes. What pages is acted upon within it."""
        for _ in range(2):
            self.adfs.now += DAY / 2
            if self.adfs.tick():
                self.journal.append(f"{self.adfs.now:%Y-%m-%d} AD FS changed something by itself")
                await self.look()
        successor = self.adfs.successor
        if not self.adfs.rollover or successor is None:
            return
        if not all((await self.shell.show_trust(successor.certificate.thumbprint)).values()):
            found = await self.check()
            if any(each.domain and each.severity is Severity.CRITICAL for each in found.findings):
                await self.follow_check()
            for each in found.findings:
                if each.kind is Kind.TRUST_UNKNOWN:
                    await self.update_entra_id(str(each.domain))

    async def go(self, until: datetime) -> None:
        sections = [
            self.generate,
            self.renew_by_hand,
            self.update_entra_id,
            self.promote,
            self.remove_foreign,
            self.roll_back,
            self.entra_id_does_not_trust_the_primary,
            self.remove_old,
            self.follow_check,
        ]
        while self.adfs.now < until:
            for _ in range(self.random.choice((0, 1, 1, 3, 8, 21))):
                await self.day()
            section = self.random.choice(sections)
            if self.random.random() < 0.03:
                section = self.stolen
            if self.adfs.left < 35 * DAY and self.random.random() < 0.5:
                section = self.random.choice((self.renew_by_hand, self.promote))
            self.journal.append(f"{self.adfs.now:%Y-%m-%d} - {section.__name__}")
            await section()


def beginning(random: Random, directory: Tenant) -> Adfs:
    """A farm and its domains as somebody finds them: any slots, half updated, or broken already."""
    issuer = random.choice((None, None, builders.authority()))
    primary = pair(not_before=NOW - 200 * DAY, not_after=NOW + random.choice((60, 165)) * DAY, issuer=issuer, nth=90)
    # With rollover on AD FS has promoted what ends last.
    rollover = issuer is None and random.random() < 0.8
    ends = random.choice((-135, 20) if rollover else (-135, 20, 400))
    old = pair(not_before=NOW - 500 * DAY, not_after=NOW + ends * DAY, issuer=issuer, nth=91)
    foreign = pair(not_before=NOW - 100 * DAY, not_after=NOW + 2 * YEAR, nth=92)
    listed = [primary, old] if random.random() < 0.5 else [primary]
    for domain in DOMAINS:
        held: list[bytes | None] = [
            random.choice((primary.der, primary.der, None)),
            random.choice((old.der, foreign.der, primary.der, None, b"", NOTHING)),
        ]
        random.shuffle(held)
        directory.directory.federate(domain, signing=held[0], next_signing=held[1], service=HOST)
    return Adfs(
        NOW,
        dict(zip(thumbprints(listed), listed, strict=True)),
        primary,
        rollover=rollover,
    )


async def walked(seed: int, folder: Path) -> Walk:
    """Three years."""
    random = Random(seed)  # noqa: S311 -- an order, no secret
    async with tenant() as opened, signed_in(opened) as shell:
        walk = Walk(beginning(random, opened), shell, opened, folder, random)
        walk.journal.append(f"seed {seed}")
        walk.locked = frozenset(DOMAINS)
        await walk.look()
        await walk.go(NOW + 3 * YEAR)
    return walk


@pytest.mark.parametrize("seed", range(4))
async def test_nobody_is_locked_out_in_three_years_of_renewals_by_hand_in_any_order_of_sections(
    seed: int, tmp_path: Path
) -> None:
    walk = await walked(seed, tmp_path)

    assert walk.adfs.now >= NOW + 3 * YEAR
    assert min(walk.done[each] for each in ("update Entra ID", "promote", "roll back", "emergency")) > 1


def test_what_is_walked_in_python_is_what_the_page_says() -> None:
    told = "\n".join(powershell(PAGE))

    assert TEXT in powershell(SECTIONS["Update Entra ID, domain by domain"])
    assert told.count(SUCCESSOR) == told.count("$successor =") - told.count("$successor = '<base64")


WALKED = {
    "Generate a successor",
    "Renew by hand (enterprise CA)",
    "Update Entra ID, domain by domain",
    "Remove a foreign certificate",
    "Promote",
    "Roll back / emergency",
    "FedmetaPossiblePrimaryEnding",
}


def test_what_other_sections_change_is_what_is_walked() -> None:
    """Beside those that are walked: blocks that are the same, or that concern no signing certificate."""
    walked = {shape for heading in WALKED for block in changing(heading) for shape in shapes(block)}

    for heading in SECTIONS.keys() - WALKED:
        for block in changing(heading):
            assert set(shapes(block)) <= walked, heading


def shapes(block: str) -> Iterator[str]:
    """The commands of a block that change a signing certificate, or who trusts it, without what is filled in."""
    for cmdlet, text in CHANGES.findall(block):
        given = dict(arguments(text))
        if given.get("-CertificateType", "Token-Signing") == "Token-Signing" and "Ssl" not in cmdlet:
            named = sorted(each for each in given if each.startswith("-"))
            yield f"{cmdlet} {named} {given.get('-AutoCertificateRollover')}"


def test_only_two_sections_let_ad_fs_sign_with_another_certificate_and_both_look_at_entra_id_first() -> None:
    promoting = re.compile(r"^.*Set-AdfsCertificate -CertificateType Token-Signing .*-IsPrimary.*$", re.MULTILINE)
    found = {heading for heading, text in SECTIONS.items() if promoting.search(text)}

    assert found == {"Promote", "Roll back / emergency"}
    assert "Show-Trust" in SEE
    assert "Show-Trust" in SEE_OLD
    blocks = changing("Roll back / emergency")
    # After a theft there is nobody left to protect.
    assert [block for block in blocks if promoting.search(block)] == [GO_BACK, REPLACE_ISSUED]


# The functions


@dataclass
class Held:
    """A domain with these in its slots."""

    shell: Shell
    directory: Graph

    def holding(self, signing: bytes | None, following: bytes | None) -> None:
        self.directory.federate(DOMAINS[0], signing=signing, next_signing=following, service=HOST)

    async def slots(self) -> Sequence[str]:
        return [each.thumbprint for each in await self.shell.read_slots(DOMAINS[0])]


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    async with tenant() as opened, signed_in(opened) as shell:
        yield Held(shell, opened.directory)


OLD = pair(not_before=NOW - 400 * DAY, not_after=NOW + 5 * DAY)
NOW_PRIMARY = pair(not_before=NOW - 20 * DAY, not_after=NOW + 345 * DAY)
NEXT = pair(not_before=NOW, not_after=NOW + 365 * DAY)
LONG = pair(not_before=NOW - 100 * DAY, not_after=NOW + 900 * DAY)


def text(of: KeyPair) -> str:
    return base64.b64encode(of.der).decode()


def thumb(of: KeyPair) -> str:
    return of.certificate.thumbprint


async def test_an_old_thumbprint_in_place_of_the_primarys_is_refused(held: Held) -> None:
    for slots in ((OLD, NOW_PRIMARY), (NOW_PRIMARY, OLD)):
        held.holding(*(each.der for each in slots))
        with pytest.raises(ThrownError, match=f"{thumb(NOW_PRIMARY)} ends after {thumb(OLD)}"):
            await held.shell.write_certificate(DOMAINS[0], text(NEXT), thumb(OLD))

        assert await held.slots() == [thumb(each) for each in slots]


async def test_what_ends_after_the_primary_is_written_over_where_it_is_named(held: Held) -> None:
    held.holding(LONG.der, NOW_PRIMARY.der)

    await held.shell.write_certificate(DOMAINS[0], text(NEXT), thumb(NOW_PRIMARY), thumb(LONG))

    assert await held.slots() == [thumb(NEXT), thumb(NOW_PRIMARY)]


@pytest.mark.parametrize(
    ("new", "primary", "foreign", "sentence"),
    [
        ("", thumb(NOW_PRIMARY), "", "this is not the base64 of a certificate"),
        ("<base64 of the successor>", thumb(NOW_PRIMARY), "", "this is not the base64 of a certificate"),
        (text(NEXT), "<thumbprint of the primary>", "", "this is not the thumbprint of the primary"),
        (text(NEXT), thumb(LONG), "", "neither slot of contoso.com holds the primary"),
        (text(NEXT), thumb(NOW_PRIMARY), thumb(LONG), "contoso.com does not hold the foreign one"),
        (text(NEXT), thumb(NOW_PRIMARY), thumb(NOW_PRIMARY), "the primary is not foreign"),
    ],
    # The thumbprints are others in each process.
    ids=["nothing", "the words to fill in", "no thumbprint", "another primary", "another foreign one", "both the same"],
)
async def test_what_is_wrong_is_not_written(held: Held, new: str, primary: str, foreign: str, sentence: str) -> None:
    held.holding(NOW_PRIMARY.der, OLD.der)

    with pytest.raises(ThrownError, match=sentence):
        await held.shell.write_certificate(DOMAINS[0], new, primary, foreign)

    assert await held.slots() == [thumb(NOW_PRIMARY), thumb(OLD)]


@pytest.mark.parametrize(
    ("first", "second", "primary"),
    [(NEXT, NEXT, NEXT), (NEXT, None, NEXT), (OLD, LONG, NEXT)],
    ids=["one twice", "one is none", "no primary"],
)
async def test_both_slots_are_written_with_two_certificates_one_of_them_the_primary_or_not_at_all(
    held: Held, first: KeyPair, second: KeyPair | None, primary: KeyPair
) -> None:
    held.holding(NOW_PRIMARY.der, OLD.der)

    with pytest.raises(ThrownError, match="Nothing was written"):
        await held.shell.write_both(DOMAINS[0], text(first), text(second) if second else "", thumb(primary))

    assert await held.slots() == [thumb(NOW_PRIMARY), thumb(OLD)]


async def test_a_domain_that_trusts_a_certificate_in_either_slot_is_shown_to(held: Held) -> None:
    held.holding(NOTHING, NOW_PRIMARY.der)

    assert await held.shell.show_trust(thumb(NOW_PRIMARY).lower()) == {DOMAINS[0]: True}
    assert await held.shell.show_trust(thumb(OLD)) == {DOMAINS[0]: False}
    with pytest.raises(ThrownError, match="not the thumbprint"):
        await held.shell.show_trust("<thumbprint of the successor>")
