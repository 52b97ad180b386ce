"""SMS backends by name: ours, and those that other packages add (see `notifiers.plugins`)."""

from typing import cast

from notifyhub.providers.base import SMSBackend
from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.melipayamak import MeliPayamak
from notifyhub.providers.plugins import load_plugin

BUILT_IN: dict[str, type[SMSBackend]] = {"ippanel": IPPanel, "melipayamak": MeliPayamak}


def sms_backend(name: str) -> type[SMSBackend]:
    """Return the backend's class; raises notifiers.plugins.UnknownBackend."""
    return BUILT_IN.get(name) or cast("type[SMSBackend]", load_plugin(name))
