"""The messages that carry codes: composed as all messages are, with a mask for the code."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import ValidationError

from notifyhub.messages.composition import ComposedMessage, compose
from notifyhub.messages.models import Channel
from notifyhub.messages.references import PatternReference
from notifyhub.otp.rules import Rules
from notifyhub.text.code_masks import MASK, masked, measured

_GENERAL, _OWN = "/api/settings/notifications", "/api/settings/otp"
_SETTINGS_OF = {
    Channel.SMS: {
        "notifier": ("notifications_sms_notifier", _GENERAL),
        "text": ("otp_sms_text", _OWN),
        **dict.fromkeys(("pattern", "args"), ("otp_sms_pattern", _OWN)),
    },
    Channel.EMAIL: {
        "notifier": ("notifications_email_notifier", _GENERAL),
        "subject": ("otp_email_subject", _OWN),
        "text": ("otp_email_text", _OWN),
        **dict.fromkeys(("pattern", "args"), ("otp_email_pattern", _OWN)),
    },
}
"""The setting that an error of a message's field comes from, and where it is changed."""


class CodeMessage(NamedTuple):
    """What a message with a code is composed of."""

    channel: Channel
    to: str
    code_len: int
    expires_at: datetime
    origin: str | None = None


def compose_all(messages: list[CodeMessage], rules: Rules, moment: datetime) -> list[ComposedMessage]:
    """Return the composed messages: the first one, and its fallback where there is one.

    Raises ValidationError; the fallback's errors are under its name.
    """
    first, *others = messages
    composed = [_compose(first, rules, moment)]
    for other in others:
        try:
            composed.append(_compose(other, rules, moment))
        except ValidationError as error:
            raise ValidationError({"fallback": error.messages_dict}) from None
    return composed


def _request(message: CodeMessage, rules: Rules, moment: datetime) -> dict[str, Any]:
    """Return what a client would send to have this message sent."""
    mask = masked(message.code_len)
    minutes = str(math.ceil((message.expires_at - moment) / timedelta(minutes=1)))

    def filled(text: str) -> str:
        return text.replace("{code}", mask).replace("{minutes}", minutes)

    request = {"channel": message.channel, "to": message.to, "expires_at": message.expires_at}
    if message.channel is Channel.EMAIL:
        if rules.email_pattern is not None:
            args = _args_of_mail(rules.references.patterns[Channel.EMAIL][rules.email_pattern], mask, minutes)
            return {**request, "pattern": rules.email_pattern, "args": args}
        return {**request, "subject": filled(rules.email_subject), "text": filled(rules.email_text)}
    if rules.sms_pattern is not None:
        return {**request, "pattern": rules.sms_pattern, "args": [mask]}
    # The last line is as browsers look for it (WICG, "Origin-bound one-time codes").
    bound = f"\n@{message.origin} #{mask}" if message.origin else ""
    return {**request, "text": filled(rules.sms_text) + bound}


def _args_of_mail(pattern: PatternReference, mask: str, minutes: str) -> list[str]:
    """Return what fills an email pattern, which may leave the minutes out; raises ValidationError."""
    placeholders = [placeholder.key for placeholder in pattern.template.list_order]
    if placeholders not in (["0"], ["0", "1"]):
        words = "The pattern must hold {0}, the code; it may hold {1}, the minutes, and no other placeholder."
        raise ValidationError({"pattern": [words]})
    return [mask, minutes][: len(placeholders)]


def _check_pattern(pattern: PatternReference) -> None:
    """Raise ValidationError if the pattern's own text would be taken for a code's mask."""
    if any(MASK in piece for piece in pattern.template.pieces if isinstance(piece, str)):
        words = f"The pattern's text holds {MASK}, which stands for the code's digits."
        raise ValidationError({"pattern": [words]})


def _compose(message: CodeMessage, rules: Rules, moment: datetime) -> ComposedMessage:
    """Return a composed message; its segments are those of the text with digits."""
    try:
        composed = compose(_request(message, rules, moment), rules.references, moment)
        if composed.pattern:
            _check_pattern(composed.pattern)
    except ValidationError as error:
        raise ValidationError(_as_settings(message.channel, error.messages_dict)) from None
    if message.channel is Channel.EMAIL:
        return composed
    encoding, segments = measured(composed.text or "")
    return replace(composed, encoding=encoding, segments=segments)


def _as_settings(channel: Channel, errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the errors in the client's terms: what it did not send is for the operator to set."""
    found: dict[str, list[str]] = {}
    for name, words in errors.items():
        if name in _SETTINGS_OF[channel]:
            setting, url = _SETTINGS_OF[channel][name]
            found.setdefault("channel", []).extend(f"Set `{setting}` at {url}: {one}" for one in words)
        else:
            found[name] = words
    return found
