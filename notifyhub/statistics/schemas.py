"""What is asked for, and what is answered."""

from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, validates_schema

from notifyhub.api.fields import Boolean, Choice, Integer, Worded, described
from notifyhub.api.pagination.parameters import Choices, DateOrMoment
from notifyhub.api.schemas import StrictSchema
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.statistics.intervals import MAX_INTERVALS, Length
from notifyhub.statistics.query import KEYS, MAX_RESULTS
from notifyhub.text.zones import zone


class Zone(Worded, fields.String):
    """A time zone, by its name in the IANA database."""

    def _deserialize(self, value: str, *_: Any, **__: Any) -> ZoneInfo:  # type: ignore[override]
        try:
            return zone(value)
        except ValueError:
            raise ValidationError("Not a known time zone: give a name as Asia/Tehran.") from None


class _Parameters(StrictSchema):
    @validates_schema(skip_on_field_errors=False)
    def _has_channel(self, data: dict[str, Any], **_: Any) -> None:
        """Check that notifiers and patterns are asked for with their channel."""
        errors: dict[str, list[str]] = {}
        for name in ("notifier", "pattern"):
            if name in data and "channel" not in data:
                errors[name] = [f"Give a `channel` with it: each has {name}s of its own."]
            elif name in data.get("by", ()) and "channel" not in {*data, *data["by"]}:
                errors["by"] = [
                    f"`{name}` needs `channel` beside it, or as a filter: each has {name}s of its own."
                ]
        if errors:
            raise ValidationError(errors)


query_schema = _Parameters.from_dict(
    {
        "from": DateOrMoment(
            metadata=described(
                "Day or moment to begin with; six days before the last day, if it is not given."
            )
        ),
        "to": DateOrMoment(
            metadata=described("Day, which is included, or moment, which is not; now, if it is not given.")
        ),
        "timezone": Zone(
            metadata=described(
                "IANA name of the time zone whose days are meant; `NOTIFYHUB_TIMEZONE`, if it is not given.",
                "Asia/Tehran",
            )
        ),
        "interval": Choice(
            Length,
            load_default=Length.DAY,
            metadata=described(
                "What each result is about: an hour, a day, a month of the time zone, or all. "
                f"There may be some {MAX_INTERVALS} of them."
            ),
        ),
        "by": Choices(
            KEYS,
            metadata=described(
                "What messages are told apart by: comma-separated, of `channel`, `notifier`, `pattern` "
                f"(their ids) and `status`. There may be {MAX_RESULTS} results."
            ),
        ),
        "channel": Choice(Channel, metadata=described("Only those of this channel.")),
        "notifier": Integer(strict=True, metadata=described("Only those of this notifier of the `channel`.")),
        "pattern": Integer(
            strict=True, metadata=described("Only those made with this pattern of the `channel`.")
        ),
        "batch": Integer(strict=True, metadata=described("Only those of this batch.")),
        "test": Boolean(
            strict=True,
            load_default=False,
            metadata=described("Those of test tokens alone; else those of all others."),
        ),
    },
    name="StatisticsQuerySchema",
)()


def _moment(words: str, example: str, **options: Any) -> fields.String:
    return fields.String(required=True, metadata=described(words, example, format="date-time"), **options)


def _number(words: str, example: int) -> fields.Integer:
    return fields.Integer(required=True, metadata=described(words, example, format="int64"))


class StatisticsResultSchema(Schema):
    """The numbers of an interval, of messages that are alike in the keys that were asked for."""

    start = _moment("Where the interval begins, by the time zone's clock.", "2026-11-20T00:00:00+03:30")
    channel = fields.String(metadata=described("Their channel, if asked for."))
    notifier = fields.Integer(metadata=described("Id of their notifier, if asked for.", 3, format="int64"))
    pattern = fields.Integer(
        allow_none=True,
        metadata=described("Id of their pattern, if asked for; null: made without.", 7, format="int64"),
    )
    status = fields.String(
        metadata=described("Their state, if asked for.", MessageStatus.DELIVERED, enum=list(MessageStatus))
    )
    messages = _number("How many were created.", 1200)
    segments = _number("Of how many segments their texts are; mails have none.", 1650)
    sent = _number("How many of them were sent, whatever became of them later.", 1190)
    delivered = _number("How many are delivered.", 1100)
    undelivered = _number("How many are undelivered.", 40)
    failed = _number("How many have failed.", 8)


class StatisticsSchema(Schema):
    """Statistics, in order of time; intervals without messages are left out."""

    from_ = _moment(
        "The moment from which on messages are counted.", "2026-11-20T00:00:00+03:30", data_key="from"
    )
    to = _moment("The moment before which messages are counted.", "2026-11-27T00:00:00+03:30")
    timezone = fields.String(required=True, metadata=described("The time zone.", "Asia/Tehran"))
    interval = fields.String(
        required=True, metadata=described("What each result is about.", enum=list(Length))
    )
    results = fields.List(fields.Nested(StatisticsResultSchema), required=True)
