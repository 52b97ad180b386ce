"""The notifiers and patterns that messages name, read in few statements for any number of messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Channel
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import SMSPattern
from notifyhub.providers.registry import can_send_texts
from notifyhub.settings.models import DeliverySettings, NotificationSettings
from notifyhub.text.placeholders import Template

_sms, _email, _patterns = table_of(SMSNotifier), table_of(EmailNotifier), table_of(SMSPattern)
_settings, _delivery = table_of(NotificationSettings), table_of(DeliverySettings)

MESSAGE_TTL = select(_delivery.c.message_ttl).scalar_subquery()
"""The seconds that messages live by default."""
SETTINGS = (
    MESSAGE_TTL.label("message_ttl"),
    select(_delivery.c.sms_countries).scalar_subquery().label("sms_countries"),
)
"""What the delivery settings say, as `References.take_settings` takes it."""

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_PATTERNS = (
    select(
        _patterns.c.id,
        _patterns.c.name,
        _patterns.c.status,
        _patterns.c.body,
        _sms.c.id.label("notifier_id"),
        _sms.c.name.label("notifier_name"),
        *SETTINGS,
    )
    .join_from(_patterns, _sms)
    .where(_patterns.c.id.in_(_ids))
)
_SMS = select(_sms.c.id, _sms.c.name, _sms.c.backend, _sms.c.settings, *SETTINGS)
_EMAIL = select(_email.c.id, _email.c.name, *SETTINGS)
_NAMED_SMS, _NAMED_EMAIL = _SMS.where(_sms.c.id.in_(_ids)), _EMAIL.where(_email.c.id.in_(_ids))
_DEFAULT_SMS = _SMS.join_from(_settings, _sms, _settings.c.sms_notifier_id == _sms.c.id)
_DEFAULT_EMAIL = _EMAIL.join_from(_settings, _email, _settings.c.email_notifier_id == _email.c.id)


class NotifierReference(NamedTuple):
    """A notifier, as far as messages need to know it."""

    id: int
    name: str
    sends_texts: bool = True


@dataclass(frozen=True)
class PatternReference:
    """A pattern with its notifier."""

    id: int
    name: str
    status: str
    template: Template = field(repr=False)
    notifier: NotifierReference


@dataclass
class References:
    """The notifiers and patterns that messages name, by id, as far as they exist, and the delivery settings.

    Texts go to the countries of `sms_countries`; to any if it is empty, as it is where nothing was read.
    """

    patterns: dict[int, PatternReference] = field(default_factory=dict)
    notifiers: dict[Channel, dict[int, NotifierReference]] = field(
        default_factory=lambda: {channel: {} for channel in Channel}
    )
    defaults: dict[Channel, NotifierReference] = field(default_factory=dict)
    message_ttl: timedelta = timedelta()
    sms_countries: Sequence[str] = ()

    def take_settings(self, message_ttl: int, sms_countries: Sequence[str]) -> None:
        """Take what SETTINGS has selected."""
        self.message_ttl = timedelta(seconds=message_ttl)
        self.sms_countries = sms_countries


def resolve(connection: Connection, messages: Iterable[Mapping[str, Any]]) -> References:
    """Return what messages, as their schema has read them, name: one statement for each kind of object."""
    references = References()
    patterns: set[int] = set()
    notifiers: dict[Channel, set[int]] = {channel: set() for channel in Channel}
    defaults: set[Channel] = set()
    for message in messages:
        channel = Channel(message["channel"])
        if channel is Channel.SMS and message.get("pattern"):
            patterns.add(message["pattern"])
        elif message.get("notifier"):
            notifiers[channel].add(message["notifier"])
        else:
            defaults.add(channel)
    if patterns:
        for row in connection.execute(_PATTERNS, {"ids": sorted(patterns)}):
            notifier = NotifierReference(row.notifier_id, row.notifier_name)
            template = Template.parse(row.body)
            references.patterns[row.id] = PatternReference(row.id, row.name, row.status, template, notifier)
            references.take_settings(row.message_ttl, row.sms_countries)
    for channel, named, default, refer in (
        (Channel.SMS, _NAMED_SMS, _DEFAULT_SMS, sms_notifier),
        (Channel.EMAIL, _NAMED_EMAIL, _DEFAULT_EMAIL, NotifierReference),
    ):
        if notifiers[channel]:
            for *columns, ttl, countries in connection.execute(named, {"ids": sorted(notifiers[channel])}):
                reference = refer(*columns)
                references.notifiers[channel][reference.id] = reference
                references.take_settings(ttl, countries)
        for *columns, ttl, countries in connection.execute(default) if channel in defaults else ():
            references.defaults[channel] = refer(*columns)
            references.take_settings(ttl, countries)
    return references


def sms_notifier(id: int, name: str, backend: str, settings: Mapping[str, Any]) -> NotifierReference:
    """Return an SMS notifier, given by its columns."""
    return NotifierReference(id, name, can_send_texts(backend, settings))
