"""Routes: the notifiers by which a message can go, and what each of them is given to send."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.versioned_cache import load_versioned
from notifyhub.delivery import policies
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.notifier_clients import NotifierClient, load_client, load_clients
from notifyhub.messages.models import Channel, Message, MessageAttachment
from notifyhub.patterns.models import EmailPattern, PatternStatus, SMSPattern
from notifyhub.providers.base import SMS, Attachment, Email
from notifyhub.providers.errors import Failure, NotServedHere
from notifyhub.providers.smtp.mime import read_mailbox
from notifyhub.text.placeholders import FilledTemplate, InvalidArguments, Template

messages, patterns = table_of(Message), table_of(SMSPattern)
attachments, email_patterns = table_of(MessageAttachment), table_of(EmailPattern)

_pattern = select(patterns.c.code, patterns.c.body).where(patterns.c.id == bindparam("pattern_id"))
_body = select(patterns.c.body).where(patterns.c.id == bindparam("pattern_id"))
_patterns_named = select(patterns.c.notifier_id, patterns.c.code, patterns.c.body).where(
    patterns.c.name == bindparam("name"), patterns.c.status == PatternStatus.APPROVED
)
_senders_named = select(email_patterns.c.notifier_id, email_patterns.c.from_email).where(
    email_patterns.c.name == bindparam("name"), email_patterns.c.from_email.is_not(None)
)
_mail = (
    select(messages.c.subject, messages.c.html, messages.c.reply_to, messages.c.created_at)
    .add_columns(messages.c.from_email, messages.c.cc, messages.c.bcc, messages.c.unsubscribe_url)
    .add_columns(attachments.c.filename, attachments.c.content_type, attachments.c.content)
    .add_columns(attachments.c.content_id)
    .select_from(messages.outerjoin(attachments))
    .where(messages.c.id == bindparam("message_id"))
    .order_by(attachments.c.id)
)


@dataclass(frozen=True)
class CodedTemplate:
    """A pattern as it is sent: its code at the provider, and its body."""

    code: str
    template: Template


@dataclass(frozen=True)
class PassedOver:
    """Why a backup is not asked: a pattern that it would need."""

    reason: str


@dataclass(frozen=True)
class Route:
    """A notifier and what it is given to send, or why it can't be given that."""

    client: NotifierClient
    content: SMS | Email | Failure | PassedOver


def own_route(message: ClaimedMessage) -> Route | None:
    """Return the route by the message's own notifier; None if that is gone."""
    own = load_client(message.channel, message.home_notifier_id, message.own_version)
    if own is None:
        return None
    if message.channel == Channel.EMAIL:
        connection = autocommit()
        return Route(own, _email(connection, message, own))
    if message.pattern_id is None:
        return Route(own, _plain(message))
    pattern = load_versioned(
        "pattern", message.pattern_id, message.pattern_version, lambda: _load_pattern(message)
    )
    if pattern is None:
        return Route(own, NotServedHere("unknown_pattern", "The pattern was deleted."))
    try:
        return Route(own, _from_pattern(message, pattern.code, _filled(message, pattern.template)))
    except InvalidArguments as error:
        return Route(own, NotServedHere("pattern_mismatch", str(error)))


def backup_routes(message: ClaimedMessage, own: NotifierClient | None) -> list[Route]:
    """Return the routes by the backups, in the order of the delivery settings."""
    wanted = policies.in_force().backups[message.channel]
    ids = [each for each in dict.fromkeys(wanted) if each != message.home_notifier_id]
    if not ids:
        return []
    contents: Mapping[int, SMS | Email | PassedOver]
    connection = autocommit()
    found = load_clients(connection, message.channel, ids)
    backups = [found[each] for each in ids if each in found]
    if message.channel == Channel.EMAIL:
        senders = _senders(connection, message, backups)
        contents = {
            backup.id: _email(connection, message, own or backup, senders[backup.id]) for backup in backups
        }
    elif message.pattern_id is None:
        contents = {backup.id: _plain(message) for backup in backups}
    else:
        contents = _fill_for(connection, message, backups)
    return [Route(backup, contents[backup.id]) for backup in backups]


def _plain(message: ClaimedMessage) -> SMS:
    return SMS(message.recipient, message.text or "")


def _from_pattern(message: ClaimedMessage, code: str, filled: FilledTemplate) -> SMS:
    return SMS(message.recipient, filled.text, code, filled.as_list(), filled.as_mapping())


def _load_pattern(message: ClaimedMessage) -> CodedTemplate | None:
    connection = autocommit()
    row = connection.execute(_pattern, {"pattern_id": message.pattern_id}).first()
    return CodedTemplate(row.code, Template.parse(row.body)) if row else None


def _filled(message: ClaimedMessage, template: Template) -> FilledTemplate:
    return template.fill([] if message.args is None else message.args)


def _fill_for(
    connection: Connection, message: ClaimedMessage, backups: Sequence[NotifierClient]
) -> dict[int, SMS | PassedOver]:
    """Return by notifier what its own approved pattern of the same name makes of the arguments."""
    body = connection.scalar(_body, {"pattern_id": message.pattern_id})
    named = _patterns_named.where(patterns.c.notifier_id.in_([backup.id for backup in backups]))
    none = PassedOver(f"it has no approved pattern {message.pattern_name}")
    contents: dict[int, SMS | PassedOver] = dict.fromkeys([backup.id for backup in backups], none)
    for pattern in connection.execute(named, {"name": message.pattern_name}):
        template = Template.parse(pattern.body)
        try:
            if body is None:
                filled = _filled(message, template)
            else:
                filled = _filled(message, Template.parse(body)).carry_to(template)
        except InvalidArguments:
            unfit = PassedOver(f"the arguments do not fit its pattern {message.pattern_name}")
            contents[pattern.notifier_id] = unfit
            continue
        contents[pattern.notifier_id] = _from_pattern(message, pattern.code, filled)
    return contents


def _senders(
    connection: Connection, message: ClaimedMessage, backups: Sequence[NotifierClient]
) -> dict[int, str]:
    """Return by notifier whose mail it is there: as its own pattern of the same name says, else its own."""
    senders = {backup.id: backup.row["from_email"] for backup in backups}
    if message.pattern_id is None:
        return senders
    named = _senders_named.where(email_patterns.c.notifier_id.in_(list(senders)))
    given = connection.execute(named, {"name": message.pattern_name})
    return senders | {row.notifier_id: row.from_email for row in given}


def _email(
    connection: Connection, message: ClaimedMessage, own: NotifierClient, sender: str | None = None
) -> Email:
    """Return a mail from a backup's sender; without one from the message's, else from its own notifier's."""
    rows = connection.execute(_mail, {"message_id": message.id}).all()
    mail = rows[0]
    return Email(
        to=message.recipient,
        from_email=sender or mail.from_email or own.row["from_email"],
        subject=mail.subject or "",
        message_id=_message_id(message.id, mail.created_at, own),
        text=message.text or "",
        html=mail.html or "",
        reply_to=mail.reply_to,
        attachments=[
            Attachment(row.filename, row.content_type, row.content, row.content_id)
            for row in rows
            if row.filename is not None
        ],
        cc=mail.cc or (),
        bcc=mail.bcc or (),
        unsubscribe_url=mail.unsubscribe_url,
    )


def _message_id(id: int, created_at: datetime, own: NotifierClient) -> str:
    """Return the mail's Message-ID, which is the same at every attempt, so that mail servers can tell."""
    sender = read_mailbox(own.row["from_email"])
    unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{id} {created_at.isoformat()}")
    return f"<{unique}@{sender.domain if sender else 'notifyhub.invalid'}>"
