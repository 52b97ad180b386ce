"""The URL of the statistics."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app
from marshmallow import ValidationError

from notifyhub.api.endpoint import Endpoint, endpoint
from notifyhub.api.fields import NON_FIELD
from notifyhub.api.http.parsing import query
from notifyhub.database.base import now
from notifyhub.messages.views import VIEW
from notifyhub.statistics.intervals import (
    MAX_INTERVALS,
    Length,
    TooManyIntervals,
    default_begin,
    divide,
    midnight,
)
from notifyhub.statistics.query import MAX_RESULTS, Selection, TooManyResults, results
from notifyhub.statistics.schemas import StatisticsSchema, query_schema
from notifyhub.statistics.spans import EARLIEST
from notifyhub.text.zones import zone

blueprint = Blueprint("statistics", __name__, url_prefix="/api/notifications/statistics")

LATEST = datetime(3000, 1, 1, tzinfo=UTC)

_FILTERS = {
    "channel": "channel",
    "notifier": "notifier_id",
    "pattern": "pattern_id",
    "batch": "batch_id",
    "test": "is_test",
}
"""The columns of the messages that the filters are about."""


@blueprint.get("")
@endpoint(
    Endpoint(
        VIEW,
        "Read statistics",
        "Statistics",
        query=query_schema,
        responses={200: StatisticsSchema()},
        operation_id="statistics",
    )
)
def statistics() -> dict[str, Any]:
    """Count messages by time and by what they have in common."""
    asked = query(query_schema)
    clock: ZoneInfo = asked.get("timezone") or zone(current_app.config["TIMEZONE"])
    begin, end = _period(asked, clock)
    length = Length(asked["interval"])
    try:
        intervals = divide(begin, end, length, clock) if begin < end else []
    except TooManyIntervals:
        words = f"These are more than {MAX_INTERVALS} of them: ask for a shorter time, or longer intervals."
        raise ValidationError({"interval": [words]}) from None
    equal = {column: asked[name] for name, column in _FILTERS.items() if name in asked}
    try:
        found = results(Selection(intervals, asked.get("by", ()), equal)) if intervals else []
    except TooManyResults:
        words = f"These are more than {MAX_RESULTS} results: ask for a shorter time, or fewer keys in `by`."
        raise ValidationError({NON_FIELD: [words]}) from None
    return {
        "from": begin.astimezone(clock).isoformat(),
        "to": end.astimezone(clock).isoformat(),
        "timezone": clock.key,
        "interval": length.value,
        "results": found,
    }


def _period(asked: dict[str, Any], clock: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the moments between which messages are counted; raises ValidationError.

    A time that ends before it begins has no messages, as in all lists.
    """
    bounds = {name: _bound(name, asked[name], clock) for name in ("from", "to") if name in asked}
    end = bounds.get("to", now())
    return bounds.get("from", default_begin(end, clock)), end


def _bound(name: str, given: date | datetime, clock: ZoneInfo) -> datetime:
    """Return the moment that a parameter means; a day is `to` its end."""
    if not EARLIEST.year < given.year < LATEST.year:
        words = f"Give a year from {EARLIEST.year + 1} to {LATEST.year - 1}."
        raise ValidationError({name: [words]})
    if isinstance(given, datetime):
        return given
    return midnight(given + timedelta(days=1) if name == "to" else given, clock)
