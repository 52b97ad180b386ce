"""Composition: a request becomes a message that may be stored, or all that is wrong with it is raised.

Pure functions: the notifiers and patterns that a request names are resolved before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from marshmallow import ValidationError

from notifyhub.api.fields import MAX_LENGTH, MAX_TEXT
from notifyhub.messages.mail_parts import compose_attachments, compose_copies
from notifyhub.messages.models import Channel
from notifyhub.messages.references import NotifierReference, PatternReference, References
from notifyhub.messages.request_schemas import MAX_HTML, MAX_MAIL_TEXT
from notifyhub.patterns.models import PatternStatus
from notifyhub.providers.base import Attachment
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.phones import InvalidNumber, country_of, to_e164
from notifyhub.text.placeholders import FilledTemplate, InvalidArguments
from notifyhub.text.segments import measure
from notifyhub.text.truncation import MAX_QUOTED_CHARACTERS, truncate

MAX_DELAY = timedelta(days=30)

_OWN_FIELDS: dict[Channel, tuple[str, ...]] = {
    Channel.SMS: (),
    Channel.EMAIL: ("subject", "html", "cc", "bcc", "reply_to", "attachments", "unsubscribe_url"),
}
_MADE_BY_PATTERNS = {
    Channel.SMS: {"text": MAX_TEXT},
    Channel.EMAIL: {"subject": MAX_LENGTH, "text": MAX_MAIL_TEXT, "html": MAX_HTML},
}
"""What comes from a pattern, and its greatest length."""
_NAMES = {Channel.SMS: "an SMS", Channel.EMAIL: "an email"}

_NO_DEFAULT = (
    "None is given, and there is no default one: `notifications_{channel}_notifier` at "
    "/api/settings/notifications names it."
)


@dataclass(frozen=True)
class ComposedMessage:
    """A message that may be stored; its `repr` shows no content.

    `storage` stores each field in the column of its name, where there is one. What a request says in a field
    of the same name is taken as it is, unless composing makes something else of it.
    """

    channel: Channel
    recipient: str
    notifier: NotifierReference
    expires_at: datetime
    pattern: PatternReference | None = None
    args: list[str] | dict[str, str] | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    reply_to: str | None = None
    from_email: str | None = None
    encoding: str | None = None
    segments: int | None = None
    reference: str | None = None
    client_metadata: dict[str, str] = field(default_factory=dict, repr=False)
    send_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    cc: list[str] | None = field(default=None, repr=False)
    bcc: list[str] | None = field(default=None, repr=False)
    unsubscribe_url: str | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """The characters of its texts and the bytes of its files."""
        texts = len(self.text or "") + len(self.html or "")
        return texts + sum(len(attachment.content) for attachment in self.attachments)


_FIELDS = tuple(field.name for field in fields(ComposedMessage))


def compose(request: Mapping[str, Any], references: References, moment: datetime) -> ComposedMessage:
    """Return the message of a request, as its schema has read it; `moment` is now.

    Raises ValidationError with the errors of all its fields.
    """
    given = {name: value for name, value in request.items() if value is not None}
    channel = Channel(given["channel"])
    errors = _foreign_fields(channel, given)
    composed = {name: given[name] for name in _FIELDS if name in given}
    for compose_part in (_recipient, _copies, _times, _sms if channel is Channel.SMS else _email):
        try:
            composed |= compose_part(given, references, moment)
        except ValidationError as error:
            errors = {**error.messages_dict, **errors}
    if errors:
        raise ValidationError(errors)
    return ComposedMessage(**{**composed, "channel": channel})


def _foreign_fields(channel: Channel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error for each field that only messages of another channel have."""
    foreign = [name for other, names in _OWN_FIELDS.items() if other is not channel for name in names]
    return {name: [f"This field does not belong to {_NAMES[channel]}."] for name in foreign if name in given}


def normalize_recipient(channel: str, to: str) -> str:
    """Return a recipient as it is stored; raises ValidationError if it is no number or address."""
    try:
        return to_e164(to) if channel == Channel.SMS else normalize_address(to)
    except (InvalidNumber, InvalidAddress) as error:
        raise ValidationError({"to": [str(error)]}) from None


def _recipient(given: Mapping[str, Any], references: References, _moment: datetime) -> dict[str, Any]:
    recipient = normalize_recipient(given["channel"], given["to"])
    if given["channel"] == Channel.SMS and references.sms_countries:
        _check_country(country_of(recipient), references.sms_countries)
    return {"recipient": recipient}


def _copies(given: Mapping[str, Any], _references: References, _moment: datetime) -> dict[str, Any]:
    if "cc" not in given and "bcc" not in given:
        return {}
    return compose_copies(given, normalize_recipient(given["channel"], given["to"]))


def _check_country(country: str, allowed: Sequence[str]) -> None:
    if country not in allowed:
        words = f"`sms_countries` at /api/settings/delivery does not name {country}, this number's country."
        raise ValidationError({"to": [words]})


