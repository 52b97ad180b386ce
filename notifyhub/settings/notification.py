"""The notification settings, as the documentation shows them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from notifyhub.api.singleton import Singleton
from notifyhub.database.base import table_of
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.settings.models import NotificationSettings
from notifyhub.settings.schemas import NotificationSettingsChangeSchema, NotificationSettingsSchema

_settings, _sms, _email = table_of(NotificationSettings), table_of(SMSNotifier), table_of(EmailNotifier)


def _dump(row: Sequence[Any]) -> dict[str, Any]:
    sms_id, sms_name, email_id, email_name, otp_code_len, otp_ttl = row
    return {
        "notifications_sms_notifier_data": _brief(sms_id, sms_name),
        "notifications_email_notifier_data": _brief(email_id, email_name),
        "notifications_otp_code_len": otp_code_len,
        "notifications_otp_ttl": otp_ttl,
    }


def _brief(id: int | None, name: str | None) -> dict[str, Any] | None:
    return None if id is None else {"id": id, "name": name}


notification_settings = Singleton(
    NotificationSettings,
    select(_sms.c.id, _sms.c.name, _email.c.id, _email.c.name, _settings.c.otp_code_len, _settings.c.otp_ttl)
    .select_from(_settings)
    .outerjoin(_sms, _settings.c.sms_notifier_id == _sms.c.id)
    .outerjoin(_email, _settings.c.email_notifier_id == _email.c.id),
    _dump,
    request=NotificationSettingsChangeSchema(),
    response=NotificationSettingsSchema(),
)
