"""The page of a target: what was found and what to do about it, and all that is known."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from urllib.parse import quote

from exporter.advice import advice
from exporter.certificates import FORMS
from exporter.config.urls import MASK, shown
from exporter.findings import (
    UNKNOWN,
    Block,
    Finding,
    Kind,
    Standing,
    ends,
    moment,
    of_one,
    outlook,
    predicted,
    sentence,
    span,
    step,
    title,
)
from exporter.history import Change, EntityHistory
from exporter.inquiry import DomainRecord
from exporter.model import Certificate, Document, Entity, Fault, Observation, SignatureState, Use
from exporter.names import counted, shortened, told
from exporter.page.asked import Asked, part
from exporter.page.axis import BARS, Bar, axis
from exporter.page.certificates import Published, published
from exporter.page.commands import commands
from exporter.page.frame import field, framed, paragraph, summary, table
from exporter.page.html import NOTHING, Html, element, together
from exporter.record import LookRecord
from exporter.report import about, domain, evidence, left, seen, state, where
from exporter.rollover import WORDS, Position, Rollover, State
from exporter.rules import runbook
from exporter.trust import TRUST_WORDS, Verdict

FINDINGS = 40
"""On one page; as many characters as :data:`FINDINGS_ROOM`."""

FINDINGS_ROOM = 90_000
ENTITIES = 100
ENTITIES_ROOM = 60_000
CERTIFICATES = 24
LOOKS = 20
DOMAINS = 20
FAULTS = 20
CHANGES = 20

_ENTITIES = "#entities"
"""Where the list of an aggregate's entities begins: whoever searches it does not want to pass the findings again."""

_NAME = 200
"""Characters of a name that somebody asks for, and nobody has."""

_NOT_VALID = frozenset({Kind.SIGNING_CERTIFICATE_EXPIRED, Kind.SP_CERTIFICATE_EXPIRED})
"""Findings that say that a primary is not valid now."""

_SIGNATURES: Mapping[SignatureState, str] = {
    SignatureState.TRUSTED: "verified, by a signer that the policy names",
    SignatureState.VALID: "verified",
    SignatureState.INVALID: "does not verify",
    SignatureState.UNSIGNED: "none",
    SignatureState.UNCHECKED: "not checked",
}

_CHANGES: Mapping[Change, str] = {
    Change.ADDED: "a key was added",
    Change.UNEXPECTED: "a key was added that nobody expected",
    Change.REMOVED: "a key was removed",
    Change.REPLACED: "all keys were replaced at once",
    Change.UNSEEN: "the keys became others while nobody looked",
}


def target(standing: Standing, now: datetime, asked: Asked, *, version: str) -> str:
    """The HTML of a target's page as of ``now``; its findings first, the worst before the others."""
    record = standing.record
    name = record.target.name
    one = next((each for each in standing.rollovers if each.entity_id == asked.entity and record.is_aggregate), None)
    # Whoever asks for one entity sees how that stands; the list of all of them is that of the target.
    told_of = of_one(standing, one.entity_id, now) if one else standing
    as_of = f" The document was last read on {moment(record.last_success)}." if record.last_success else ""
    return framed(
        name,
        element("h1", name),
        element("p", _address(shown(record.target.url)), class_="small"),
        _which(one, asked) if one else NOTHING,
        element("p", state(told_of), class_=f"state {told_of.word}"),
        paragraph("" if told_of.findings else outlook(told_of)),
        _differing(standing),
        paragraph(f"As of {moment(now)}.{as_of}", "small"),
        *_findings(told_of, now, asked),
        element("h2", "What is known"),
        paragraph(f"Profile {standing.policy.profile}, known by {standing.policy.evidence}.", "small"),
        *_entity(told_of, now, asked),
        *_entities(standing, now, asked.among(WORDS.values())),
        *_trust(standing, now),
        *_places(standing, now),
        *_document(standing, now),
        root="../",
        version=version,
    )


def _which(one: Rollover, asked: Asked) -> Html:
    """Which entity of an aggregate the page tells of, and the way back to the list as it was asked for."""
    back = element("a", "All entities", href=f"{asked.but(entity='', finding=0)}{_ENTITIES}")
    return element("p", "Entity ", element("bdi", one.entity_id), f": {WORDS[one.state]}. ", back)


def _differing(standing: Standing) -> Html:
    """Since when places differ, as a link to them: it is no finding before copying takes too long."""
    since = standing.record.differing_since
    if since is None:
        return NOTHING
    return element("p", element("a", f"Places differ since {moment(since)}.", href="#places"), class_="small")


