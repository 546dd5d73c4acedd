"""The board of the exporters themselves: whether they look, answer and remember."""

from dashboards import words
from dashboards.layout import Board, Height, Line, Section
from dashboards.panels import Column, Show, series, stat, table, timeline
from dashboards.queries import EXPORTERS, age, exporters, oldest_scrape, otherwise, throughout, while_answered
from dashboards.shared import up
from dashboards.style import BAD_IF_ANY, LATE, Colour, Query, Unit
from dashboards.variables import INSTANCE, JOB_OF_EXPORTERS


def _rate(counter: str) -> str:
    return f"rate({EXPORTERS(counter)}[$__rate_interval])"


def _mean(summary: str) -> str:
    """Seconds for each time, by exporter; nothing where nothing was done."""
    seconds, times = (f"sum by (instance) ({_rate(f'{summary}_{part}')})" for part in ("sum", "count"))
    return f"{seconds} / {times}"


HEALTH = [
    up(EXPORTERS),
    stat(
        "Oldest scrape",
        "How long ago Prometheus last got an answer from the exporter that it has not heard from for the"
        " longest time. The data here may be as old as that.",
        Unit.SECONDS,
        oldest_scrape(EXPORTERS),
        steps=LATE,
    ),
    stat(
        "Configuration",
        "Whether the configuration was last read with success. When it was not, the one before stays in force.",
        Unit.WORDS,
        f"min({EXPORTERS('fedmeta_exporter_config_last_reload_successful')})",
        words=words.RELOAD,
    ),
    stat(
        "State not saved",
        "Writes to the state file that failed in the time shown. Without it a restart forgets the last good documents.",
        Unit.NONE,
        while_answered(
            f"round(sum(increase({EXPORTERS('fedmeta_exporter_storage_errors_total')}[$__range])))", EXPORTERS
        ),
        steps=BAD_IF_ANY,
    ),
]

FACTS = [
    stat(
        "Version",
        "Of the exporters that answer.",
        Unit.NONE,
        f"count by (version) ({EXPORTERS('fedmeta_exporter_build_info')})",
        legend="{{version}}",
        show=Show.NAME,
    ),
    stat(
        "Targets",
        "Targets that an exporter watches; of several exporters the most.",
        Unit.NONE,
        f"max({EXPORTERS('fedmeta_exporter_targets')})",
    ),
    stat(
        "Configuration read",
        "How long ago the configuration was last read with success; if there are several exporters, the"
        " one that is behind.",
        Unit.SECONDS,
        age(f"min({EXPORTERS('fedmeta_exporter_config_last_reload_success_timestamp_seconds')})"),
    ),
    stat(
        "Started",
        "How long ago the exporter started; if there are several, the one that started last.",
        Unit.SECONDS,
        age(f"max({EXPORTERS('process_start_time_seconds')})"),
        absent="not known",
    ),
]

_LOOKS = f"sum({_rate('fedmeta_probes_total')})"
_FAILED = f"sum({_rate('fedmeta_probe_failures_total')})"

LOOKS = [
    series(
        "Looks by result",
        "Looks at targets that got a usable document, and that did not.",
        Unit.PER_MINUTE,
        Query(f"60 * ({_LOOKS} - {_FAILED})", "Usable document", Colour.GREEN),
        Query(f"60 * {_FAILED} > 0", "Failed", Colour.ORANGE),
        stacked=True,
        absent="No look in this time",
    ),
    series(
        "Failed looks by reason",
        "Why looks got no usable document.",
        Unit.PER_MINUTE,
        Query(
            otherwise(
                f"60 * sum by (reason) ({_rate('fedmeta_exporter_probe_failures_total')}) > 0", "reason", "none failed"
            ),
            "{{reason}}",
        ),
        stacked=True,
        absent="No look in this time",
    ),
]

_INQUIRIES = f"sum({_rate('fedmeta_trust_inquiries_total')})"
_UNANSWERED = f"sum({_rate('fedmeta_trust_inquiry_failures_total')})"

INQUIRIES = [
    series(
        "Inquiries by result",
        "Inquiries about the trust of domains that Entra ID answered, and that it did not.",
        Unit.PER_MINUTE,
        Query(f"60 * ({_INQUIRIES} - {_UNANSWERED})", "Answer", Colour.GREEN),
        Query(f"60 * {_UNANSWERED} > 0", "Failed", Colour.ORANGE),
        stacked=True,
        absent="No inquiry in this time",
    ),
    series(
        "Failed inquiries by reason",
        "Why inquiries got no answer.",
        Unit.PER_MINUTE,
        Query(
            otherwise(
                f"60 * sum by (reason) ({_rate('fedmeta_exporter_trust_failures_total')}) > 0", "reason", "none failed"
            ),
            "{{reason}}",
        ),
        stacked=True,
        absent="No inquiry in this time",
    ),
    series(
        "Oldest answer",
        "How long ago Entra ID answered about the domain whose answer is the oldest. Much more than its"
        " interval is late.",
        Unit.SECONDS,
        Query(f"time() - min by (instance) ({EXPORTERS('fedmeta_trust_as_of_timestamp_seconds')})", "{{instance}}"),
        absent="No inquiry in this time",
    ),
]

