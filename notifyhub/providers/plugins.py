"""SMS backends that other packages add.

A further provider is one module with a class of `notifyhub.providers.base.SMSBackend`, which its
package names in the entry-point group `notifyhub.sms_backends`. The name, of up to 32 characters, is what
clients give as a notifier's `backend`; it can't take the place of one of ours.

The class may have an attribute `settings_schema`: a subclass of marshmallow's Schema whose fields are what a
notifier's `settings` must hold, under these names. What it loads is stored, so it must be JSON. Without it a
`token` that is not blank must be there. Further keys are kept in either case.
"""

from importlib.metadata import entry_points
from typing import Any

GROUP = "notifyhub.sms_backends"
MAX_LENGTH = 32


class UnknownBackend(LookupError):
    """No backend has this name, or the package that names it can't be loaded."""


def plugin_names() -> list[str]:
    """Return the names that packages give; nothing is imported for it."""
    return sorted(name for name in entry_points(group=GROUP).names if len(name) <= MAX_LENGTH)


def load_plugin(name: str) -> type[Any]:
    """Return the class of another package's backend; raises UnknownBackend."""
    for entry_point in entry_points(group=GROUP, name=name):
        try:
            loaded: type[Any] = entry_point.load()
        except (Exception, SystemExit) as error:  # whatever its module raises
            reason = str(error) if isinstance(error, ImportError | AttributeError) else type(error).__name__
            words = f"The SMS backend {name} ({entry_point.value}) can't be loaded: {reason}"
            raise UnknownBackend(words) from error
        return loaded
    raise UnknownBackend(f"There is no SMS backend named {name}.")