def _findings(standing: Standing, now: datetime, asked: Asked) -> Iterator[Html]:
    """Who looks for an entity of an aggregate sees what is about it, and about the document as a whole."""
    if not standing.findings:
        return
    found = [each for each in standing.findings if not standing.record.is_aggregate or _is_asked(each, asked)]
    others = len(standing.findings) - len(found)
    yield element("h2", "What was found", id="findings")
    if others:
        everything = element("a", "Show all", href=f"{asked.but(q='', entity='', finding=0)}#findings")
        yield element(
            "p", f"Not shown: {counted(others, 'finding')} about other entities. ", everything, class_="small"
        )
    yield part(
        found,
        asked.finding,
        lambda finding: _finding(finding, now),
        most=FINDINGS,
        room=FINDINGS_ROOM,
        turn=lambda start: f"{asked.but(finding=start)}#findings",
    )


def _is_asked(finding: Finding, asked: Asked) -> bool:
    if finding.entity_id is None:
        return True
    if asked.entity:
        return finding.entity_id == asked.entity
    return asked.finds([finding.entity_id])


def _address(url: str) -> Html | str:
    # Without its query it leads elsewhere.
    is_link = url.startswith("http") and MASK not in url
    return element("a", url, href=url, rel="noreferrer") if is_link else url


def _finding(finding: Finding, now: datetime) -> Html:
    word, next_step = finding.severity.word, step(finding, now)
    data = {f"data_{name}": each for name, each in finding.about.items()}
    section = runbook(finding.kind)
    return element(
        "div",
        element("h3", f"{title(finding.kind)} ({word})"),
        paragraph(_about(finding), "small"),
        element("p", sentence(finding, now)),
        element("p", f"To do: {next_step.text}"),
        *(_block(each) for each in next_step.blocks),
        element("p", element("a", "Runbook", href=f"../runbooks#{section}"), class_="small") if section else NOTHING,
        class_=f"finding {word}",
        data_finding=finding.kind,
        data_severity=word,
        **data,
    )


def _block(block: Block) -> Html:
    return together(paragraph(block.before), commands(block.commands))


def _about(finding: Finding) -> Html:
    names = ((f"{label.lower()} ", element("bdi", each)) for label, each in about(finding))
    return together(*(piece for nth, name in enumerate(names) for piece in (", " if nth else "", *name)))


# --- an aggregate


def _entities(standing: Standing, now: datetime, asked: Asked) -> Iterator[Html]:
    if not standing.record.is_aggregate:
        return
    named = [each for each in standing.worst_first if not asked.q or asked.finds([each.entity_id])]
    counts = Counter(map(attrgetter("state"), named))
    found = [each for each in named if not asked.state or asked.state == WORDS[each.state]]
    yield element("h3", "Entities", id="entities")
    yield paragraph(f"{len(standing.rollovers)} entities with a role, {len(standing.watched)} of them watched.")
    yield summary(
        "States", "state", {WORDS[each]: ("", counts[each]) for each in State if counts[each]}, asked, at=_ENTITIES
    )
    yield element(
        "form",
        field("Entity", element("input", type="search", name="q", value=asked.q)),
        element("input", type="hidden", name="state", value=asked.state),
        element("button", "Show", type="submit"),
        element("a", "Show all", href=f"?{_ENTITIES}"),
        # A browser keeps it, and puts the query before it.
        action=_ENTITIES,
        role="search",
    )
    yield NOTHING if found else paragraph("No entity is like that.")
    yield part(
        found,
        asked.start,
        lambda each: _row(each, now, asked, is_watched=each.entity_id in standing.watched),
        most=ENTITIES,
        room=ENTITIES_ROOM,
        turn=lambda start: f"{asked.but(start=start)}{_ENTITIES}",
    )


def _row(rollover: Rollover, now: datetime, asked: Asked, *, is_watched: bool) -> Html:
    primary = rollover.primary
    state_of_it = WORDS[rollover.state] + (", watched" if is_watched else "")
    end = f", the primary {ends(primary.not_after, now)} {moment(primary.not_after)}" if primary else ""
    link = element("a", rollover.entity_id, href=asked.but(entity=rollover.entity_id, finding=0))
    return element("p", link, f": {state_of_it}{end}.", data_entity=rollover.entity_id)


# --- one entity