TIMES = [
    table(
        "Slowest targets",
        "The ten targets whose latest look took the longest, all phases together.",
        [
            Column("Target", label="target"),
            Column("Job", label="job", width=110),
            Column("Took", unit=Unit.SECONDS, width=105),
        ],
        rows=f"topk(10, max by (job, target) (sum without (phase) ({EXPORTERS('fedmeta_probe_duration_seconds')})))",
        keys="job, target",
        sort="Took",
        largest_first=True,
        absent="No look yet",
    ),
    series(
        "Wait for a turn",
        "How long looks that were due waited because too many others were under way.",
        Unit.SECONDS,
        Query(_mean("fedmeta_exporter_probe_lag_seconds"), "{{instance}}"),
        absent="No look in this time",
    ),
    series(
        "Oldest look",
        "How long ago the exporter last looked at the target that has waited the longest. Much more than"
        " its interval is late.",
        Unit.SECONDS,
        Query(
            f"time() - min by (instance) ({EXPORTERS('fedmeta_probe_last_attempt_timestamp_seconds')})", "{{instance}}"
        ),
        absent="No look in this time",
    ),
]

ANSWERS = [
    series(
        "Time to answer a scrape",
        "How long it took to render an answer on /metrics.",
        Unit.SECONDS,
        Query(_mean("fedmeta_exporter_scrape_duration_seconds"), "{{instance}}"),
        absent="No answer in this time",
    ),
    series(
        "Size of a scrape",
        "Of an answer on /metrics, not compressed.",
        Unit.BYTES,
        Query(f"max by (instance) ({EXPORTERS('fedmeta_exporter_scrape_size_bytes')})", "{{instance}}"),
        absent="No answer in this time",
    ),
]

OVER_TIME = [
    timeline(
        "Exporters up over time",
        "Whether Prometheus could scrape each exporter.",
        words.UP,
        Query(exporters(EXPORTERS), "{{instance}}"),
        of=throughout(EXPORTERS)("fedmeta_exporter_build_info"),
        page=6,
        absent="No exporter answered",
    ),
    timeline(
        "Configuration over time",
        "Whether the configuration was last read with success.",
        words.RELOAD,
        Query(f"min by (instance) ({EXPORTERS('fedmeta_exporter_config_last_reload_successful')})", "{{instance}}"),
        of=throughout(EXPORTERS)("fedmeta_exporter_build_info"),
        page=6,
        absent="No exporter answered",
    ),
]

PROCESS = [
    series(
        "Memory",
        "Resident memory of the process.",
        Unit.BYTES,
        Query(f"max by (instance) ({EXPORTERS('process_resident_memory_bytes')})", "{{instance}}"),
        absent="Not known in this time, or on this system",
    ),
    series(
        "Processor",
        "Share of one processor that the process uses.",
        Unit.SHARE,
        Query(f"max by (instance) ({_rate('process_cpu_seconds_total')})", "{{instance}}"),
        absent="Not known in this time, or on this system",
    ),
    series(
        "Open files",
        "File descriptors that the process has open, connections among them.",
        Unit.NONE,
        Query(f"max by (instance) ({EXPORTERS('process_open_fds')})", "{{instance}}"),
        absent="Not known in this time, or on this system",
    ),
]

BOARD = Board(
    uid="fedmeta-exporter",
    title="Federation metadata: exporter",
    description="The exporters themselves: whether they look, answer and remember.",
    since="now-6h",
    variables=[JOB_OF_EXPORTERS, INSTANCE],
    sections=[
        Section(
            "",
            [
                Line(Height.STAT, HEALTH),
                Line(Height.LOW, OVER_TIME),
                Line(Height.STAT, FACTS),
                Line(Height.GRAPH, LOOKS),
            ],
        ),
        Section("Looks", [Line(Height.GRAPH, TIMES)]),
        Section("Answers", [Line(Height.GRAPH, ANSWERS)]),
        Section("Process", [Line(Height.GRAPH, PROCESS)]),
        Section("Inquiries of Entra ID", [Line(Height.GRAPH, INQUIRIES)], collapsed=True),
    ],
)
