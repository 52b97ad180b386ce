"""The life of a message as a time line: what has happened, who was told of it, and what comes next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from notifyhub.console.explanations import REASONS, UNKNOWN
from notifyhub.console.formats import code, number, parse, span_text
from notifyhub.console.statuses import ATTEMPTS, DELIVERIES, EVENTS
from notifyhub.database.base import now
from notifyhub.messages.history import History
from notifyhub.messages.models import MessageStatus

LEAST_WAIT = timedelta(seconds=1)
"""Between two attempts: a shorter wait is not worth a line."""

Facts = tuple[tuple[str, Any], ...]


class Step(NamedTuple):
    """Something that has happened, or is to: when, in words, a kind as of badges, facts, words of others."""

    at: datetime
    words: str
    kind: str = "none"
    facts: Facts = ()
    quote: str | None = None


def past(
    message: Mapping[str, Any],
    history: History,
    deliveries: Iterable[Any],
    audited: Iterable[Mapping[str, Any]],
) -> list[Step]:
    """Return what has happened to a message, as the API shows it, by time."""
    steps = [
        *_acceptance(message, history),
        *_attempts(message["attempts"]),
        *_results(message, history),
        *_by_hand(audited),
        *_told(deliveries),
    ]
    return sorted(steps, key=lambda step: step.at)


def upcoming(message: Mapping[str, Any], history: History) -> list[Step]:
    """Return what happens next to a message, and when."""
    if message["status"] == MessageStatus.SENT and history.report_due_at:
        asked = ((_("Asked so far"), number(history.reports_asked)),)
        return [Step(history.report_due_at, _("The provider is asked whether it arrived"), "next", asked)]
    if message["next_attempt_at"] is None:
        return []
    following = parse(message["next_attempt_at"])
    if history.lease_until and history.lease_until > now():
        words = _("The attempt that is under way is given up, if nothing is heard of it")
    elif message["status"] == MessageStatus.SCHEDULED:
        words = _("It is sent")
    elif following <= now():
        words = _("A worker takes it as soon as one is free")
    else:
        words = _("It is tried again")
    end = Step(parse(message["expires_at"]), _("It expires, if it is not sent by then"), "next")
    return [Step(following, words, "next"), end]


def moments_of_events(message: Mapping[str, Any], history: History) -> list[datetime]:
    """Return when webhooks may have been told of a message: as far as it shows when it changed."""
    shown = [message[name] for name in ("sent_at", "delivered_at", "updated_at")]
    moments = [parse(moment) for moment in shown if moment]
    return [*moments, *filter(None, [history.earlier_sent_at])]


def _acceptance(message: Mapping[str, Any], history: History) -> Iterator[Step]:
    facts: list[tuple[str, Any]] = []
    if history.request_id:
        facts.append((_("Request id"), code(history.request_id)))
    if message["batch"]:
        facts.append((_("Batch"), _link({"batch": message["batch"]}, message["batch"])))
    words = _("Accepted as a test") if message["test"] else _("Accepted")
    yield Step(parse(message["created_at"]), words, "ok", tuple(facts))
    if message["send_at"] and parse(message["send_at"]) <= now():
        yield Step(parse(message["send_at"]), _("The time that it was scheduled for"))


def _link(parameters: Mapping[str, Any], text: object) -> Markup:
    address = url_for("console.messages.list_messages", **parameters)
    return Markup('<a href="{}">{}</a>').format(address, code(text))


def _attempts(attempts: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    for place, attempt in enumerate(attempts, 1):
        yield _attempt(place, attempt)
    for one, following in pairwise(attempts):
        ended = _end_of(one)
        wait = parse(following["started_at"]) - ended
        if wait >= LEAST_WAIT:
            why = REASONS.get(one["error"]["code"], UNKNOWN).sentence if one["error"] else None
            facts = ((_("Why"), why),) if why else ()
            yield Step(ended, _("Waited for %(span)s", span=span_text(wait)), "none", facts)


def _attempt(place: int, attempt: Mapping[str, Any]) -> Step:
    state, error = ATTEMPTS[attempt["outcome"]], attempt["error"]
    words = _("Attempt %(number)s: %(state)s", number=number(place), state=state.words)
    facts: list[tuple[str, Any]] = [(_("Account"), Markup("<bdi>{}</bdi>").format(_name(attempt)))]
    if attempt["duration_ms"] is not None:
        facts.append((_("Duration"), span_text(attempt["duration_ms"] / 1000)))
    if error:
        facts.append((_("Code"), code(error["code"])))
    return Step(parse(attempt["started_at"]), words, state.kind, tuple(facts), error and error["detail"])


def _name(attempt: Mapping[str, Any]) -> str:
    return str(attempt["notifier_data"]["name"])


def _end_of(attempt: Mapping[str, Any]) -> datetime:
    return parse(attempt["started_at"]) + timedelta(milliseconds=attempt["duration_ms"] or 0)


def _results(message: Mapping[str, Any], history: History) -> Iterator[Step]:
    status, changed_at = message["status"], parse(message["updated_at"])
    words_of_provider = message["error"] and message["error"]["detail"]
    if history.earlier_sent_at:
        yield Step(history.earlier_sent_at, _("Sent, before it was sent anew"), "ok")
    if message["sent_at"]:
        name = message["provider_message_id"]
        facts = ((_("The provider's id"), code(name)),) if name else ()
        yield Step(parse(message["sent_at"]), _("Sent"), "ok", facts)
    if message["delivered_at"]:
        yield Step(parse(message["delivered_at"]), _("Reported as delivered"), "ok")
    if status == MessageStatus.UNDELIVERED:
        yield Step(changed_at, _("Reported as not delivered"), "bad", (), words_of_provider)
    elif status == MessageStatus.FAILED:
        yield Step(changed_at, _("Given up"), "bad", (), words_of_provider)
    elif status == MessageStatus.EXPIRED:
        yield Step(changed_at, _("Expired"), "warn")
    elif status == MessageStatus.CANCELLED:
        yield Step(changed_at, _("Cancelled"))


def _by_hand(audited: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    words = {"cancel": _("Cancelled by hand"), "retry": _("Sent anew by hand")}
    for entry in audited:
        if entry["action"] in words:
            actor = entry["actor"] or _("a command")
            facts: list[tuple[str, Any]] = [(_("By"), Markup("<bdi>{}</bdi>").format(actor))]
            if entry["object"]["type"] == "batch":
                facts.append((_("With its batch"), code(entry["object"]["id"])))
            yield Step(parse(entry["at"]), words[entry["action"]], "none", tuple(facts))


def _told(deliveries: Iterable[Any]) -> Iterator[Step]:
    for delivery in deliveries:
        state = DELIVERIES[delivery.status]
        facts: list[tuple[str, Any]] = [
            (_("Webhook"), code(delivery.url)),
            (_("State"), state.words),
            (_("Attempts"), number(delivery.attempts)),
        ]
        if delivery.response_status is not None:
            facts.append((_("Answer"), code(delivery.response_status)))
        if delivery.next_attempt_at is not None and delivery.attempts:
            facts.append((_("Tried again"), span_text(delivery.next_attempt_at - now())))
        words = str(EVENTS.get(delivery.event, delivery.event))
        yield Step(delivery.created_at, words, state.kind, tuple(facts), delivery.error)
