"""The settings of one-time passwords: how they are worded, how often they are sent and guessed."""

from sqlalchemy import select

from notifyhub.api.singleton import Singleton
from notifyhub.database.base import table_of
from notifyhub.settings.models import OTPSettings
from notifyhub.settings.schemas import OTPSettingsSchema

_settings = table_of(OTPSettings).c
_schema = OTPSettingsSchema(partial=True)


otp_settings = Singleton(
    OTPSettings,
    select(
        *(_settings[str(field.attribute)].label(name) for name, field in _schema.fields.items()),
    ),
    request=_schema,
    response=OTPSettingsSchema(),
)
