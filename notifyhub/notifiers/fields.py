"""Fields of notifiers: secrets, mailboxes and hosts of mail servers."""

from typing import Any

from flask import current_app
from marshmallow import ValidationError

from notifyhub.api.fields import Object, String
from notifyhub.notifiers.masks import mask, mask_values, masking
from notifyhub.text.addresses import InvalidAddress, normalize_mailbox
from notifyhub.text.hosts import AllowedHosts


class MaskedObject(Object):
    """A JSON object that holds secrets."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return mask_values(value) if masking() else value


class Secret(String):
    """A secret text, which may be blank and is taken as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(blank=True, trim=False, **options)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return mask(value) if masking() and value is not None else value


class NamedAddress(String):
    """One address, or `Name <address>`; it is read with the address in its one form, the name as given."""

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        try:
            return normalize_mailbox(super()._deserialize(value, *args, **options))
        except InvalidAddress as error:
            raise ValidationError(str(error)) from None


def is_mail_host(value: str) -> str:
    """Return `value` if NOTIFYHUB_MAIL_HOSTS allows it, as far as it shows that; raises ValidationError.

    A name may lead to an allowed network or out of it: the address is checked when it is connected to.
    """
    hosts = current_app.config["MAIL_HOSTS"]
    if hosts and not AllowedHosts.read(hosts).may_have(value):
        raise ValidationError("NOTIFYHUB_MAIL_HOSTS does not allow this host.")
    return value
