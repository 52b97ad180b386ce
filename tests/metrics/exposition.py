"""What `/metrics` tells, as the tests read it."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Exposition:
    """The samples of one answer."""

    def __init__(self, text: str) -> None:
        self.samples: list[Sample] = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def named(self, name: str, /, **labels: str) -> list[Sample]:
        return [
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def sum(self, name: str, /, **labels: str) -> float:
        return float(sum(sample.value for sample in self.named(name, **labels)))

    def labels(self) -> dict[str, set[str]]:
        """Return the names of the samples, with those of their labels."""
        found: dict[str, set[str]] = {}
        for sample in self.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        return found

    def values(self, label: str) -> set[str]:
        """Return the values that a label has."""
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


def read(url: str) -> Exposition:
    """Read the metrics of a server."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Exposition(answer.read().decode())
