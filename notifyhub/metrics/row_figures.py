"""Figures of the rows: what waits, how each notifier does, who delivers. Any process tells the same."""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from flask import current_app
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connection_checks import log_outage
from notifyhub.database.connections import read_first, release
from notifyhub.health import report
from notifyhub.health.schemas import STATES, STATUSES

FRESH_SECONDS = 5.0
"""For so long figures, and that there are none, are told again without a look at the database."""

_NOTIFIER = ("channel", "notifier")


class RowFigures:
    """Those that a process has read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Mapping[str, Any] | None = None
        self._fresh_until = 0.0

    def collect(self) -> Iterable[Metric]:
        """Return the figures; only that there are none, while the database can't be read."""
        with self._lock:
            if time.monotonic() > self._fresh_until:
                self._report = _read()
                self._fresh_until = time.monotonic() + FRESH_SECONDS
            found = self._report
        yield GaugeMetricFamily(
            "notifyhub_database_up",
            "Whether the database can be read: 1, or 0, and then what its rows tell is left out.",
            value=float(found is not None),
        )
        if found is not None:
            yield from _of_service(found)
            yield from _of_notifiers(found["notifiers"])


def _read() -> Mapping[str, Any] | None:
    try:
        return read_first(report.read)
    except (SQLAlchemyError, psycopg.Error, KeysDoNotFit) as error:
        if not log_outage(current_app.extensions["outage_log"], error):
            current_app.logger.exception("The figures of the rows can't be read")
        return None
    finally:
        release()


def _of_service(found: Mapping[str, Any]) -> Iterable[Metric]:
    status = GaugeMetricFamily(
        "notifyhub_status", "The status of the service: 1 for its own.", labels=["status"]
    )
    for each in STATUSES:
        status.add_metric([each], float(each == found["status"]))
    yield status
    yield GaugeMetricFamily("notifyhub_workers", "Workers that live.", value=len(found["workers"]))
    depths = GaugeMetricFamily(
        "notifyhub_queue_depth", "Rows that are due and that nobody has.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "notifyhub_queue_oldest_age_seconds",
        "For how long the oldest of them has been due; 0 if there is none.",
        labels=["queue"],
    )
    for queue in found["queues"]:
        depths.add_metric([queue["name"]], queue["waiting"])
        oldest.add_metric([queue["name"]], queue["oldest_seconds"] or 0)
    yield depths
    yield oldest
    if seen := found["scheduler"]["last_seen_at"]:
        yield GaugeMetricFamily(
            "notifyhub_scheduler_last_seen_timestamp_seconds",
            "When a scheduler has last told that it lives.",
            value=seen.timestamp(),
        )


def _of_notifiers(lines: Iterable[Mapping[str, Any]]) -> Iterable[Metric]:
    names = GaugeMetricFamily(
        "notifyhub_notifier_info", "The names of notifiers.", labels=[*_NOTIFIER, "name"]
    )
    states = GaugeMetricFamily(
        "notifyhub_notifier_state",
        "The circuit breakers of notifiers: 1 for the state that each is in.",
        labels=[*_NOTIFIER, "state"],
    )
    failures = GaugeMetricFamily(
        "notifyhub_notifier_failures_in_a_row", "How often in a row notifiers have failed.", labels=_NOTIFIER
    )
    amounts = GaugeMetricFamily(
        "notifyhub_notifier_credit",
        "What is left on the accounts of notifiers, in their providers' units, where they tell it.",
        labels=_NOTIFIER,
    )
    for line in lines:
        notifier = [line["channel"], str(line["id"])]
        names.add_metric([*notifier, line["name"]], 1)
        for state in STATES:
            states.add_metric([*notifier, state], float(state == line["state"]))
        failures.add_metric(notifier, line["failures_in_a_row"])
        if line["credit"] is not None:
            amounts.add_metric(notifier, line["credit"])
    return names, states, failures, amounts
