"""The notification settings, as the documentation shows them."""

from typing import Any

from sqlalchemy import Row, select

from notifyhub.api.serializers import brief
from notifyhub.api.singleton import Singleton
from notifyhub.database.base import table_of
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.settings.models import NotificationSettings
from notifyhub.settings.schemas import NotificationSettingsChangeSchema, NotificationSettingsSchema

_settings, _sms, _email = table_of(NotificationSettings), table_of(SMSNotifier), table_of(EmailNotifier)


def _dump(row: Row[Any]) -> dict[str, Any]:
    return {
        "notifications_sms_notifier_data": brief(row.sms_id, row.sms_name),
        "notifications_email_notifier_data": brief(row.email_id, row.email_name),
        "notifications_otp_code_len": row.otp_code_len,
        "notifications_otp_ttl": row.otp_ttl,
    }


notification_settings = Singleton(
    NotificationSettings,
    select(
        *(_sms.c[name].label(f"sms_{name}") for name in ("id", "name")),
        *(_email.c[name].label(f"email_{name}") for name in ("id", "name")),
        *(_settings.c[name] for name in ("otp_code_len", "otp_ttl")),
    )
    .select_from(_settings)
    .outerjoin(_sms, _settings.c.sms_notifier_id == _sms.c.id)
    .outerjoin(_email, _settings.c.email_notifier_id == _email.c.id),
    dump=_dump,
    request=NotificationSettingsChangeSchema(),
    response=NotificationSettingsSchema(),
)
