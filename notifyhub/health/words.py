"""The report in words, for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from notifyhub.health.problems import told


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report, as `report.read` returns it: first what is wrong, then all the rest."""
    yield f"NotifyHub is {report['status']}."
    yield from (f"  {words}" for words in report["problems"])
    yield ""
    yield "Workers"
    yield from [_worker(worker) for worker in report["workers"]] or ["  none"]
    seen = report["scheduler"]["last_seen_at"]
    yield f"Scheduler: {f'seen at {told(seen)}' if seen else 'none'}"
    yield "Queues"
    yield from map(_queue, report["queues"])
    yield "Notifiers"
    yield from [line for notifier in report["notifiers"] for line in _notifier(notifier)] or ["  none"]


def _worker(worker: Mapping[str, Any]) -> str:
    queues = ", ".join(worker["queues"])
    return f"  {worker['name']}: {queues}; since {told(worker['started_at'])}"


def _queue(queue: Mapping[str, Any]) -> str:
    oldest = queue["oldest_seconds"]
    since = "" if oldest is None else f", the oldest for {oldest} s"
    return f"  {queue['name']}: {queue['waiting']} waiting{since}"


def _notifier(notifier: Mapping[str, Any]) -> Iterator[str]:
    until = notifier["resting_until"]
    state = notifier["state"] + (f" until {told(until)}" if until else "")
    yield f"  {notifier['channel']} {notifier['id']} ({notifier['name']}): {state}"
    hour = [f"{notifier[f'{what}_1h']} {what}" for what in ("accepted", "failed", "delivered")]
    if notifier["latency_ms_p50"] is not None:
        hour.append(
            f"half within {notifier['latency_ms_p50']} ms, 95 % within {notifier['latency_ms_p95']} ms"
        )
    yield f"    in the last hour: {', '.join(hour)}"
    if error := notifier["last_error"]:
        yield f"    last error at {told(error['at'])}: {error['code']}, {error['detail']}"
    if notifier["credit"] is not None:
        yield f"    credit at {told(notifier['credit_at'])}: {notifier['credit']}"
