"""SMS backends by name: ours, and those that other packages add (see `notifiers.plugins`)."""

from typing import cast

from notifyhub.delivery.backends.interface import SMSBackend
from notifyhub.delivery.backends.ippanel import IPPanel
from notifyhub.delivery.backends.melipayamak import MeliPayamak
from notifyhub.notifiers.plugins import load_plugin

BUILT_IN: dict[str, type[SMSBackend]] = {"ippanel": IPPanel, "melipayamak": MeliPayamak}


def sms_backend(name: str) -> type[SMSBackend]:
    """Return the backend's class; raises notifiers.plugins.UnknownBackend."""
    return BUILT_IN.get(name) or cast("type[SMSBackend]", load_plugin(name))
