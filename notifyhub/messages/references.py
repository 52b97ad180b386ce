"""The notifiers and patterns that messages name, read in few statements for any number of messages."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select, tuple_

from notifyhub.database.base import table_of
from notifyhub.messages.models import Channel
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.providers.registry import can_send_texts
from notifyhub.settings.models import DeliverySettings, NotificationSettings
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import FilledTemplate, Template

_sms, _email = table_of(SMSNotifier), table_of(EmailNotifier)
_sms_patterns, _email_patterns = table_of(SMSPattern), table_of(EmailPattern)
_settings, _delivery = table_of(NotificationSettings), table_of(DeliverySettings)

MESSAGE_TTL = select(_delivery.c.message_ttl).scalar_subquery()
"""The seconds that messages live by default."""
SETTINGS = (
    MESSAGE_TTL.label("message_ttl"),
    select(_delivery.c.sms_countries).scalar_subquery().label("sms_countries"),
)
"""What the delivery settings say, as `References.take_settings` takes it."""

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_places: BindParameter[list[tuple[int, str]]] = bindparam("places", expanding=True)
_of_notifier = {
    channel: [notifiers.c.id.label("notifier_id"), notifiers.c.name.label("notifier_name")]
    for channel, notifiers in ((Channel.SMS, _sms), (Channel.EMAIL, _email))
}
_PATTERNS = {
    Channel.SMS: select(
        *(_sms_patterns.c[name] for name in ("id", "name", "status", "body")),
        *_of_notifier[Channel.SMS],
        *SETTINGS,
    ).join_from(_sms_patterns, _sms),
    Channel.EMAIL: select(
        *(_email_patterns.c[name] for name in ("id", "name", "from_email")),
        *(_email_patterns.c[name] for name in ("subject", "body_text", "body_html")),
        *_of_notifier[Channel.EMAIL],
        *SETTINGS,
    ).join_from(_email_patterns, _email),
}
_tables = {Channel.SMS: _sms_patterns, Channel.EMAIL: _email_patterns}
_PATTERNS_BY_ID = {
    channel: patterns.where(_tables[channel].c.id.in_(_ids)) for channel, patterns in _PATTERNS.items()
}
_PATTERNS_BY_NAME = {
    channel: patterns.where(tuple_(_tables[channel].c.notifier_id, _tables[channel].c.name).in_(_places))
    for channel, patterns in _PATTERNS.items()
}
_SMS = select(_sms.c.id, _sms.c.name, _sms.c.backend, _sms.c.settings, *SETTINGS)
_EMAIL = select(_email.c.id, _email.c.name, *SETTINGS)
_NAMED_SMS, _NAMED_EMAIL = _SMS.where(_sms.c.id.in_(_ids)), _EMAIL.where(_email.c.id.in_(_ids))
_DEFAULT_SMS = _SMS.join_from(_settings, _sms, _settings.c.sms_notifier_id == _sms.c.id)
_DEFAULT_EMAIL = _EMAIL.join_from(_settings, _email, _settings.c.email_notifier_id == _email.c.id)


PatternKey = int | tuple[int, str]
"""A pattern's id, or the id of its notifier and its name."""


class NotifierReference(NamedTuple):
    """A notifier, as far as messages need to know it."""

    id: int
    name: str
    sends_texts: bool = True


@dataclass(frozen=True)
class PatternReference:
    """A pattern with its notifier. `status` is null for email patterns, which nobody approves.

    `from_email` is the sender that an email pattern gives; null: the notifier's own.
    """

    id: int
    name: str
    status: str | None
    template: Template | MailTemplate = field(repr=False)
    notifier: NotifierReference
    from_email: str | None = None

    def fill(self, args: object) -> dict[str, FilledTemplate]:
        """Return what arguments make of it, by the message's field; raise `InvalidArguments`."""
        filled = self.template.fill(args)
        return {"text": filled} if isinstance(filled, FilledTemplate) else filled


@dataclass
class References:
    """The notifiers and patterns that messages name, by id, as far as they exist, and the delivery settings.

    A pattern that is named by its name is there by that. Texts go to the countries of `sms_countries`; to any
    if it is empty, as it is where nothing was read.
    """

    patterns: dict[Channel, dict[PatternKey, PatternReference]] = field(
        default_factory=lambda: {channel: {} for channel in Channel}
    )
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
    """Return what messages, as their schema has read them, name.

    It takes one statement for each kind of object and way to name it: for patterns by their names one more
    than for ids, as their notifiers are found first.
    """
    references = References()
    patterns: dict[Channel, set[int]] = {channel: set() for channel in Channel}
    names: dict[Channel, set[tuple[int | None, str]]] = {channel: set() for channel in Channel}
    notifiers: dict[Channel, set[int]] = {channel: set() for channel in Channel}
    defaults: set[Channel] = set()
    for message in messages:
        channel, pattern, notifier = (
            Channel(message["channel"]),
            message.get("pattern"),
            message.get("notifier"),
        )
        if isinstance(pattern, int):
            patterns[channel].add(pattern)
            continue
        if pattern is not None:
            names[channel].add((notifier, pattern))
        if notifier:
            notifiers[channel].add(notifier)
        else:
            defaults.add(channel)
    _resolve_notifiers(connection, references, notifiers, defaults)
    for channel in Channel:
        places = _places_of(names[channel], references.defaults.get(channel))
        _resolve_patterns(connection, references, channel, patterns[channel], places)
    return references


def _places_of(
    names: Iterable[tuple[int | None, str]], default: NotifierReference | None
) -> list[tuple[int, str]]:
    """Return the ids of notifiers and names of patterns there; without a notifier it is the default one."""
    by_default = default.id if default else None
    places = {(by_default if notifier is None else notifier, name) for notifier, name in names}
    return sorted((notifier, name) for notifier, name in places if notifier is not None)


def _resolve_patterns(
    connection: Connection,
    references: References,
    channel: Channel,
    ids: Collection[int],
    places: Collection[tuple[int, str]],
) -> None:
    refer = _sms_pattern if channel is Channel.SMS else _email_pattern
    for row in connection.execute(_PATTERNS_BY_ID[channel], {"ids": sorted(ids)}) if ids else ():
        references.patterns[channel][row.id] = refer(row)
        references.take_settings(row.message_ttl, row.sms_countries)
    for row in connection.execute(_PATTERNS_BY_NAME[channel], {"places": places}) if places else ():
        references.patterns[channel][row.notifier_id, row.name] = refer(row)


def _sms_pattern(row: Any) -> PatternReference:
    notifier = NotifierReference(row.notifier_id, row.notifier_name)
    return PatternReference(row.id, row.name, row.status, Template.parse(row.body), notifier)


def _email_pattern(row: Any) -> PatternReference:
    notifier = NotifierReference(row.notifier_id, row.notifier_name)
    template = MailTemplate.parse(row.subject, row.body_text, row.body_html)
    return PatternReference(row.id, row.name, None, template, notifier, row.from_email)


def _resolve_notifiers(
    connection: Connection,
    references: References,
    notifiers: Mapping[Channel, set[int]],
    defaults: set[Channel],
) -> None:
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


def sms_notifier(id: int, name: str, backend: str, settings: Mapping[str, Any]) -> NotifierReference:
    """Return an SMS notifier, given by its columns."""
    return NotifierReference(id, name, can_send_texts(backend, settings))
