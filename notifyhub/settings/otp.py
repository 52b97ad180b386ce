"""The settings of one-time passwords: how they are worded, how often they are sent and guessed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from notifyhub.api.singleton import Singleton
from notifyhub.database.base import table_of
from notifyhub.settings.models import OTPSettings
from notifyhub.settings.schemas import OTPSettingsSchema

_schema = OTPSettingsSchema(partial=True)


def _dump(row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(_schema.fields, row, strict=True))


otp_settings = Singleton(
    OTPSettings,
    select(*(table_of(OTPSettings).c[str(field.attribute)] for field in _schema.fields.values())),
    _dump,
    request=_schema,
    response=OTPSettingsSchema(),
)
