"""The URLs of the settings."""

from typing import Any

from flask import Blueprint

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.parsing import body
from notifyhub.database.connections import transaction
from notifyhub.settings import notification
from notifyhub.settings.schemas import NotificationSettingsChangeSchema, NotificationSettingsSchema

blueprint = Blueprint("settings", __name__, url_prefix="/api/settings")

NAME = "NotificationsSettingsPermission"
VIEW = Permission(1036, NAME, "View the settings")
CHANGE = Permission(1037, NAME, "Change the settings")

_shown = {200: NotificationSettingsSchema()}
_change = NotificationSettingsChangeSchema()


@blueprint.get("/notifications")
@endpoint(Endpoint(VIEW, "Read the notification settings", "Settings", answers=_shown))
def show_notification_settings() -> dict[str, Any]:
    """Give the settings."""
    return notification.shown()


@blueprint.patch("/notifications")
@endpoint(Endpoint(CHANGE, "Change the notification settings", "Settings", body=_change, answers=_shown))
def change_notification_settings() -> dict[str, Any]:
    """Change what the body names."""
    with transaction() as session:
        settings = notification.locked(session)
        for name, value in body(_change).items():
            setattr(settings, name, value)
    return notification.shown()
