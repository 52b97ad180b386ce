"""SMS backends by name: ours, and those that other packages add.

A further provider is one module with a class of `interface.SMSBackend`, named by its package in the
entry-point group `notifyhub.sms_backends`. Such a name can't take the place of one of ours.
"""

from importlib.metadata import entry_points
from typing import cast

from notifyhub.delivery.backends.interface import SMSBackend
from notifyhub.delivery.backends.ippanel import IPPanel
from notifyhub.delivery.backends.melipayamak import MeliPayamak

GROUP = "notifyhub.sms_backends"
BUILT_IN: dict[str, type[SMSBackend]] = {"ippanel": IPPanel, "melipayamak": MeliPayamak}


class UnknownBackend(LookupError):
    """No backend has this name, or the package that names it can't be loaded."""


def sms_backend_names() -> list[str]:
    """Return the names of all backends, ours first; nothing is imported for it."""
    return [*BUILT_IN, *sorted(set(entry_points(group=GROUP).names) - set(BUILT_IN))]


def sms_backend(name: str) -> type[SMSBackend]:
    """Return the backend's class."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    for entry_point in entry_points(group=GROUP, name=name):
        try:
            return cast("type[SMSBackend]", entry_point.load())
        except (ImportError, AttributeError) as error:
            raise UnknownBackend(
                f"The SMS backend {name} ({entry_point.value}) can't be loaded: {error}"
            ) from error
    raise UnknownBackend(f"There is no SMS backend named {name}.")
