"""What a reader chooses at the top of the boards."""

from dashboards.layout import variable
from dashboards.style import Json


def _jobs(metric: str) -> Json:
    return variable("job", "Job", "The scrape jobs of the exporters", metric, "job", everything=".+", several=True)


JOB_OF_TARGETS = _jobs("fedmeta_target_info")
JOB_OF_EXPORTERS = _jobs("fedmeta_exporter_build_info")

INSTANCE = variable(
    "instance",
    "Instance",
    "The exporters",
    'fedmeta_exporter_build_info{job=~"$job"}',
    "instance",
    everything=".+",
    several=True,
)
TARGET = variable(
    "target",
    "Target",
    "The federation service or metadata document",
    'fedmeta_target_info{job=~"$job"}',
    "target",
)
ENTITY = variable(
    "entity",
    "Entity",
    "The entityID: a farm has one, an aggregate has many",
    'fedmeta_rollover_state{job=~"$job", target="$target"}',
    "entity_id",
    everything=".*",
)
