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
from notifyhub.patterns.models import PatternStatus, SMSPattern
from notifyhub.providers.base import SMS, Attachment, Email
from notifyhub.providers.errors import Failure, NotServedHere
from notifyhub.providers.smtp.mime import read_mailbox
from notifyhub.text.placeholders import FilledTemplate, InvalidArguments, Template

_m, _p, _f = table_of(Message), table_of(SMSPattern), table_of(MessageAttachment)
_own_pattern = select(_p.c.code, _p.c.body).where(_p.c.id == bindparam("pattern"))
_own_body = select(_p.c.body).where(_p.c.id == bindparam("pattern"))
_patterns_like = select(_p.c.notifier_id, _p.c.code, _p.c.body).where(
    _p.c.name == bindparam("name"), _p.c.status == PatternStatus.APPROVED
)
_mail = (
    select(_m.c.subject, _m.c.html, _m.c.reply_to, _m.c.created_at)
    .add_columns(_f.c.filename, _f.c.content_type, _f.c.content)
    .select_from(_m.outerjoin(_f))
    .where(_m.c.id == bindparam("of_message"))
    .order_by(_f.c.id)
)


@dataclass(frozen=True)
class Pattern:
    """A pattern: its code at the provider, and its body."""

    code: str
    template: Template


@dataclass(frozen=True)
class PassedOver:
    """Why a backup is not asked: a pattern that it would need."""

    reason: str


@dataclass(frozen=True)
class Route:
    """A notifier and what it is given to send, or why it can't be given that."""

    carrier: NotifierClient
    content: SMS | Email | Failure | PassedOver


def home_route(claim: ClaimedMessage) -> Route | None:
    """Return the route by the message's own notifier; None if that is gone."""
    home = load_client(claim.channel, claim.home_notifier_id, claim.home_version)
    if home is None:
        return None
    if claim.channel == Channel.EMAIL:
        connection = autocommit()
        return Route(home, _email(connection, claim, home, home))
    if claim.pattern_id is None:
        return Route(home, _plain(claim))
    pattern = load_versioned("pattern", claim.pattern_id, claim.pattern_version, lambda: _own(claim))
    if pattern is None:
        return Route(home, NotServedHere("unknown_pattern", "The pattern was deleted."))
    try:
        return Route(home, _from_pattern(claim, pattern.code, _filled(claim, pattern.template)))
    except InvalidArguments as error:
        return Route(home, NotServedHere("pattern_mismatch", str(error)))


def backup_routes(claim: ClaimedMessage, home: NotifierClient | None) -> list[Route]:
    """Return the routes by the backups, in the order of the delivery settings."""
    wanted = policies.in_force().backups[claim.channel]
    ids = [each for each in dict.fromkeys(wanted) if each != claim.home_notifier_id]
    if not ids:
        return []
    contents: Mapping[int, SMS | Email | PassedOver]
    connection = autocommit()
    found = load_clients(connection, claim.channel, ids)
    backups = [found[each] for each in ids if each in found]
    if claim.channel == Channel.EMAIL:
        contents = {backup.id: _email(connection, claim, home or backup, backup) for backup in backups}
    elif claim.pattern_id is None:
        contents = {backup.id: _plain(claim) for backup in backups}
    else:
        contents = _carried(connection, claim, backups)
    return [Route(backup, contents[backup.id]) for backup in backups]


def _plain(claim: ClaimedMessage) -> SMS:
    return SMS(claim.recipient, claim.text or "")


def _from_pattern(claim: ClaimedMessage, code: str, filled: FilledTemplate) -> SMS:
    return SMS(claim.recipient, filled.text, code, filled.as_list(), filled.as_mapping())


def _own(claim: ClaimedMessage) -> Pattern | None:
    connection = autocommit()
    row = connection.execute(_own_pattern, {"pattern": claim.pattern_id}).first()
    return Pattern(row.code, Template.parse(row.body)) if row else None


def _filled(claim: ClaimedMessage, template: Template) -> FilledTemplate:
    return template.fill([] if claim.args is None else claim.args)


def _carried(
    connection: Connection, claim: ClaimedMessage, backups: Sequence[NotifierClient]
) -> dict[int, SMS | PassedOver]:
    """Return by notifier what its own approved pattern of the same name makes of the arguments."""
    own = connection.scalar(_own_body, {"pattern": claim.pattern_id})
    named = _patterns_like.where(_p.c.notifier_id.in_([backup.id for backup in backups]))
    none = PassedOver(f"it has no approved pattern {claim.pattern_name}")
    contents: dict[int, SMS | PassedOver] = dict.fromkeys([backup.id for backup in backups], none)
    for notifier_id, code, body in connection.execute(named, {"name": claim.pattern_name}):
        template = Template.parse(body)
        try:
            if own is None:
                filled = _filled(claim, template)
            else:
                filled = _filled(claim, Template.parse(own)).carry_to(template)
        except InvalidArguments:
            unfit = PassedOver(f"the arguments do not fit its pattern {claim.pattern_name}")
            contents[notifier_id] = unfit
            continue
        contents[notifier_id] = _from_pattern(claim, code, filled)
    return contents


def _email(
    connection: Connection, claim: ClaimedMessage, home: NotifierClient, sender: NotifierClient
) -> Email:
    rows = connection.execute(_mail, {"of_message": claim.id}).all()
    mail = rows[0]
    return Email(
        to=claim.recipient,
        from_email=sender.row["from_email"],
        subject=mail.subject or "",
        message_id=_message_id(claim.id, mail.created_at, home),
        text=claim.text or "",
        html=mail.html or "",
        reply_to=mail.reply_to,
        attachments=[Attachment(*row[-3:]) for row in rows if row.filename is not None],
    )


def _message_id(id: int, created_at: datetime, home: NotifierClient) -> str:
    """Return the mail's Message-ID, which is the same at every attempt, so that mail servers can tell."""
    sender = read_mailbox(home.row["from_email"])
    unique = uuid.uuid5(uuid.NAMESPACE_OID, f"{id} {created_at.isoformat()}")
    return f"<{unique}@{sender.domain if sender else 'notifyhub.invalid'}>"
