"""What goes out for the health."""

from typing import Any

from marshmallow import Schema, fields, validate

from notifyhub.api.fields import Timestamp, described
from notifyhub.jobs.queues import QUEUES
from notifyhub.messages.models import Channel

STATUSES = ("ok", "degraded", "down")
STATES = ("working", "resting", "probing")


def _count(words: str, example: int) -> fields.Integer:
    return fields.Integer(required=True, metadata=described(words, example, minimum=0))


def _moment(words: str, **options: Any) -> Timestamp:
    return Timestamp(required=True, metadata=described(words), **options)


def _milliseconds(words: str, example: int) -> fields.Integer:
    metadata = described(f"{words}, in milliseconds; null: there were none.", example, minimum=0)
    return fields.Integer(required=True, allow_none=True, metadata=metadata)


class WorkerSchema(Schema):
    """A worker that was seen in the last 15 seconds."""

    name = fields.String(required=True, metadata=described("Its host and process.", "mq1:4711"))
    queues = fields.List(
        fields.String(),
        required=True,
        metadata=described("The queues that it takes jobs from.", ["messages"]),
    )
    started_at = _moment("When it started, by the database's clock.")
    last_seen_at = _moment("When it last told that it lives, by the database's clock.")


class SchedulerSchema(Schema):
    """The schedulers together."""

    last_seen_at = _moment(
        "When a scheduler last told that it lives, by the database's clock; null: none is running.",
        allow_none=True,
    )


class QueueSchema(Schema):
    """What waits in a queue, as the rows tell."""

    name = fields.String(
        required=True,
        validate=validate.OneOf(QUEUES),
        metadata=described(
            "`messages`, `codes` (messages with one-time passwords), `webhooks` (events on their way to "
            "receivers), or `upkeep` (delivery reports that are to be asked for).",
            "messages",
        ),
    )
    waiting = _count("How many rows are due and that nobody has.", 3)
    oldest_seconds = fields.Integer(
        required=True,
        allow_none=True,
        metadata=described("For how long the oldest of them has been due; null: none is.", 1, minimum=0),
    )


class NotifierErrorSchema(Schema):
    """How an attempt at a notifier has failed."""

    code = fields.String(required=True, metadata=described("The kind of the failure.", "bad_credentials"))
    detail = fields.String(
        required=True,
        metadata=described(
            "The provider's words, without numbers and addresses of recipients.", "کلید نامعتبر"
        ),
    )
    at = _moment("When it failed.")


class NotifierHealthSchema(Schema):
    """How well a notifier works; messages of test tokens do not count."""

    channel = fields.String(required=True, validate=validate.OneOf(list(Channel)))
    id = fields.Integer(required=True, metadata=described("Id of the notifier.", 1, format="int64"))
    name = fields.String(required=True, metadata=described("Name of the notifier.", "melipayamak_general"))
    state = fields.String(
        required=True,
        validate=validate.OneOf(STATES),
        metadata=described(
            "`resting`: it has failed several times in a row, and is left alone for a while; `probing`: its "
            "rest is over, and one message tries it.",
            "working",
        ),
    )
    resting_until = _moment("Until when it rests; null: it does not.", allow_none=True)
    failures_in_a_row = _count("How often in a row it has failed.", 0)
    last_accepted_at = _moment("When it last took a message; null: never.", allow_none=True)
    last_error = fields.Nested(
        NotifierErrorSchema,
        required=True,
        allow_none=True,
        metadata=described("How the last attempt that failed did so; null: none has."),
    )
    accepted_1h = _count("Attempts of the last hour that were accepted.", 120)
    failed_1h = _count("Attempts of the last hour that were not.", 2)
    delivered_1h = _count("Messages that were reported as delivered in the last hour.", 117)
    latency_ms_p50 = _milliseconds("How long half of the last hour's attempts took at most", 84)
    latency_ms_p95 = _milliseconds("How long 95 percent of them took at most", 210)
    credit = fields.Float(
        required=True,
        allow_none=True,
        metadata=described(
            "What was left on its account, in its provider's unit; null: the provider tells none.", 37414
        ),
    )
    credit_at = _moment("When the credit was read; null: it was not.", allow_none=True)


class HealthSchema(Schema):
    """The health of the service."""

    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata=described(
            "`down`: no worker was seen for 15 seconds. `degraded`: no scheduler was, a notifier rests, or "
            "the oldest due message is older than 60 seconds.",
            "ok",
        ),
    )
    problems = fields.List(
        fields.String(),
        required=True,
        metadata=described("What is wrong, in words for a human; empty if nothing is.", []),
    )
    workers = fields.List(fields.Nested(WorkerSchema), required=True)
    scheduler = fields.Nested(SchedulerSchema, required=True)
    queues = fields.List(fields.Nested(QueueSchema), required=True)
    notifiers = fields.List(fields.Nested(NotifierHealthSchema), required=True)
