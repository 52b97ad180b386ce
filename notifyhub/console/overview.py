"""The first page: what one asks in the morning."""

from typing import Any

from flask import Blueprint, g
from flask_babel import lazy_gettext as _

from notifyhub.console import account_lines, message_chart, message_counts, navigation, preferences
from notifyhub.console.blueprint import SIGNED_IN, page
from notifyhub.console.message_counts import Spans
from notifyhub.console.operations import may
from notifyhub.console.rendering import render
from notifyhub.console.statuses import CHANNELS, MESSAGES
from notifyhub.database.base import now
from notifyhub.database.connections import autocommit
from notifyhub.health import report
from notifyhub.health.views import show_health
from notifyhub.jobs import queues
from notifyhub.notifiers.views import email_notifiers, sms_notifiers
from notifyhub.otp.conversion import conversions
from notifyhub.otp.views import list_otps
from notifyhub.statistics import delivery_times
from notifyhub.statistics.views import statistics

blueprint = Blueprint("overview", __name__)

QUEUES = {
    queues.MESSAGES: _("Messages"),
    queues.CODES: _("One-time codes"),
    queues.WEBHOOKS: _("Events for webhooks"),
    queues.UPKEEP: _("Delivery reports to ask for"),
}


@blueprint.get("")
@page(SIGNED_IN)
def show() -> str:
    """Give the page: of its parts those that the caller may see, whose messages are those of their token."""
    at = now()
    compared = message_counts.spans(at, preferences.timezone())
    parts: dict[str, Any] = {"at": at, "ways": _ways()}
    if may(show_health) and may(statistics):
        parts |= _service(compared)
    if may(list_otps):
        parts["codes"] = _codes(compared)
    return render("overview/overview.html", **parts)


def _ways() -> list[navigation.Section]:
    """Return the other sections that the caller may use."""
    return [section for section in navigation.sections() if not navigation.is_current(section)]


def _service(compared: Spans) -> dict[str, Any]:
    """Return how the service does: its health, its accounts, and the numbers of messages."""
    connection, is_test, zone = autocommit(), g.caller.test, preferences.timezone()
    health = report.examine(connection)
    counts = message_counts.read(compared, zone, is_test=is_test)
    delivering = [account for account, counted in counts.accounts.items() if counted.delivered]
    times = delivery_times.latest(connection, delivering, is_test=is_test)
    shown = {status for counted in counts.spans.values() for status in counted}
    return {
        "accounts": account_lines.read(health.answer["notifiers"], counts.accounts, times),
        "channels": CHANNELS,
        "chart": message_chart.draw(counts.days, compared.week, zone),
        "counts": counts.spans,
        "health": health,
        "may_add_account": any(
            may(notifiers.operations["create"]) for notifiers in (sms_notifiers, email_notifiers)
        ),
        "queues": QUEUES,
        "statuses": {status: worded for status, worded in MESSAGES.items() if status in shown},
    }


def _codes(compared: Spans) -> dict[str, Any]:
    """Return how many one-time passwords were asked for, and verified, in the spans but the earliest."""
    shown = {name: span for name, span in compared._asdict().items() if name != "week_before"}
    found = conversions(autocommit(), [*shown.values()], is_test=g.caller.test)
    return dict(zip(shown, found, strict=True))
