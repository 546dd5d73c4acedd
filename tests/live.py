"""What a running exporter answers, as a test reads it: samples by name and labels, and what a state is."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    """The samples of one scrape."""

    text: str

    def samples(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every sample of this name that has these labels."""
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    yield sample.labels, sample.value

    def value(self, name: str, **labels: str) -> float:
        """The value of the one sample that fits."""
        found = list(self.samples(name, **labels))
        assert len(found) == 1, f"{name}{labels}: {found}"
        return found[0][1]

    def state(self, target: str) -> str | None:
        """The rollover state of a target's one entity; None when it has none."""
        holding = [labels["state"] for labels, value in self.samples("fedmeta_rollover_state", target=target) if value]
        assert len(holding) <= 1, holding
        return holding[0] if holding else None
