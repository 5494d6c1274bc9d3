"""What a window shows at `/metrics`, as a test reads it."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from gateway.wiring import Window


@dataclass(frozen=True)
class Figures:
    """One scrape. Counters go on counting from test to test, so they are compared with an earlier scrape."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def of(cls, text: bytes) -> Figures:
        found = {}
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found, f"{sample.name} stands twice"
                found[key] = sample.value
        return cls(found)

    def has(self, name: str) -> bool:
        return any(each == name for each, _ in self.samples)

    def get(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that bear these labels."""
        wanted = set(labels.items())
        return sum(value for (each, borne), value in self.samples.items() if each == name and wanted <= borne)

    def since(self, earlier: Figures, name: str, **labels: str) -> float:
        return self.get(name, **labels) - earlier.get(name, **labels)


async def scrape(window: Window) -> Figures:
    """Fresh figures: what was shared with an earlier scrape is forgotten."""
    window.condition.forget()
    return Figures.of(await window.condition.exposition())
