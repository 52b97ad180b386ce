"""What the OpenAPI document says of events: when each comes, its body with an example, how it is signed.

A new event needs its line in EVENTS.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from notifyhub.api.fields import Timestamp, described
from notifyhub.health.problems import told
from notifyhub.health.schemas import NotifierHealthSchema
from notifyhub.health.watch import CONSEQUENCES
from notifyhub.jobs.models import Role
from notifyhub.messages.schemas import MessageSchema
from notifyhub.otp.models import OTPStatus
from notifyhub.otp.schemas import OTPSchema
from notifyhub.patterns.schemas import SMSPatternSchema
from notifyhub.webhooks.examples import (
    ARRIVED,
    FAILURE,
    MADE,
    MESSAGE,
    NOTIFIER,
    OTP,
    PATTERN,
    TAKEN,
    WEBHOOK,
)
from notifyhub.webhooks.models import TEST, Event
from notifyhub.webhooks.schemas import WebhookSchema
from notifyhub.webhooks.subscribers import MESSAGE_EVENTS, ROLE_ID, WITHHELD

TAG = "Webhooks"


class MessageEventSchema(MessageSchema):
    """A message as its events show it: without its text, subject, arguments and attempts."""

    class Meta:
        fields = tuple(name for name in MessageSchema().fields if name not in WITHHELD)


class RoleEventSchema(Schema):
    """The workers together, or the schedulers."""

    id = fields.Integer(required=True, metadata=described("Always 0: they have none of their own.", ROLE_ID))
    missing_since = Timestamp(
        required=True,
        metadata=described("When the last one was seen, by the database's clock."),
    )
    detail = fields.String(required=True, metadata=described("What has happened, in words for a human."))


class Documented(NamedTuple):
    """An event: when it comes, the JSON Schema of its data, an example of that."""

    comes: str
    data: dict[str, Any]
    example: Mapping[str, Any]


_MARK = {"type": "boolean", "const": True, "description": "There for what a test token did, only."}


def _message(event: Event, comes: str, **changes: Any) -> Documented:
    statuses = [status for status, named in MESSAGE_EVENTS.items() if named is event]
    data = {"allOf": [MessageEventSchema(), {"properties": {"status": {"enum": statuses}}}]}
    return Documented(comes, data, {**MESSAGE, "status": statuses[0], "updated_at": ARRIVED, **changes})


def _notifier(comes: str, **changes: Any) -> Documented:
    return Documented(comes, {"allOf": [NotifierHealthSchema()]}, {**NOTIFIER, **changes})


def _role(role: Role, missing: Event, recovered: Event, sent: str) -> dict[str, Documented]:
    """Return the events of the workers together, or of the schedulers."""
    data = {"allOf": [RoleEventSchema()]}
    shared = {"id": ROLE_ID, "missing_since": MADE}
    since = f"since {told(datetime.fromisoformat(MADE))}"
    return {
        missing: Documented(
            f"No {role} has been seen for 15 seconds. It comes once, until there is one again. {sent}",
            data,
            {**shared, "detail": f"No {role} has been seen {since}: {CONSEQUENCES[role]}."},
        ),
        recovered: Documented(
            f"A {role} is there again.",
            data,
            {**shared, "detail": f"A {role} is there again: there was none {since}."},
        ),
    }


EVENTS: dict[str, Documented] = {
    Event.MESSAGE_SENT: _message(Event.MESSAGE_SENT, "A provider has taken the message.", updated_at=TAKEN),
    Event.MESSAGE_DELIVERED: _message(
        Event.MESSAGE_DELIVERED,
        "The provider has reported that the message reached its recipient.",
        delivered_at=ARRIVED,
    ),
    Event.MESSAGE_UNDELIVERED: _message(
        Event.MESSAGE_UNDELIVERED,
        "The provider has reported that the message did not reach its recipient.",
    ),
    Event.MESSAGE_FAILED: _message(
        Event.MESSAGE_FAILED,
        "The message is not tried any more: it was refused for good or has no rounds left (its `status` is "
        "`failed`), or its time was over (`expired`). One that is cancelled has no event.",
        sent_at=None,
        provider_message_id=None,
        error=FAILURE,
    ),
    Event.PATTERN_STATUS_CHANGED: Documented(
        "The provider's approval of an SMS pattern has come further, or somebody has set another `status`.",
        {"allOf": [SMSPatternSchema(), {"properties": {"test": _MARK}}]},
        PATTERN,
    ),
    Event.OTP_VERIFIED: Documented(
        "A one-time password was guessed right.",
        {
            "allOf": [
                OTPSchema(),
                {"properties": {"status": {"const": OTPStatus.VERIFIED}, "test": _MARK}},
            ]
        },
        OTP,
    ),
    Event.NOTIFIER_RESTING: _notifier(
        "A notifier has failed several times in a row, and rests. It comes once, until that recovers.",
        state="resting",
        resting_until=ARRIVED,
        failures_in_a_row=5,
    ),
    Event.NOTIFIER_RECOVERED: _notifier("A notifier that has rested takes messages again."),
    Event.NOTIFIER_CREDIT_LOW: _notifier(
        "The credit of an SMS notifier has fallen below `credit_low` of the delivery settings. It comes "
        "once, until the credit has been above.",
        credit=4100,
    ),
    Event.WEBHOOK_DISABLED: Documented(
        "The service has disabled another webhook: its receiver fails for too long, or wants no more.",
        {"allOf": [WebhookSchema()]},
        WEBHOOK,
    ),
    **_role(
        Role.WORKER,
        Event.WORKER_MISSING,
        Event.WORKER_RECOVERED,
        "Nobody sends it then: it comes with the next worker, right before `worker.recovered`.",
    ),
    **_role(
        Role.SCHEDULER,
        Event.SCHEDULER_MISSING,
        Event.SCHEDULER_RECOVERED,
        "A worker sends it at once; if it has to be sent again, that waits for a scheduler.",
    ),
    TEST: Documented(
        "Somebody tries the receiver (`POST …/webhooks/:id/test`). It can't be asked for.",
        {
            "type": "object",
            "properties": {
                "id": {"type": "integer", "format": "int64", "description": "Id of the webhook."},
                "test": {"type": "boolean", "description": "Whether a test token asked for it."},
            },
            "required": ["id", "test"],
        },
        {"id": 1, "test": False},
    ),
}

_UID, _SIGNATURE = "msg_0f3f0a6ba3d04b1c8a0d4b0f2f5b6f70", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="


def _header(name: str, words: str, example: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern, "examples": [example]}
    return {"name": name, "in": "header", "required": True, "description": words, "schema": schema}


_HEADERS = [
    _header(
        "webhook-id", "The event's id: the same each time it is sent, whatever became of it.", _UID, "^msg_"
    ),
    _header("webhook-timestamp", "When this was sent, in seconds since 1970.", "1766940156", "^[0-9]+$"),
    _header(
        "webhook-signature",
        "By the [Standard Webhooks](https://www.standardwebhooks.com) specification: `v1,` and the "
        "HMAC-SHA256, in base64, of `webhook-id`, `webhook-timestamp` and the body as it came, joined by "
        "points; the key is what follows `whsec_` in the webhook's secret, decoded from base64. For a day "
        "after a rotation there is one for each secret, with a blank between them.",
        _SIGNATURE,
        "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
    ),
]
_RESPONSES = {
    "2XX": {"description": "The event was taken."},
    "410": {"description": "The receiver wants no more events: the webhook is disabled."},
    "default": {"description": "The event is sent again: seven times in 42 hours. `Retry-After` is heeded."},
}


def operations() -> dict[str, dict[str, Any]]:
    """Return the requests that receivers get, by their events, for `describe_webhooks`.

    Raises KeyError if an event is not in EVENTS.
    """
    return {name: _operation(name, EVENTS[name]) for name in map(str, (*Event, TEST))}


def _operation(event: str, documented: Documented) -> dict[str, Any]:
    content = {
        "schema": _body(event, documented.data),
        "examples": {event: {"value": _example(event, documented.example)}},
    }
    return {
        "operationId": f"webhook_{event.replace('.', '_')}",
        "tags": [TAG],
        "summary": f"{event}, sent to a webhook",
        "description": documented.comes,
        "security": [],
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _RESPONSES,
    }


def _body(event: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of what is sent: see `attempts.body`."""
    properties = {
        "type": {"type": "string", "const": event, "description": "The event."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "sequence": {
            "type": "integer",
            "format": "int64",
            "description": "Rises with each event of an object: one that is lower than another that has come "
            "is older.",
        },
        "data": data,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _example(event: str, data: Mapping[str, Any]) -> dict[str, Any]:
    happened_at = data.get("updated_at", TAKEN)
    return {"type": event, "timestamp": happened_at, "sequence": 4181, "data": data}
