"""What the settings say about one-time passwords, and the limits that they set for each recipient."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    literal_column,
    select,
)

from notifyhub.database.base import SINGLETON_ID, table_of
from notifyhub.database.locks import locked
from notifyhub.messages.models import Channel, Message
from notifyhub.messages.references import SETTINGS, Notifier, Pattern, References, sms_notifier
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import SMSPattern
from notifyhub.settings.models import NotificationSettings, OTPSettings
from notifyhub.text.placeholders import Template

HOUR = timedelta(hours=1)

_general, _own, _messages = table_of(NotificationSettings), table_of(OTPSettings), table_of(Message).c


@dataclass(frozen=True)
class Rules:
    """The settings, those of the code itself included; `sources` are what the messages with codes need."""

    code_len: int
    ttl: timedelta
    sms_pattern: int | None
    sms_text: str
    email_subject: str
    email_text: str
    max_attempts: int
    cooldown: timedelta
    max_per_hour: int
    max_per_client_hour: int
    sources: References = field(repr=False)


_sms, _email, _pattern = table_of(SMSNotifier), table_of(EmailNotifier), table_of(SMSPattern)
_patterns_notifier = _sms.alias("patterns_notifier")
_RULES = select(
    _general.c.otp_code_len,
    _general.c.otp_ttl,
    *(_own.c[name] for name in ("sms_pattern_id", "sms_text", "email_subject", "email_text")),
    *(_own.c[name] for name in ("max_attempts", "resend_cooldown", "max_per_hour", "max_per_client_hour")),
    *(_sms.c[name] for name in ("id", "name", "backend", "settings")),
    *(_email.c[name] for name in ("id", "name")),
    *(_pattern.c[name] for name in ("id", "name", "status", "body")),
    *(_patterns_notifier.c[name] for name in ("id", "name")),
    *SETTINGS,
).select_from(
    # By their ids, so that the planner knows of one row each.
    _general.join(
        _own, and_(*(table.c.id == literal_column(str(SINGLETON_ID)) for table in (_general, _own)))
    )
    .outerjoin(_sms, _sms.c.id == _general.c.sms_notifier_id)
    .outerjoin(_email, _email.c.id == _general.c.email_notifier_id)
    .outerjoin(_pattern, _pattern.c.id == _own.c.sms_pattern_id)
    .outerjoin(_patterns_notifier, _patterns_notifier.c.id == _pattern.c.notifier_id)
)


_LOCKED = _RULES.add_columns(locked(bindparam("recipient")))
# Whoever locks a client has locked one recipient before, and locks nothing after: nobody waits in a circle.
_LOCKED_WITH_CLIENT = _LOCKED.add_columns(locked(bindparam("client")))


def lock(connection: Connection, recipient: str, *, test: bool, client: str | None = None) -> Rules:
    """Lock a recipient, and a client, for the rest of the transaction; return the rules."""
    names = {
        "recipient": f"one-time passwords {test} {recipient}",
        "client": f"clients of one-time passwords {test} {client}",
    }
    row = connection.execute(_LOCKED if client is None else _LOCKED_WITH_CLIENT, names).one()
    code_len, ttl, pattern, sms_text, subject, email_text, attempts, cooldown, per_hour, *needed = row
    per_client_hour, *needed = needed
    return Rules(
        code_len=code_len,
        ttl=timedelta(seconds=ttl),
        sms_pattern=pattern,
        sms_text=sms_text,
        email_subject=subject,
        email_text=email_text,
        max_attempts=attempts,
        cooldown=timedelta(seconds=cooldown),
        max_per_hour=per_hour,
        max_per_client_hour=per_client_hour,
        sources=_sources(needed[:4], needed[4:6], needed[6:10], needed[10:12], needed[12:14]),
    )


def _sources(
    sms: Sequence[Any],
    email: Sequence[Any],
    pattern: Sequence[Any],
    patterns_notifier: Sequence[Any],
    settings: Sequence[Any],
) -> References:
    """Return the default notifiers and the pattern of codes, as far as the settings name them."""
    sources = References()
    sources.take_settings(*settings)
    if sms[0] is not None:
        sources.defaults[Channel.SMS] = sms_notifier(*sms)
    if email[0] is not None:
        sources.defaults[Channel.EMAIL] = Notifier(*email)
    if pattern[0] is not None:
        id_, name, status, body = pattern
        notifier = Notifier(*patterns_notifier)
        sources.patterns[id_] = Pattern(id_, name, status, Template.parse(body), notifier)
    return sources


def _crowded(whose: ColumnElement[bool], others: str) -> Select[tuple[datetime]]:
    return (
        select(_messages.created_at)
        .where(
            whose,
            _messages.is_test == bindparam("test"),
            _messages.created_at > bindparam("hour_ago", type_=_messages.created_at.type),
        )
        .order_by(_messages.created_at.desc())
        .offset(bindparam(others, type_=Integer))
        .limit(1)
    )


CROWDED = _crowded(
    and_(_messages.otp_id.is_not(None), _messages.recipient == bindparam("to")), others="others"
)
"""When that code was sent which has to become an hour old before its recipient may get a further one.

Where there is none, the limit is not reached. It takes the values of `crowd`.
"""
CLIENT_CROWDED = _crowded(_messages.otp_client == bindparam("client"), others="others_of_client")
"""The same, of a client's codes."""


def crowd(
    rules: Rules, recipient: str, moment: datetime, *, test: bool, client: str | None = None
) -> dict[str, Any]:
    """Return what CROWDED and CLIENT_CROWDED ask for.

    Codes of all purposes count, and those that were sent again.
    """
    asked = {"to": recipient, "test": test, "hour_ago": moment - HOUR, "others": rules.max_per_hour - 1}
    if client is None:
        return asked
    return {**asked, "client": client, "others_of_client": rules.max_per_client_hour - 1}
