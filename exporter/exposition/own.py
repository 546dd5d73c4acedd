"""The exporter's own families, by way of prometheus_client: its build, its configuration, its process."""

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.inquiry import TrustReason
from exporter.model import Reason, StorageStatus, Tally

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class Status:
    """How the exporter itself is."""

    version: str
    since: datetime
    """When it began to serve."""
    targets: int
    failures: Mapping[Reason, int]
    """Failed probes of all targets since the start."""
    reloaded: bool
    """The last reading of the configuration succeeded."""
    reloaded_at: datetime
    """The last successful reading of the configuration."""
    storage: StorageStatus = field(default_factory=lambda: StorageStatus(writable=None))
    restarts: Mapping[str, int] = field(default_factory=dict)
    """Looks and rounds of inquiries since the start that an unexpected error cut off, by target."""
    inquiry_failures: Mapping[TrustReason, int] = field(default_factory=dict)
    """Inquiries about all domains since the start that got no answer."""
    lag: Tally = field(default_factory=Tally)
    """How long probes that were due had to wait for their turn."""
    scrapes: Tally = field(default_factory=Tally)
    """Answers on ``/metrics``."""
    scrape_size: int = 0
    """Bytes of the latest of them, before compression."""


OWN_FAMILIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fedmeta_exporter_build_info": ("info", ("version", "python")),
    "fedmeta_exporter_targets": ("gauge", ()),
    "fedmeta_exporter_probe_failures_total": ("counter", ("reason",)),
    "fedmeta_exporter_trust_failures_total": ("counter", ("reason",)),
    "fedmeta_exporter_config_last_reload_successful": ("gauge", ()),
    "fedmeta_exporter_config_last_reload_success_timestamp_seconds": ("gauge", ()),
    "fedmeta_exporter_watch_restarts_total": ("counter", ("target",)),
    "fedmeta_exporter_storage_writable": ("gauge", ()),
    "fedmeta_exporter_storage_errors_total": ("counter", ()),
    "fedmeta_exporter_probe_lag_seconds": ("summary", ()),
    "fedmeta_exporter_scrape_duration_seconds": ("summary", ()),
    "fedmeta_exporter_scrape_size_bytes": ("gauge", ()),
}
"""Name, kind and labels of what this module gives beyond prometheus_client's process and Python families."""


class _StatusCollector(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield InfoMetricFamily(
            "fedmeta_exporter_build",
            "The exporter that answers.",
            value={"version": status.version, "python": platform.python_version()},
        )
        yield GaugeMetricFamily("fedmeta_exporter_targets", "Targets that are watched.", value=status.targets)
        failures = CounterMetricFamily(
            "fedmeta_exporter_probe_failures",
            "Failed probes of all targets since the exporter started.",
            labels=["reason"],
        )
        for reason in Reason:
            failures.add_metric([reason], status.failures.get(reason, 0))
        yield failures
        inquiry_failures = CounterMetricFamily(
            "fedmeta_exporter_trust_failures",
            "Inquiries about all domains since the exporter started that got no answer.",
            labels=["reason"],
        )
        for trust_reason in TrustReason:
            inquiry_failures.add_metric([trust_reason], status.inquiry_failures.get(trust_reason, 0))
        yield inquiry_failures
        yield GaugeMetricFamily(
            "fedmeta_exporter_config_last_reload_successful",
            "1 if the last reading of the configuration succeeded; the one before stays in force when it did not.",
            value=status.reloaded,
        )
        yield GaugeMetricFamily(
            "fedmeta_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read with success.",
            value=status.reloaded_at.timestamp(),
        )
        restarts = CounterMetricFamily(
            "fedmeta_exporter_watch_restarts",
            "Looks and rounds of inquiries since the exporter started that an unexpected error cut off.",
            labels=["target"],
        )
        for target, count in status.restarts.items():
            restarts.add_metric([target], count)
        yield restarts
        if status.storage.writable is not None:
            yield GaugeMetricFamily(
                "fedmeta_exporter_storage_writable",
                "1 while what must survive a restart is saved, 0 while the state file cannot be written.",
                value=status.storage.writable,
            )
        yield CounterMetricFamily(
            "fedmeta_exporter_storage_errors",
            "Attempts to open or write the state file that failed since the exporter started.",
            value=status.storage.errors,
        )
        yield SummaryMetricFamily(
            "fedmeta_exporter_probe_lag_seconds",
            "How long probes that were due had to wait for their turn.",
            count_value=status.lag.count,
            sum_value=status.lag.seconds,
        )
        yield SummaryMetricFamily(
            "fedmeta_exporter_scrape_duration_seconds",
            "Time to render an answer on /metrics.",
            count_value=status.scrapes.count,
            sum_value=status.scrapes.seconds,
        )
        yield GaugeMetricFamily(
            "fedmeta_exporter_scrape_size_bytes",
            "Size of the latest answer on /metrics before this one, not compressed.",
            value=status.scrape_size,
        )


@dataclass(frozen=True, slots=True)
class Format:
    """The text format that a scraper asked for."""

    openmetrics: bool
    content_type: str
    encode: Callable[[Collector], bytes]

    @classmethod
    def negotiate(cls, accept: str) -> "Format":
        """The format for an Accept header: OpenMetrics for who asks for 1.0.0, else the older text format.

        There are these two and no more, whatever version is asked for: scrapes of one format share an answer.
        """
        openmetrics = any(map(_asks_for_openmetrics, accept.split(",")))
        encode, content_type = choose_encoder(_OPENMETRICS if openmetrics else "")
        return cls(openmetrics, content_type, encode)

    @property
    def end(self) -> bytes:
        """What closes a scrape that does not end with :func:`render_own`."""
        return b"# EOF\n" if self.openmetrics else b""


def _asks_for_openmetrics(accepted: str) -> bool:
    kind, *parameters = (part.strip() for part in accepted.split(";"))
    versions = {part for part in parameters if part.startswith("version=")}
    return kind == "application/openmetrics-text" and versions <= {"version=1.0.0"}


def render_own(status: Status, form: Format) -> bytes:
    """The end of a scrape: the exporter's own families, and for OpenMetrics the closing line."""
    registry = CollectorRegistry()
    registry.register(_StatusCollector(status))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return form.encode(registry)