def _times(given: Mapping[str, Any], references: References, moment: datetime) -> dict[str, Any]:
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
    return {"expires_at": expires_at or begins + references.message_ttl}


def _args_without_pattern(given: Mapping[str, Any]) -> dict[str, list[str]]:
    return {"args": ["Arguments fill a pattern, and none is given."]} if "args" in given else {}


def _sms(given: Mapping[str, Any], references: References, _moment: datetime) -> dict[str, Any]:
    if "pattern" in given:
        made = _by_pattern(Channel.SMS, given, references)
        return {**made, **_measured(made["text"])}
    errors = _args_without_pattern(given)
    if "text" not in given:
        errors["text"] = ["Give a `pattern` or a `text`."]
    elif len(given["text"]) > MAX_TEXT:
        errors["text"] = [f"Ensure this field has no more than {MAX_TEXT} characters."]
    notifier, wrong = _notifier(Channel.SMS, given, references)
    if notifier and not notifier.sends_texts:
        wrong = ["This notifier's settings hold no number to send a text from: only patterns can be sent."]
    if wrong:
        errors["notifier"] = wrong
    if errors:
        raise ValidationError(errors)
    return {"notifier": notifier, **_measured(given["text"])}


def _by_pattern(channel: Channel, given: Mapping[str, Any], references: References) -> dict[str, Any]:
    pattern = _pattern(channel, given, references)
    errors = {
        name: [f"The {name} is the pattern's: give one or the other."]
        for name in _MADE_BY_PATTERNS[channel]
        if name in given
    }
    if pattern.status not in {PatternStatus.APPROVED, None}:
        errors["pattern"] = [f"This pattern is not approved: its status is `{pattern.status}`."]
    if given.get("notifier", pattern.notifier.id) != pattern.notifier.id:
        errors["notifier"] = [f"The pattern belongs to another notifier: {pattern.notifier.id}."]
    args = given.get("args", [])
    texts: dict[str, str] = {}
    try:
        texts = _texts(channel, pattern.fill(args))
    except InvalidArguments as error:
        errors["args"] = [str(error)]
    if errors:
        raise ValidationError(errors)
    return {
        "notifier": pattern.notifier,
        "pattern": pattern,
        "from_email": pattern.from_email,
        "args": args,
        **texts,
    }


def _pattern(channel: Channel, given: Mapping[str, Any], references: References) -> PatternReference:
    """Return the pattern of this id, or of this name at the notifier, or at the default one."""
    named, patterns = given["pattern"], references.patterns[channel]
    if isinstance(named, int):
        pattern, words = patterns.get(named), f'Invalid pk "{named}" - object does not exist.'
    else:
        notifier, wrong = _notifier(channel, given, references)
        if notifier is None:
            raise ValidationError({"notifier": wrong})
        pattern = patterns.get((notifier.id, named))
        words = f"Object with name={truncate(named, MAX_QUOTED_CHARACTERS)} does not exist."
    if pattern is None:
        raise ValidationError({"pattern": [words]})
    return pattern


def _texts(channel: Channel, filled: Mapping[str, FilledTemplate]) -> dict[str, str]:
    """Return what arguments make of a pattern; raise InvalidArguments if a message could not have it."""
    for name, part in filled.items():
        if part.length > (most := _MADE_BY_PATTERNS[channel][name]):
            raise InvalidArguments(f"Ensure the {name} that they make has no more than {most} characters.")
    texts = {name: part.text for name, part in filled.items()}
    for name, text in texts.items():
        if not text.strip():
            raise InvalidArguments(f"Ensure the {name} that they make is not blank.")
    return texts


def _measured(text: str) -> dict[str, Any]:
    encoding, segments = measure(text)
    return {"text": text, "encoding": encoding, "segments": segments}


def _email(given: Mapping[str, Any], references: References, _moment: datetime) -> dict[str, Any]:
    if "pattern" in given:
        made = _by_pattern(Channel.EMAIL, given, references)
        return {**made, **compose_attachments(given, made.get("html"))}
    errors = _args_without_pattern(given)
    if "subject" not in given:
        errors["subject"] = ["This field is required."]
    if "text" not in given and "html" not in given:
        errors["text"] = ["Give a `text`, an `html` or both."]
    notifier, wrong = _notifier(Channel.EMAIL, given, references)
    if wrong:
        errors["notifier"] = wrong
    if errors:
        raise ValidationError(errors)
    return {"notifier": notifier, **compose_attachments(given, given.get("html"))}


def _notifier(
    channel: Channel, given: Mapping[str, Any], references: References
) -> tuple[NotifierReference | None, list[str]]:
    """Return the notifier that the request names, or the default one, and the field's errors."""
    if "notifier" in given:
        notifier = references.notifiers[channel].get(given["notifier"])
        return notifier, [] if notifier else [f'Invalid pk "{given["notifier"]}" - object does not exist.']
    notifier = references.defaults.get(channel)
    return notifier, [] if notifier else [_NO_DEFAULT.format(channel=channel)]
