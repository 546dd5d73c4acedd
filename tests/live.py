"""What a running exporter answers, as a test reads it: samples by name and labels, and what a state is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True)
class Scrape:
    """The samples of one scrape."""

    text: str

    def samples(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every sample of this name that has these labels."""
        for sample in self._all:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample.labels, sample.value

    @cached_property
    def _all(self) -> Sequence[Sample]:
        return [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The value of the one sample that fits."""
        found = list(self.samples(name, **labels))
        assert len(found) == 1, f"{name}{labels}: {found}"
        return found[0][1]

    def state(self, target: str) -> str | None:
        """The rollover state of a target's one entity; None when it has none."""
        return self._held("fedmeta_rollover_state", "state", target=target)

    def trust(self, target: str, domain: str) -> str | None:
        """The state of the trust of one of a target's domains; None when nothing is known of it."""
        return self._held("fedmeta_trust_state", "state", target=target, domain=domain)

    def update(self, target: str, domain: str) -> str | None:
        """How Entra ID says that its last reading of the metadata went; None when it does not say."""
        return self._held("fedmeta_trust_update_result", "result", target=target, domain=domain)

    def _held(self, name: str, word: str, **labels: str) -> str | None:
        """The word of the one series that is there."""
        holding = [found[word] for found, _ in self.samples(name, **labels)]
        assert len(holding) <= 1, holding
        return holding[0] if holding else None
