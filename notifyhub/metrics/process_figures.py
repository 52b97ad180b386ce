"""Figures of the processes that count together: their memory, processor time, files and start."""

from collections.abc import Iterable
from functools import partial

from prometheus_client import Metric, ProcessCollector

from notifyhub import shared_instruments


def collect() -> Iterable[Metric]:
    """Return what the system tells of each process; its label is its number."""
    families: dict[str, Metric] = {}
    for process in shared_instruments.processes():
        collector = ProcessCollector("notifyhub", partial(int, process), registry=None)
        for metric in collector.collect():
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                family.add_sample(sample.name, {**sample.labels, "pid": str(process)}, sample.value)
    return families.values()
