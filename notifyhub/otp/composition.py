"""The messages that codes go out with: composed as all messages are, with a mask for the code."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from marshmallow import ValidationError

from notifyhub.messages.composition import Draft, compose
from notifyhub.messages.models import Channel
from notifyhub.otp.rules import Rules
from notifyhub.text.code_masks import MASK, masked, measured

_GENERAL, _OWN = "/api/settings/notifications", "/api/settings/otp"
_BLAMED = {
    Channel.SMS: {
        "notifier": ("notifications_sms_notifier", _GENERAL),
        "text": ("otp_sms_text", _OWN),
        **dict.fromkeys(("pattern", "args"), ("otp_sms_pattern", _OWN)),
    },
    Channel.EMAIL: {
        "notifier": ("notifications_email_notifier", _GENERAL),
        "subject": ("otp_email_subject", _OWN),
        "text": ("otp_email_text", _OWN),
    },
}
"""The setting to blame, and where it is changed, for what is wrong with a message."""


class Wanted(NamedTuple):
    """A message with a code, to be composed."""

    channel: Channel
    to: str
    code_len: int
    expires_at: datetime
    origin: str | None = None


def compose_all(wanted: list[Wanted], rules: Rules, moment: datetime) -> list[Draft]:
    """Return the drafts of messages: the first one, and a fallback where there is one.

    Raises ValidationError, for the fallback under its name.
    """
    first, *others = wanted
    drafts = [_compose(first, rules, moment)]
    for other in others:
        try:
            drafts.append(_compose(other, rules, moment))
        except ValidationError as error:
            raise ValidationError({"fallback": error.messages_dict}) from None
    return drafts


def _request(wanted: Wanted, rules: Rules, moment: datetime) -> dict[str, Any]:
    """Return what a client would ask for."""
    mask = masked(wanted.code_len)
    minutes = math.ceil((wanted.expires_at - moment) / timedelta(minutes=1))

    def filled(text: str) -> str:
        return text.replace("{code}", mask).replace("{minutes}", str(minutes))

    request = {"channel": wanted.channel, "to": wanted.to, "expires_at": wanted.expires_at}
    if wanted.channel is Channel.EMAIL:
        return {**request, "subject": filled(rules.email_subject), "text": filled(rules.email_text)}
    if rules.sms_pattern is not None:
        return {**request, "pattern": rules.sms_pattern, "args": [mask]}
    # The last line is as browsers look for it (WICG, "Origin-bound one-time codes").
    bound = f"\n@{wanted.origin} #{mask}" if wanted.origin else ""
    return {**request, "text": filled(rules.sms_text) + bound}


def _compose(wanted: Wanted, rules: Rules, moment: datetime) -> Draft:
    """Return the draft of a message; its length is that of the text with digits."""
    try:
        draft = compose(_request(wanted, rules, moment), rules.sources, moment)
    except ValidationError as error:
        raise ValidationError(_blamed(wanted.channel, error.messages_dict)) from None
    if draft.pattern and any(
        MASK in piece for piece in draft.pattern.template.pieces if isinstance(piece, str)
    ):
        words = f"The pattern's text holds {MASK}, which stands for the code's digits."
        raise ValidationError(_blamed(wanted.channel, {"pattern": [words]}))
    if wanted.channel is Channel.EMAIL:
        return draft
    encoding, segments = measured(draft.text or "")
    return replace(draft, encoding=encoding, segments=segments)


def _blamed(channel: Channel, errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the errors as the client can understand them: what it did not give, the operator has to set."""
    told: dict[str, list[str]] = {}
    for name, words in errors.items():
        if name in _BLAMED[channel]:
            setting, url = _BLAMED[channel][name]
            told.setdefault("channel", []).extend(f"Set `{setting}` at {url}: {one}" for one in words)
        else:
            told[name] = words
    return told
