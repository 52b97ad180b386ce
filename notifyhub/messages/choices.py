"""What a message can be sent through and made with, for those who choose by name."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Channel
from notifyhub.messages.references import sms_notifier
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, PatternStatus, SMSPattern
from notifyhub.settings.models import NotificationSettings
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import Template

MAX_CHOICES = 1000
"""Accounts, or patterns, of which one is chosen."""

_sms, _email = table_of(SMSNotifier).c, table_of(EmailNotifier).c
_sms_patterns, _email_patterns = table_of(SMSPattern), table_of(EmailPattern)
_settings = table_of(NotificationSettings).c


class Account(NamedTuple):
    """A notifier; whether it is the default one of its channel, and can send texts without a pattern."""

    channel: Channel
    id: int
    name: str
    is_default: bool
    sends_texts: bool


class PatternChoice(NamedTuple):
    """A pattern that messages can be made with, and the notifier that it belongs to."""

    id: int
    name: str
    notifier_id: int
    notifier_name: str


_ACCOUNTS = {
    Channel.SMS: select(
        *(_sms.id, _sms.name, _sms.backend, _sms.settings),
        _sms.id.in_(select(_settings.sms_notifier_id)).label("is_default"),
    ).limit(MAX_CHOICES),
    Channel.EMAIL: select(
        *(_email.id, _email.name), _email.id.in_(select(_settings.email_notifier_id)).label("is_default")
    ).limit(MAX_CHOICES),
}
_PATTERNS = {
    Channel.SMS: select(
        *(_sms_patterns.c.id, _sms_patterns.c.name, _sms_patterns.c.notifier_id),
        _sms.name.label("notifier_name"),
    )
    .join(table_of(SMSNotifier), _sms.id == _sms_patterns.c.notifier_id)
    .where(_sms_patterns.c.status == PatternStatus.APPROVED)
    .order_by(_sms_patterns.c.id != bindparam("chosen"), _sms.name, _sms.id, _sms_patterns.c.name)
    .limit(MAX_CHOICES),
    Channel.EMAIL: select(
        *(_email_patterns.c.id, _email_patterns.c.name, _email_patterns.c.notifier_id),
        _email.name.label("notifier_name"),
    )
    .join(table_of(EmailNotifier), _email.id == _email_patterns.c.notifier_id)
    .order_by(_email_patterns.c.id != bindparam("chosen"), _email.name, _email.id, _email_patterns.c.name)
    .limit(MAX_CHOICES),
}
_BODY = select(_sms_patterns.c.body).where(_sms_patterns.c.id == bindparam("pattern_id"))
_PARTS = select(_email_patterns.c.subject, _email_patterns.c.body_text, _email_patterns.c.body_html).where(
    _email_patterns.c.id == bindparam("pattern_id")
)


def accounts(connection: Connection, *channels: Channel) -> list[Account]:
    """Return the notifiers of some channels, by name."""
    found = [
        Account(channel, row.id, row.name, bool(row.is_default), _sends_texts(channel, row))
        for channel in channels
        for row in connection.execute(_ACCOUNTS[channel])
    ]
    return sorted(found, key=lambda account: (account.name.casefold(), account.id))


def _sends_texts(channel: Channel, row: Any) -> bool:
    if channel is Channel.EMAIL:
        return True
    return sms_notifier(row.id, row.name, row.backend, row.settings).sends_texts


def patterns(connection: Connection, channel: Channel, chosen: int | None = None) -> list[PatternChoice]:
    """Return the patterns that messages of a channel can be made with, those of a notifier together.

    They are the first MAX_CHOICES, the chosen one always among them.
    """
    rows = connection.execute(_PATTERNS[channel], {"chosen": chosen or 0})
    found = [PatternChoice(*row) for row in rows]
    return sorted(found, key=lambda one: (one.notifier_name.casefold(), one.notifier_id, one.name.casefold()))


def placeholders(connection: Connection, channel: Channel, pattern_id: int) -> list[str] | None:
    """Return a pattern's placeholders as its body has them, in the order in which a list fills them.

    None if there is no such pattern.
    """
    row = connection.execute(_BODY if channel is Channel.SMS else _PARTS, {"pattern_id": pattern_id}).first()
    if row is None:
        return None
    template = Template.parse(*row) if channel is Channel.SMS else MailTemplate.parse(*row)
    return [str(placeholder) for placeholder in template.list_order]