def _entity(standing: Standing, now: datetime, asked: Asked) -> Iterator[Html]:
    """Its rollover along time, its certificates, and what changed."""
    record = standing.record
    entity_id = asked.entity or record.entity_id
    entities = record.document.metadata.entities if record.document else ()
    entity = next((each for each in entities if each.entity_id == entity_id), None)
    rollover = next((each for each in standing.rollovers if each.entity_id == entity_id), None)
    if entity is None or rollover is None:
        who = told(asked.entity, _NAME)
        yield paragraph(f"The document has no entity {who} with a role." if who else "")
        return
    known = record.history.entities.get(entity.entity_id, EntityHistory())
    certificates = published(entity, rollover)
    yield element("h3", "Rollover", id="rollover")
    yield table(_rollover(entity, rollover, now))
    bars = [_bar(each, standing, entity.entity_id, now) for each in certificates]
    yield axis(standing, rollover, bars, now)
    yield _more(len(bars) - BARS, "certificate")
    yield element("h3", "Certificates", id="certificates")
    yield element(
        "div",
        *(
            _certificate(each, bar, known, record.target.name, now)
            for each, bar in zip(certificates[:CERTIFICATES], bars, strict=False)
        ),
        class_="grid",
    )
    yield _more(len(certificates) - CERTIFICATES, "certificate")
    changes = sorted(_changes(known), reverse=True)
    if changes:
        yield element("h3", "What changed", id="changes")
        yield table([(moment(at), text) for at, text in changes[:CHANGES]])


def _rollover(entity: Entity, rollover: Rollover, now: datetime) -> Iterator[tuple[str, str]]:
    yield "Entity", entity.entity_id
    if rollover.primary is None:
        yield "Primary", "none"
    else:
        yield "Primary", rollover.primary.thumbprint
        yield from (("", evidence(claim, rollover.primary)) for claim in rollover.claims)
    yield "Successor", rollover.successor.thumbprint if rollover.successor else "none"
    if rollover.promotion is not None:
        yield "Promotion", f"{predicted(rollover.promotion, now)} {moment(rollover.promotion)}"


def _bar(each: Published, standing: Standing, entity_id: str, now: datetime) -> Bar:
    certificate = each.certificate
    begins = f"from {certificate.not_before:%Y-%m-%d} " if now < certificate.not_before else ""
    text = f"{each.title} {certificate.thumbprint[:8]}, {begins}until {certificate.not_after:%Y-%m-%d}"
    return Bar(certificate, text, _colour(each, standing, entity_id, now))


def _colour(each: Published, standing: Standing, entity_id: str, now: datetime) -> str | None:
    """By which colour a certificate is shown; a primary that is not valid now by that of the finding that says so."""
    certificate, position = each.certificate, each.position
    if not each.signs or position is Position.SECONDARY:
        return None
    if now >= certificate.not_after or (position is Position.PRIMARY and now < certificate.not_before):
        found = (one for one in standing.findings if one.kind in _NOT_VALID and one.entity_id == entity_id)
        return next((one.severity.word for one in found), UNKNOWN)
    return "ok" if position is Position.PRIMARY else "info"


def _certificate(each: Published, bar: Bar, known: EntityHistory, name: str, now: datetime) -> Html:
    certificate = each.certificate
    begin, end = certificate.not_before, certificate.not_after
    first = known.first_seen.get(certificate.fingerprint)
    rows = [
        ("Thumbprint", certificate.thumbprint),
        ("SHA-256", certificate.fingerprint),
        ("Subject", shortened(certificate.subject)),
        *([("Issuer", shortened(certificate.issuer))] if not certificate.self_issued else ()),
        ("Valid", f"{moment(begin)} to {moment(end)}, {left(certificate, now)}"),
        *([("First seen", moment(first))] if first else ()),
        ("Key", f"{certificate.key_algorithm}, {certificate.key_size} bits"),
        ("Roles", ", ".join(each.roles)),
    ]
    return element(
        "article",
        element("h4", each.title),
        table(rows),
        _downloads(certificate, name),
        class_=bar.css,
        data_fingerprint=certificate.fingerprint,
    )


def _downloads(certificate: Certificate, name: str) -> Html:
    links = (
        element("a", words, href=f"{quote(name, safe='')}/certificates/{certificate.fingerprint}.{form}")
        for form, words in zip(FORMS, ("PEM", "base64"), strict=True)
    )
    return element("p", "As ", *(piece for link in links for piece in (link, " ")), class_="small")


def _changes(known: EntityHistory) -> Iterator[tuple[datetime, str]]:
    for use, words in ((Use.SIGNING, "Signing"), (Use.ENCRYPTION, "Encryption")):
        for change, at in known.changes(use).items():
            yield at, f"{words}: {_CHANGES[change]}"
    for fingerprint, at in known.first_seen.items():
        # All that came with the entity is no change.
        if at != known.began:
            yield at, f"Certificate first seen: SHA-256 {fingerprint}"
    if known.last_promotion is not None and known.primaries:
        (fingerprint,) = known.primaries[-1].fingerprints
        yield known.last_promotion, f"The primary became another: SHA-256 {fingerprint}"
    if known.began is not None:
        yield known.began, "The entity was first seen"
    if known.left is not None:
        yield known.left, "The entity was no longer published"


