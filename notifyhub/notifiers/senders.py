"""Senders of email, as a From header names them."""

from typing import Any

from marshmallow import ValidationError

from notifyhub.api.fields import String
from notifyhub.text.addresses import InvalidAddress, normalize_mailbox


class Sender(String):
    """One address, or `Name <address>`; it is read with the address in its one form, the name as given."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        try:
            return normalize_mailbox(super()._deserialize(value, *args, **options))
        except InvalidAddress as error:
            raise ValidationError(str(error)) from None
