"""SMS providers by name: those of this package, and those that other packages add (see `plugins`).

A module of this package adds a provider by its class alone: a `base.SMSProvider` with a `name`.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from notifyhub import providers
from notifyhub.providers.base import SMSProvider
from notifyhub.providers.plugins import UnknownProvider, load_plugin, plugin_names


def find_built_in() -> dict[str, type[SMSProvider]]:
    """Return the providers of this package's modules by name, in the order of the modules' names."""
    found: dict[str, type[SMSProvider]] = {}
    for module in iter_modules(providers.__path__, f"{providers.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, SMSProvider) and "name" in vars(value):
                found[value.name] = value
    return found


BUILT_IN = find_built_in()

URL_VARIABLES = {name: one.url_variable for name, one in BUILT_IN.items() if one.url_variable}
"""The variables that move a provider to another address than its own, by the provider's name."""


def sms_provider_names() -> list[str]:
    """Return the names of all SMS providers, ours first."""
    return [*BUILT_IN, *(name for name in plugin_names() if name not in BUILT_IN)]


@lru_cache
def sms_provider(name: str) -> type[SMSProvider]:
    """Return the class of a provider; one of another package may only be like it. Raises UnknownProvider."""
    return BUILT_IN.get(name) or cast("type[SMSProvider]", load_plugin(name))


def can_send_texts(name: str, settings: Mapping[str, object]) -> bool:
    """Return whether a notifier with these settings can send more than patterns."""
    try:
        line = getattr(sms_provider(name), "line_setting", None)
    except UnknownProvider:  # that nothing can be sent is for the delivery to say
        return True
    return line is None or bool(settings.get(line))
