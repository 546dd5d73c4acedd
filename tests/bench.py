"""The figures that README quotes: ``make bench``. Printed, never asserted; every claim is a ratio within one run."""

import argparse
import asyncio
import gc
import multiprocessing
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from bench_boards import STEPS, TARGETS, costs
from bench_rules import cost
from builders import knowing, probed, watched, with_looks
from lxml import etree
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter import fetch, metadata, signature
from exporter import inquiry as inquiries
from exporter.config.settings import Entra, Target, TrustSource
from exporter.demo.documents import KeyPair, adfs_metadata, mint
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import serving
from exporter.exposition.render import Renderer
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, UpdateResult
from exporter.model import Certificate, Document, Entity, Key, Observation, Phase, Role, RoleDescriptor
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.rounds import probe_first

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CERTIFICATES = 10_000


def farm_document(host: str = "sts.bench.example", *, successor: bool = True, left: float = 18) -> bytes:
    """A farm whose certificate ends in so many days, with a successor published or without, as AD FS publishes it."""

    def made(use: str, begins: float, ends: float) -> KeyPair:
        subject = f"CN=ADFS {use} - {host}"
        return mint(subject, not_before=NOW + begins * DAY, not_after=NOW + ends * DAY, key="rsa")

    primary = made("Signing", left - 365, left)
    signing = [primary, made("Signing", -2, 363)] if successor else [primary]
    return adfs_metadata(host, signing=signing, encryption=[made("Encryption", left - 365, left)], signer=primary)


