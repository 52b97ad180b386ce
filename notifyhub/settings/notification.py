"""The notification settings, whose row exists from the first request on."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, insert_unless_there
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.settings.models import ONLY_ID, NotificationSettings

_settings, _sms, _email = table_of(NotificationSettings), table_of(SMSNotifier), table_of(EmailNotifier)

_SHOWN = (
    select(
        _sms.c.id,
        _sms.c.name,
        _email.c.id,
        _email.c.name,
        _settings.c.otp_code_len,
        _settings.c.otp_ttl,
    )
    .select_from(_settings)
    .outerjoin(_sms, _settings.c.sms_notifier_id == _sms.c.id)
    .outerjoin(_email, _settings.c.email_notifier_id == _email.c.id)
)


def shown() -> dict[str, Any]:
    """Return the settings as the documentation shows them."""
    row = autocommit().execute(_SHOWN).first()
    if row is None:
        insert_unless_there(autocommit(), _settings, id=ONLY_ID)
        row = autocommit().execute(_SHOWN).one()
    sms_id, sms_name, email_id, email_name, otp_code_len, otp_ttl = row
    return {
        "notifications_sms_notifier_data": _brief(sms_id, sms_name),
        "notifications_email_notifier_data": _brief(email_id, email_name),
        "notifications_otp_code_len": otp_code_len,
        "notifications_otp_ttl": otp_ttl,
    }


def locked(session: Session) -> NotificationSettings:
    """Return the settings, locked: nobody else changes them until the transaction ends."""
    insert_unless_there(session.connection(), _settings, id=ONLY_ID)
    return session.scalars(select(NotificationSettings).with_for_update(key_share=True)).one()


def _brief(id: int | None, name: str | None) -> dict[str, Any] | None:
    return None if id is None else {"id": id, "name": name}
