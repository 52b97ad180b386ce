"""What goes in and out for webhooks and their deliveries."""

from typing import Any

from flask import current_app
from marshmallow import Schema, ValidationError, fields, validate
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import URL, Boolean, Choice, List, Moment, String, Timestamp, described
from notifyhub.api.schemas import StrictResourceSchema, StrictSchema
from notifyhub.database.base import now
from notifyhub.text.hosts import AllowedHosts
from notifyhub.webhooks import signatures
from notifyhub.webhooks.models import TEST, DeliveryStatus, Event, Webhook
from notifyhub.webhooks.targets import InvalidTarget, check_url


class Target(URL):
    """A URL that webhooks may go to, as far as it shows that."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        url = super()._deserialize(value, *args, **options)
        try:
            check_url(url, AllowedHosts.read(current_app.config["WEBHOOK_ALLOW"]))
        except InvalidTarget as refusal:
            raise ValidationError(str(refusal)) from None
        return url


class Events(List):
    """Events, each of them once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Choice(list(Event)), least=1, most=len(Event), **options)
        self.metadata = {**self.metadata, "uniqueItems": True}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        events: list[str] = super()._deserialize(value, *args, **options)
        again = {place for place, event in enumerate(events) if event in events[:place]}
        if again:
            raise ValidationError(
                {place: [f"{events[place]} stands in this list already."] for place in again}
            )
        return events


class CurrentSecret(fields.String):
    """The secret that signs, out of all that are kept."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return value["current"]


_SECRET = described("The secret that signs; it is not shown again.", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


class WebhookSchema(StrictResourceSchema):
    """A URL that events are sent to."""

    class Meta(StrictResourceSchema.Meta):
        fields: tuple[str, ...] = (
            "id",
            "url",
            "events",
            "is_active",
            "disabled_reason",
            "created_at",
            "updated_at",
        )

    read_only = frozenset({"secret"})

    url = Target(
        required=True,
        metadata=described(
            "Where events are sent: https at a public address, or a target that the operator allows.",
            "https://shop.example.com/notifyhub",
        ),
    )
    events = Events(required=True, metadata=described("What to be told of.", [Event.MESSAGE_DELIVERED]))
    is_active = Boolean(
        load_default=True, metadata=described("Whether events are sent. Setting it true revives the webhook.")
    )
    disabled_reason = fields.String(
        dump_only=True,
        allow_none=True,
        metadata=described("Why the service has disabled it; null if it has not."),
    )

    def validate_object(self, values: dict[str, Any], stored: Webhook | None) -> dict[str, Any]:
        """Give a new webhook its secret; forget the failures of one that is revived or leads elsewhere."""
        if stored is None:
            return {**values, "secret": signatures.new()}
        if values.get("is_active"):
            return {**values, "disabled_reason": None, "failing_since": None}
        if values.get("url", stored.url) != stored.url:
            return {**values, "failing_since": None}
        return values


class NewWebhookSchema(WebhookSchema):
    """A new webhook, with its secret."""

    class Meta(WebhookSchema.Meta):
        fields = (*WebhookSchema.Meta.fields, "secret")

    computed = ("secret",)

    secret = CurrentSecret(dump_only=True, metadata=_SECRET)


class GivenSecret(String):
    """A secret that the operator has made, with which receivers know the service's events."""

    default_error_messages: ErrorMessages = {
        "secret": "Not a secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64."
    }

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        if not signatures.is_secret(text):
            raise self.make_error("secret")
        return text


class WebhookWithSecretSchema(WebhookSchema):
    """A webhook whose secret is not made here, but given: another secret rotates the one before."""

    class Meta(WebhookSchema.Meta):
        fields = (*WebhookSchema.Meta.fields, "secret")

    secret = GivenSecret(metadata=_SECRET)

    def validate_object(self, values: dict[str, Any], stored: Webhook | None) -> dict[str, Any]:
        """Require the secret of a new webhook; leave the failures of one that is active already alone."""
        given = values.get("secret")
        others = {name: value for name, value in values.items() if name != "secret"}
        if stored is None:
            if given is None:
                raise ValidationError({"secret": ["A new webhook needs one: whsec_ and random base64."]})
            return {**super().validate_object(others, None), "secret": signatures.new(given)}
        if stored.is_active and others.get("is_active"):
            del others["is_active"]
        changed = super().validate_object(others, stored)
        if given is None or given == stored.secret["current"]:
            return changed
        return {**changed, "secret": signatures.rotated(stored.secret, now(), given)}


class WebhookSecretSchema(Schema):
    """A new secret."""

    secret = fields.String(required=True, metadata=_SECRET)


class WebhookRecoveryRequestSchema(StrictSchema):
    """Which failed deliveries are made up for: those that were made in a span of time, both ends included."""

    since = Moment(required=True, metadata=described("The first moment of the span.", "2025-12-28T16:00:00Z"))
    until = Moment(
        allow_none=True, load_default=None, metadata=described("The last moment of the span; null: now.")
    )


class WebhookRecoverySchema(Schema):
    """What is sent again."""

    count = fields.Integer(
        required=True, metadata=described("How many events are sent again.", 12, minimum=0)
    )


def _maybe(words: str, *examples: Any) -> dict[str, Any]:
    return {"required": True, "allow_none": True, "metadata": described(words, *examples)}


class WebhookDeliverySchema(Schema):
    """An event that is sent to a webhook until its receiver has taken it."""

    id = fields.Integer(required=True, metadata=described("Id.", 41, format="int64"))
    event = fields.String(
        required=True,
        validate=validate.OneOf([*Event, TEST]),
        metadata=described("What has happened.", Event.MESSAGE_DELIVERED),
    )
    webhook_id = fields.String(
        attribute="uid",
        required=True,
        metadata=described(
            "The event's id, as its header `webhook-id` has it: the same in all its deliveries.",
            "msg_0f3f0a6ba3d04b1c8a0d4b0f2f5b6f70",
        ),
    )
    status = fields.String(
        required=True,
        validate=validate.OneOf(list(DeliveryStatus)),
        metadata=described("How far it has come.", DeliveryStatus.DELIVERED),
    )
    attempts = fields.Integer(required=True, metadata=described("How often it has been tried.", 1))
    response_status = fields.Integer(**_maybe("The status of the receiver's last answer.", 200))
    response_body = fields.String(**_maybe("The first 1024 bytes of that answer.", "ok"))
    error = fields.String(**_maybe("What went wrong at the last attempt."))
    duration_ms = fields.Integer(**_maybe("How long the last attempt took, in milliseconds.", 84))
    next_attempt_at = Timestamp(allow_none=True, metadata=described("When it is tried next."))
    created_at = Timestamp(metadata=described("When it was made."))
