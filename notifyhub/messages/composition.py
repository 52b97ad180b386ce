"""Composing: what a client asked for becomes a message, or is refused with all that is wrong with it.

Pure functions: what a message names has been looked up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from marshmallow import ValidationError

from notifyhub.api.fields import MAX_TEXT
from notifyhub.messages.models import Channel
from notifyhub.messages.references import Notifier, Pattern, References
from notifyhub.patterns.models import PatternStatus
from notifyhub.providers.base import Attachment
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.phones import InvalidNumber, country_of, to_e164
from notifyhub.text.placeholders import InvalidArguments
from notifyhub.text.segments import measure

MAX_DELAY = timedelta(days=30)

_OWN_FIELDS = {
    Channel.SMS: ("pattern", "args"),
    Channel.EMAIL: ("subject", "html", "reply_to", "attachments"),
}
_NAMES = {Channel.SMS: "an SMS", Channel.EMAIL: "an email"}

_NO_DEFAULT = (
    "None is given, and there is no default one: `notifications_{channel}_notifier` at "
    "/api/settings/notifications names it."
)


@dataclass(frozen=True)
class Draft:
    """A message that may be stored; its `repr` shows no content."""

    channel: Channel
    recipient: str
    notifier: Notifier
    expires_at: datetime
    pattern: Pattern | None = None
    args: list[str] | dict[str, str] | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    reply_to: str | None = None
    encoding: str | None = None
    segments: int | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict, repr=False)
    send_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()


def compose(message: Mapping[str, Any], sources: References, moment: datetime) -> Draft:
    """Return the draft of a message, as its schema has read it; `moment` is now.

    Raises ValidationError with the errors of all its fields.
    """
    given = {name: value for name, value in message.items() if value is not None}
    channel = Channel(given["channel"])
    errors = _foreign_fields(channel, given)
    parts: dict[str, Any] = {}
    for compose_part in (_recipient, _times, _sms if channel is Channel.SMS else _email):
        try:
            parts |= compose_part(given, sources, moment)
        except ValidationError as error:
            errors = {**error.messages_dict, **errors}
    if errors:
        raise ValidationError(errors)
    return Draft(
        channel=channel, reference=given.get("reference"), metadata=given.get("metadata", {}), **parts
    )


def _foreign_fields(channel: Channel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error for each field that only messages of another channel have."""
    foreign = [name for other, names in _OWN_FIELDS.items() if other is not channel for name in names]
    return {name: [f"This field does not belong to {_NAMES[channel]}."] for name in foreign if name in given}


def recipient(channel: str, to: str) -> str:
    """Return a recipient as it is stored; raises ValidationError if none can be reached so."""
    try:
        return to_e164(to) if channel == Channel.SMS else normalize_address(to)
    except (InvalidNumber, InvalidAddress) as error:
        raise ValidationError({"to": [str(error)]}) from None


def _recipient(given: Mapping[str, Any], sources: References, _moment: datetime) -> dict[str, Any]:
    found = recipient(given["channel"], given["to"])
    if given["channel"] == Channel.SMS and sources.sms_countries:
        _check_country(country_of(found), sources.sms_countries)
    return {"recipient": found}


def _check_country(country: str, allowed: Sequence[str]) -> None:
    if country not in allowed:
        words = f"`sms_countries` at /api/settings/delivery does not name {country}, this number's country."
        raise ValidationError({"to": [words]})


def _times(given: Mapping[str, Any], sources: References, moment: datetime) -> dict[str, Any]:
    send_at, expires_at = given.get("send_at"), given.get("expires_at")
    errors = {}
    if send_at and send_at <= moment:
        errors["send_at"] = ["This moment is past."]
    if send_at and send_at > moment + MAX_DELAY:
        errors["send_at"] = [f"Ensure this moment is at most {MAX_DELAY.days} days ahead."]
    begins = max(send_at or moment, moment)
    if expires_at and expires_at <= begins:
        errors["expires_at"] = [
            "This moment is past." if expires_at <= moment else "Ensure this is after `send_at`."
        ]
    if errors:
        raise ValidationError(errors)
    return {"send_at": send_at, "expires_at": expires_at or begins + sources.message_ttl}


def _sms(given: Mapping[str, Any], sources: References, _moment: datetime) -> dict[str, Any]:
    if "pattern" in given:
        return _by_pattern(given, sources)
    errors = {}
    if "args" in given:
        errors["args"] = ["Arguments fill a pattern, and none is given."]
    if "text" not in given:
        errors["text"] = ["Give a `pattern` or a `text`."]
    elif len(given["text"]) > MAX_TEXT:
        errors["text"] = [f"Ensure this field has no more than {MAX_TEXT} characters."]
    notifier, wrong = _notifier(Channel.SMS, given, sources)
    if notifier and not notifier.sends_texts:
        wrong = ["This notifier's settings hold no number to send a text from: only patterns can be sent."]
    if wrong:
        errors["notifier"] = wrong
    if errors:
        raise ValidationError(errors)
    return {"notifier": notifier, **_measured(given["text"])}


def _by_pattern(given: Mapping[str, Any], sources: References) -> dict[str, Any]:
    pattern = sources.patterns.get(given["pattern"])
    if pattern is None:
        raise ValidationError({"pattern": [f'Invalid pk "{given["pattern"]}" - object does not exist.']})
    errors = {}
    if pattern.status != PatternStatus.APPROVED:
        errors["pattern"] = [f"This pattern is not approved: its status is `{pattern.status}`."]
    if given.get("notifier", pattern.notifier.id) != pattern.notifier.id:
        errors["notifier"] = [f"The pattern belongs to another notifier: {pattern.notifier.id}."]
    if "text" in given:
        errors["text"] = ["The text is the pattern's: give one or the other."]
    args = given.get("args", [])
    text = ""
    try:
        text = pattern.template.fill(args).text
    except InvalidArguments as error:
        errors["args"] = [str(error)]
    if len(text) > MAX_TEXT:
        errors["args"] = [f"Ensure the text that they make has no more than {MAX_TEXT} characters."]
    if errors:
        raise ValidationError(errors)
    return {"notifier": pattern.notifier, "pattern": pattern, "args": args, **_measured(text)}


def _measured(text: str) -> dict[str, Any]:
    encoding, segments = measure(text)
    return {"text": text, "encoding": encoding, "segments": segments}


def _email(given: Mapping[str, Any], sources: References, _moment: datetime) -> dict[str, Any]:
    errors = {}
    if "subject" not in given:
        errors["subject"] = ["This field is required."]
    if "text" not in given and "html" not in given:
        errors["text"] = ["Give a `text`, an `html` or both."]
    notifier, wrong = _notifier(Channel.EMAIL, given, sources)
    if wrong:
        errors["notifier"] = wrong
    if errors:
        raise ValidationError(errors)
    attachments = tuple(Attachment(**attachment) for attachment in given.get("attachments", ()))
    texts = {name: given.get(name) for name in ("subject", "text", "html", "reply_to")}
    return {"notifier": notifier, "attachments": attachments, **texts}


def _notifier(
    channel: Channel, given: Mapping[str, Any], sources: References
) -> tuple[Notifier | None, list[str]]:
    """Return the notifier that is named, or the default one, and the words of what is wrong."""
    if "notifier" in given:
        notifier = sources.notifiers[channel].get(given["notifier"])
        return notifier, [] if notifier else [f'Invalid pk "{given["notifier"]}" - object does not exist.']
    notifier = sources.defaults.get(channel)
    return notifier, [] if notifier else [_NO_DEFAULT.format(channel=channel)]