# --- Entra ID, places, the document


def _trust(standing: Standing, now: datetime) -> Iterator[Html]:
    domains = standing.record.domains
    if not domains:
        return
    yield element("h3", "What Entra ID trusts", id="trust")
    pairs = zip(domains[:DOMAINS], standing.verdicts, strict=False)
    shown_ones = (_domain(each, verdict, standing, now) for each, verdict in pairs)
    yield element("div", *shown_ones, class_="grid")
    yield _more(len(domains) - DOMAINS, "domain")


def _domain(each: DomainRecord, verdict: Verdict, standing: Standing, now: datetime) -> Html:
    trusted = each.trust.certificates if each.trust else {}
    name, *rest = domain(each, standing.rollover, now)
    return element(
        "article",
        table([name, ("State", TRUST_WORDS[verdict.state]), *rest]),
        *(
            together(
                paragraph(f"{slot.capitalize()}: SHA-256 {held.fingerprint}", "small"),
                _downloads(held, _name(standing)),
            )
            for slot, held in trusted.items()
        ),
    )


def _name(standing: Standing) -> str:
    return standing.record.target.name


def _places(standing: Standing, now: datetime) -> Iterator[Html]:
    record = standing.record
    since = record.differing_since
    yield element("h3", "Places", id="places")
    yield paragraph(f"Since {moment(since)} not all places got the same keys and signer." if since else "")
    yield element("div", *(_look(each, now) for each in record.looks[:LOOKS]), class_="grid")
    yield _more(len(record.looks) - LOOKS, "place")


def _look(each: LookRecord, now: datetime) -> Html:
    look, observation, failure, lately = each.look, each.observation, each.lately.failure, each.lately
    rows = [("Now", seen(each))]
    if observation is not None:
        if observation.reason is not None:
            rows.append(("Try", advice(observation)))
        rows += [("Looked", f"{moment(observation.at)}, {span(now - observation.at)} ago"), *_phases(observation)]
        if observation.tls_not_after is not None:
            rows.append(("TLS until", moment(observation.tls_not_after)))
    if each.last_success is not None:
        rows.append(("Last read", moment(each.last_success)))
    if lately.probes:
        rows.append(("Last day", f"{counted(lately.probes, 'look')}, {lately.failures} failed"))
    if failure is not None and failure is not observation:
        rows += [("Last failed", f"{moment(failure.at)}, {failure.reason}: {failure.detail}"), *_phases(failure)]
    title_of_it = f"{where(look)}, from {look.vantage}"
    return element("article", element("h4", title_of_it), table(rows), data_node=look.node, data_vantage=look.vantage)


def _phases(observation: Observation) -> Iterator[tuple[str, str]]:
    if observation.phases:
        yield "Phases", ", ".join(f"{phase} {1000 * took:.0f} ms" for phase, took in observation.phases.items())
    if observation.http_status is not None:
        yield "HTTP", f"{observation.http_status}"


def _document(standing: Standing, now: datetime) -> Iterator[Html]:
    document = standing.record.document
    if document is None:
        return
    yield element("h3", "Document", id="document")
    yield table(_facts(document, now))
    faults = document.metadata.faults
    if faults:
        yield element("h4", "Faults")
        yield element("ul", *(element("li", _fault(each)) for each in faults[:FAULTS]))
        yield _more(len(faults) - FAULTS, "fault")


def _facts(document: Document, now: datetime) -> Iterator[tuple[str, str]]:
    metadata, signature = document.metadata, document.signature
    detail = f": {signature.detail}" if signature.detail else ""
    yield "Signature", f"{_SIGNATURES[signature.state]}{detail}"
    if signature.fingerprint is not None:
        yield "Signed by", f"SHA-256 {signature.fingerprint}"
    until = metadata.valid_until
    if until is None:
        yield "validUntil", "not said"
    else:
        yield "validUntil", f"{moment(until)}, {span(until - now)} {'left' if now < until else 'ago'}"
    if metadata.cache_duration is not None:
        yield "cacheDuration", span(metadata.cache_duration)
    yield (
        "Size",
        f"{document.size} bytes, {len(metadata.entities)} {'entity' if len(metadata.entities) == 1 else 'entities'}",
    )
    yield "SHA-256", document.digest


def _fault(fault: Fault) -> Html:
    whose = (", of ", element("bdi", fault.entity_id)) if fault.entity_id else ()
    times = f", {fault.times} times" if fault.times > 1 else ""
    return together(element("bdi", fault.detail), f" ({fault.kind}", *whose, f"{times})")


def _more(count: int, thing: str) -> Html:
    return paragraph(f"And {counted(count, f'more {thing}')}." if count > 0 else "", "small")