def records(count: int) -> Sequence[Record]:
    """The records of as many farms as it takes to have ``count`` certificates, no two alike."""
    model = read_document(farm_document(), ())
    each = len({certificate for key in _keys(model) for certificate in key.certificates})
    return [_record(f"farm-{number:05}", _renamed(model, number)) for number in range(-(-count // each))]


def fleet(farms: int, *, publishing: int) -> Sequence[Record]:
    """So many farms: one in ``publishing`` publishes a successor, others are steady."""
    published, steady = (
        read_document(farm_document(successor=each, left=18 if each else 200), ()) for each in (True, False)
    )
    models = (published if number % publishing == 0 else steady for number in range(farms))
    return [_record(f"farm-{number:05}", _renamed(model, number)) for number, model in enumerate(models)]


def _keys(document: Document) -> Iterator[Key]:
    return (key for role in document.metadata.entities[0].roles for key in role.keys)


def _renamed(document: Document, number: int) -> Document:
    """The document of another farm: other names, other fingerprints."""

    def other(certificate: Certificate) -> Certificate:
        fingerprint = sha256(f"{certificate.fingerprint} {number}".encode()).hexdigest()
        subject = certificate.subject.replace("bench", f"bench{number}")
        ends = certificate.not_after + timedelta(seconds=number)
        return replace(certificate, fingerprint=fingerprint, subject=subject, issuer=subject, not_after=ends)

    def other_role(role: RoleDescriptor) -> RoleDescriptor:
        keys = (replace(key, certificate=other(key.certificate) if key.certificate else None) for key in role.keys)
        return replace(role, keys=tuple(keys))

    (entity,) = document.metadata.entities
    other_entity: Entity = replace(
        entity, entity_id=f"{entity.entity_id}/{number}", roles=tuple(map(other_role, entity.roles))
    )
    return replace(document, metadata=replace(document.metadata, entities=(other_entity,)))


def _record(name: str, document: Document) -> Record:
    return _seen(knowing(bare(watched(name, f"https://{name}.example/metadata.xml")), document=document), NOW)


def _trusted(record: Record) -> Record:
    """The record with a node that serves the same, and a domain for which both signing keys are trusted."""
    node = replace(record.target.look, node="wap1", address="192.0.2.1")
    target = replace(with_looks(record.target, node), entra=Entra(("bench.example",)))
    document = record.document
    assert document is not None
    slots = dict(zip(Slot, document.metadata.entities[0].published(Role.IDP, signs=True), strict=False))
    says = DomainTrust(TrustSource.GRAPH, federated=True, certificates=slots, update=UpdateResult.SUCCESS, updated=NOW)
    domain = inquiries.advance(DomainRecord("bench.example"), Inquiry(NOW, None, "", says))
    looks = (record.first, replace(record.first, look=node))
    return replace(record, target=target, looks=looks, domains=(domain,))


def _seen(record: Record, at: datetime) -> Record:
    phases = dict.fromkeys(Phase, 0.01)
    return probed(record, Observation(at, None, "", phases, 200, NOW + 90 * DAY, record.document))


def bench_scrape() -> None:
    """10,000 certificates on /metrics."""
    known = records(CERTIFICATES)
    renderer = Renderer(limit=200)
    first = _timed(lambda: renderer.render(known, NOW, openmetrics=False), times=1)
    text = renderer.render(known, NOW, openmetrics=False)
    again = _timed(lambda: renderer.render(known, datetime.now(UTC), openmetrics=False), times=15)
    registry = CollectorRegistry()
    registry.register(_Families(list(text_string_to_metric_families(text.decode()))))
    library = _timed(lambda: generate_latest(registry), times=5)
    lines = text.count(b"\n")
    print(f"scrape of {len(known)} farms with {CERTIFICATES} certificates: {lines} lines, {len(text) / 1e6:.1f} MB")
    print(f"  rendered in {again * 1e3:.1f} ms (the very first time {first * 1e3:.0f} ms)")
    print(
        f"  prometheus_client.generate_latest over the same families: {library / again:.0f} x ({library * 1e3:.0f} ms)"
    )
    print(
        f"  event loop held at most {asyncio.run(_longest_hold(renderer, known)) * 1e3:.1f} ms while a thread renders"
    )
    later = [_seen(record, NOW + timedelta(seconds=15)) for record in known[: len(known) // 20]]
    fresh = _timed(lambda: renderer.render([*later, *known[len(later) :]], NOW, openmetrics=False), times=1)
    print(f"  rendered in {fresh * 1e3:.1f} ms after a new look at {len(later)} of them (5 min interval, 15 s scrape)")
    trusted = [_trusted(record) for record in known]
    renderer.render(trusted, NOW, openmetrics=False)
    domains = _timed(lambda: renderer.render(trusted, datetime.now(UTC), openmetrics=False), times=5)
    print(f"  rendered in {domains * 1e3:.1f} ms where each has a node and a domain of Entra ID's beside")


def bench_rules(farms: int = 3_334) -> None:
    """One evaluation of all alert rules."""
    some, all_at_once = "one in twenty publishes a successor", "each publishes one at the same hour"
    for publishing, when in ((20, some), (1, all_at_once)):
        plain = fleet(farms, publishing=publishing)
        for known, which in ((plain, ""), (list(map(_trusted, plain)), " with a node and a domain each")):
            spent = cost(known)
            slowest = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in spent.slowest)
            print(f"rules over {farms} farms{which}, of which {when}:")
            print(
                f"  {spent.cpu:.2f} s of processor time an evaluation, {spent.firing} alerts; the slowest: {slowest}",
                flush=True,
            )


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def bench_boards() -> None:
    """Each query of each board, the dearest ones."""
    dearest = costs()[:10]
    print(f"queries of the boards over {TARGETS} targets and {STEPS} steps, the dearest of processor time:")
    for each in dearest:
        print(f"  {each.seconds:.2f} s: {each.query}, {each.series} series")


async def _longest_hold(renderer: Renderer, known: Sequence[Record]) -> float:
    """The longest time for which the loop could not run a callback that was ready."""
    longest, stop = 0.0, False

    async def tick() -> None:
        nonlocal longest
        while not stop:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)
            await asyncio.sleep(0.0005)

    ticking = asyncio.create_task(tick())
    for _ in range(10):
        await asyncio.to_thread(renderer.render, known, datetime.now(UTC), openmetrics=False)
    stop = True
    await ticking
    return longest


def bench_reading(document: bytes) -> None:
    """One AD FS document."""
    bare, read = _timed_in_turn(lambda: etree.fromstring(document), lambda: metadata.parse(document), times=20)
    root = metadata.tree(document)
    verified = _timed(lambda: signature.verify(root, ()), times=50)
    print(f"AD FS document of {len(document) / 1e3:.0f} KB:")
    print(f"  read in {read * 1e3:.2f} ms, {read / bare:.2f} x a bare lxml.etree.fromstring ({bare * 1e3:.2f} ms)")
    print(f"  its signature verified in {verified * 1e3:.2f} ms, {verified / bare:.1f} x")


def bench_probes(count: int = 200) -> None:
    """Looks over loopback HTTPS, each with a connection of its own; the simulator is another process."""
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.get_context("spawn").Process(target=_simulate, args=(folder, theirs))
        server.start()
        target: Target = ours.recv()
        try:
            asyncio.run(_probe_all(target, count))
        finally:
            ours.send("stop")
            server.join()


def _simulate(folder: str, pipe: Connection) -> None:
    async def simulate() -> None:
        steady = [scenario for scenario in SCENARIOS if scenario.name == "steady"]
        async with serving(steady, now=NOW, folder=Path(folder)) as simulation:
            pipe.send(simulation.targets[0])
            await asyncio.to_thread(pipe.recv)

    asyncio.run(simulate())


async def _probe_all(target: Target, count: int) -> None:
    async with fetch.client() as client:
        before = time.process_time()
        for _ in range(count):
            record = await probe_first(bare(target), client=client, now=NOW)
            assert record.document is not None, record.observation
        full = time.process_time() - before
        before = time.process_time()
        for _ in range(count):
            record = await probe_first(record, client=client, now=NOW)
        unchanged = time.process_time() - before
    context = ssl.create_default_context(cafile=target.look.module.tls.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, ssl=context)) as session:
        before = time.process_time()
        for _ in range(count):
            async with session.get(target.url) as response:
                await response.read()
        plain = time.process_time() - before
    print("probes over loopback HTTPS, a new connection each:")
    print(f"  {count / full:.0f} a CPU second with a new document each, {full / plain:.1f} x a bare aiohttp GET")
    print(f"  {count / unchanged:.0f} a CPU second while the document does not change, {unchanged / plain:.1f} x")


def _timed_in_turn(one: Callable[[], object], other: Callable[[], object], *, times: int) -> tuple[float, float]:
    """Seconds of each: the medians of rounds taken in turn, so that a machine that slows down slows both."""
    rounds = [(_timed(one, times=20), _timed(other, times=20)) for _ in range(times)]
    return statistics.median(first for first, _ in rounds), statistics.median(second for _, second in rounds)


def _timed(work: Callable[[], object], *, times: int) -> float:
    """Seconds: the median of some runs."""
    durations = []
    gc.collect()
    gc.disable()
    for _ in range(times):
        before = time.perf_counter()
        work()
        durations.append(time.perf_counter() - before)
    gc.enable()
    return statistics.median(durations)


def main() -> None:
    """Runs every benchmark on one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        choices=["rules", "boards"],
        help="on a real Prometheus: the alert rules, a quarter of an hour; the queries of the boards",
    )
    parser.add_argument("--document", type=Path, help="an AD FS document to read instead of one made here")
    flags = parser.parse_args()
    if flags.what == "rules":
        bench_rules()
        return
    if flags.what == "boards":
        bench_boards()
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # A host name as long as this gives the 70 KB that AD FS documents usually have.
    made = farm_document("sts.identity-and-access.branch.bench.example", successor=False)
    bench_reading(flags.document.read_bytes() if flags.document else made)
    bench_scrape()
    bench_probes()


if __name__ == "__main__":
    main()
