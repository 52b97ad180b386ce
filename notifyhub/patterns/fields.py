"""Fields of email patterns."""

from typing import Any

from notifyhub.api.fields import String
from notifyhub.notifiers.fields import NamedAddress
from notifyhub.text.addresses import InvalidAddress, normalize_mailbox


class Sender(NamedAddress):
    """One address, or `Name <address>`, or none: a blank text counts as null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(blank=True, allow_none=True, **options)

    def deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        is_blank = isinstance(value, str) and not value.strip()
        return super().deserialize(None if is_blank else value, *args, **options)


class SenderQuery(String):
    """A sender in a query, in any spelling of its address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        given = super()._deserialize(value, *args, **options)
        try:
            return normalize_mailbox(given)
        except InvalidAddress:
            return given


class OptionalBody(String):
    """A text that is taken as it is, and may be empty; one of blanks only is empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(blank=True, trim=False, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        return text if text.strip() else ""
