"""What the settings say about one-time passwords, read with the locks of those who ask for them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, and_, bindparam, literal_column, select

from notifyhub.database.base import SINGLETON_ID, table_of
from notifyhub.database.locks import locked
from notifyhub.messages.models import Channel
from notifyhub.messages.references import (
    SETTINGS,
    NotifierReference,
    PatternReference,
    References,
    sms_notifier,
)
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.settings.models import NotificationSettings, OTPSettings
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import Template

_general, _own = table_of(NotificationSettings), table_of(OTPSettings)


@dataclass(frozen=True)
class Rules:
    """The settings of one-time passwords. `references` holds what their messages name.

    `email_pattern` was read only if a mail may be sent.
    """

    code_len: int
    ttl: timedelta
    sms_pattern: int | None
    sms_text: str
    email_pattern: int | None
    email_subject: str
    email_text: str
    max_attempts: int
    cooldown: timedelta
    max_per_hour: int
    max_per_client_hour: int
    references: References = field(repr=False)


_sms, _email = table_of(SMSNotifier), table_of(EmailNotifier)
_sms_pattern, _email_pattern = table_of(SMSPattern), table_of(EmailPattern)
_sms_pattern_notifier, _email_pattern_notifier = _sms.alias(), _email.alias()
_RULES = (
    select(
        *(_general.c[name] for name in ("otp_code_len", "otp_ttl")),
        *(_own.c[name] for name in ("sms_text", "email_subject", "email_text")),
        *(
            _own.c[name]
            for name in ("max_attempts", "resend_cooldown", "max_per_hour", "max_per_client_hour")
        ),
        *(_sms.c[name].label(f"sms_{name}") for name in ("id", "name", "backend")),
        _sms.c.settings,  # encrypted: only the column itself is decrypted, not a label
        *(_email.c[name].label(f"email_{name}") for name in ("id", "name")),
        *(_sms_pattern.c[name].label(f"sms_pattern_{name}") for name in ("id", "name", "status", "body")),
        *(_sms_pattern_notifier.c[name].label(f"sms_pattern_notifier_{name}") for name in ("id", "name")),
        *(
            _email_pattern.c[name].label(f"email_pattern_{name}")
            for name in ("id", "name", "from_email", "subject", "body_text", "body_html")
        ),
        *(_email_pattern_notifier.c[name].label(f"email_pattern_notifier_{name}") for name in ("id", "name")),
        *SETTINGS,
    )
    # The settings by their ids, so that the planner expects one row of each.
    .select_from(
        _general.join(
            _own, and_(*(table.c.id == literal_column(str(SINGLETON_ID)) for table in (_general, _own)))
        )
        .outerjoin(_sms, _sms.c.id == _general.c.sms_notifier_id)
        .outerjoin(_email, _email.c.id == _general.c.email_notifier_id)
        .outerjoin(_sms_pattern, _sms_pattern.c.id == _own.c.sms_pattern_id)
        .outerjoin(_sms_pattern_notifier, _sms_pattern_notifier.c.id == _sms_pattern.c.notifier_id)
        # A mail's HTML may be long: it is not read for texts.
        .outerjoin(
            _email_pattern,
            and_(_email_pattern.c.id == _own.c.email_pattern_id, bindparam("by_mail", type_=Boolean())),
        )
        .outerjoin(_email_pattern_notifier, _email_pattern_notifier.c.id == _email_pattern.c.notifier_id)
    )
)
"""One row: the settings, the default notifiers, and the patterns of codes with their notifiers.

PostgreSQL plans it as a chain of look-ups by primary key, of one row each, so that it costs one round trip
and no scan.
"""
_LOCKED = _RULES.add_columns(locked(bindparam("recipient_lock")))
# Whoever locks a client has locked one recipient before, and locks nothing after: nobody waits in a circle.
_LOCKED_WITH_CLIENT = _LOCKED.add_columns(locked(bindparam("client_lock")))


def lock(
    connection: Connection,
    recipient: str,
    channels: Collection[Channel],
    *,
    test: bool,
    client: str | None = None,
) -> Rules:
    """Lock a recipient, and a client, until the transaction ends; return the rules for some channels.

    Of two requests for the same recipient the second waits here, and then sees what the first one has stored.
    The locks are columns of the statement that reads the rules: this saves a round trip.
    """
    parameters = {
        "by_mail": Channel.EMAIL in channels,
        "recipient_lock": f"one-time passwords {test} {recipient}",
        "client_lock": f"clients of one-time passwords {test} {client}",
    }
    row = connection.execute(_LOCKED if client is None else _LOCKED_WITH_CLIENT, parameters).one()
    return Rules(
        code_len=row.otp_code_len,
        ttl=timedelta(seconds=row.otp_ttl),
        sms_pattern=row.sms_pattern_id,
        sms_text=row.sms_text,
        email_pattern=row.email_pattern_id,
        email_subject=row.email_subject,
        email_text=row.email_text,
        max_attempts=row.max_attempts,
        cooldown=timedelta(seconds=row.resend_cooldown),
        max_per_hour=row.max_per_hour,
        max_per_client_hour=row.max_per_client_hour,
        references=_references(row),
    )


def _references(row: Any) -> References:
    """Return the default notifiers and the patterns of codes, as far as the settings name them."""
    references = References()
    references.take_settings(row.message_ttl, row.sms_countries)
    if row.sms_id is not None:
        references.defaults[Channel.SMS] = sms_notifier(
            row.sms_id, row.sms_name, row.sms_backend, row.settings
        )
    if row.email_id is not None:
        references.defaults[Channel.EMAIL] = NotifierReference(row.email_id, row.email_name)
    if row.sms_pattern_id is not None:
        references.patterns[Channel.SMS][row.sms_pattern_id] = PatternReference(
            row.sms_pattern_id,
            row.sms_pattern_name,
            row.sms_pattern_status,
            Template.parse(row.sms_pattern_body),
            NotifierReference(row.sms_pattern_notifier_id, row.sms_pattern_notifier_name),
        )
    if row.email_pattern_id is not None:
        references.patterns[Channel.EMAIL][row.email_pattern_id] = PatternReference(
            row.email_pattern_id,
            row.email_pattern_name,
            None,
            MailTemplate.parse(
                row.email_pattern_subject, row.email_pattern_body_text, row.email_pattern_body_html
            ),
            NotifierReference(row.email_pattern_notifier_id, row.email_pattern_notifier_name),
            row.email_pattern_from_email,
        )
    return references
