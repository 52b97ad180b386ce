"""The delivery settings: how hard a message is tried, and through which notifiers when its own one fails.

A backup notifier that has been deleted is left out wherever the list is read. Ids are never given again, so
what is stored of it can't come to mean another notifier.
"""

from typing import Any

from sqlalchemy import Row, select

from notifyhub.api.singleton import Singleton
from notifyhub.database.base import Base, table_of
from notifyhub.database.connections import autocommit
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.settings.models import DeliverySettings
from notifyhub.settings.schemas import DeliverySettingsSchema

_BACKUPS: dict[str, type[Base]] = {
    "sms_backup_notifiers": SMSNotifier,
    "email_backup_notifiers": EmailNotifier,
}


_schema = DeliverySettingsSchema(partial=True)


def _dump(row: Row[Any]) -> dict[str, Any]:
    stored = row._asdict()
    return stored | {name: _existing(model, stored[name]) for name, model in _BACKUPS.items()}


def _existing(model: type[Base], ids: list[int]) -> list[int]:
    if not ids:
        return []
    id_column = table_of(model).c.id
    there = set(autocommit().scalars(select(id_column).where(id_column.in_(ids))))
    return [number for number in ids if number in there]


delivery_settings = Singleton(
    DeliverySettings,
    select(*(table_of(DeliverySettings).c[name] for name in _schema.fields)),
    dump=_dump,
    request=_schema,
    response=DeliverySettingsSchema(),
)
