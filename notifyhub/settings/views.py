"""The URLs of the settings."""

from flask import Blueprint

from notifyhub.api.endpoint import Permission
from notifyhub.api.singleton import Permissions
from notifyhub.settings.delivery import delivery_settings
from notifyhub.settings.notification import notification_settings
from notifyhub.settings.otp import otp_settings

blueprint = Blueprint("settings", __name__, url_prefix="/api/settings")

NAME = "NotificationsSettingsPermission"
PERMISSIONS = Permissions(
    Permission(1036, NAME, "View the settings"), Permission(1037, NAME, "Change the settings")
)

notification_settings.register(blueprint, "/notifications", "notification settings", PERMISSIONS)
delivery_settings.register(blueprint, "/delivery", "delivery settings", PERMISSIONS)
otp_settings.register(blueprint, "/otp", "settings of one-time passwords", PERMISSIONS)
