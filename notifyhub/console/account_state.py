"""What pages say of accounts beside their settings: what they are used for, and how well they work."""

from typing import Any

from flask_babel import gettext as _

from notifyhub.console.channels import Kind
from notifyhub.console.formats import number
from notifyhub.console.operations import call, may
from notifyhub.database.connections import autocommit
from notifyhub.health import notifiers
from notifyhub.health.views import show_health
from notifyhub.settings.delivery import delivery_settings
from notifyhub.settings.notification import notification_settings
from notifyhub.settings.otp import otp_settings


def roles(kind: Kind) -> dict[int, list[str]]:
    """Return what the settings use accounts of a channel for, in words by id: for who may see them."""
    show_default = notification_settings.operations["show"]
    found: dict[int, list[str]] = {}
    if not may(show_default):
        return found
    default = call(show_default)[f"notifications_{kind.channel}_notifier_data"]
    if default:
        found[default["id"]] = [_("Default account")]
    backups = call(delivery_settings.operations["show"])[f"{kind.channel}_backup_notifiers"]
    for place, id_ in enumerate(backups, 1):
        found.setdefault(id_, []).append(_("Backup %(number)s", number=number(place)))
    return found


def health_line(kind: Kind, id: int) -> dict[str, Any] | None:
    """Return the health's line of an account, for who may see that; None for others, or if it is gone."""
    return notifiers.line(autocommit(), kind.channel, id) if may(show_health) else None


def pattern_of_codes(kind: Kind) -> int | None:
    """Return the id of the pattern that codes go by, for who may see the settings."""
    show_otp = otp_settings.operations["show"]
    return call(show_otp)[f"otp_{kind.channel}_pattern"] if may(show_otp) else None
