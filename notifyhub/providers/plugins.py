"""SMS providers that other packages add.

A further provider is one module with a class like `notifyhub.providers.base.SMSProvider`, which its
package names in the entry-point group `notifyhub.sms_backends`. The name, of up to 32 characters, is what
clients give as a notifier's `backend`; it can't take the place of one of ours.

The class need not inherit from SMSProvider; then it must have its methods, `report_batch` and
`offers_patterns`. Without `batch_key` and `send_batch` its messages go singly, without `reports_of` its
`reports` are asked. What its `settings_schema` loads is stored, so it must be JSON; without one a `token`
that is not blank must be there. Further keys are kept in either case.
"""

from importlib.metadata import entry_points
from typing import Any

GROUP = "notifyhub.sms_backends"
MAX_NAME_LENGTH = 32


class UnknownProvider(LookupError):
    """No SMS provider has this name, or the package that names it can't be loaded."""


def plugin_names() -> list[str]:
    """Return the names that packages give; nothing is imported for it."""
    return sorted(name for name in entry_points(group=GROUP).names if len(name) <= MAX_NAME_LENGTH)


def load_plugin(name: str) -> type[Any]:
    """Return the class of another package's provider; raises UnknownProvider."""
    for entry_point in entry_points(group=GROUP, name=name):
        try:
            loaded: type[Any] = entry_point.load()
        except (Exception, SystemExit) as error:  # whatever its module raises
            reason = str(error) if isinstance(error, ImportError | AttributeError) else type(error).__name__
            words = f"The SMS backend {name} ({entry_point.value}) can't be loaded: {reason}"
            raise UnknownProvider(words) from error
        return loaded
    raise UnknownProvider(f"There is no SMS backend named {name}.")
