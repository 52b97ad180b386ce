"""What goes in and out for notifiers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, pre_load

from notifyhub.api.fields import Boolean, Choice, Integer, Object, String, described
from notifyhub.api.schemas import ResourceSchema
from notifyhub.notifiers import backend_settings
from notifyhub.notifiers.mail_hosts import is_mail_host
from notifyhub.notifiers.masking import mask, mask_values, masking, unmask, unmask_values
from notifyhub.notifiers.models import Backend, SMSNotifier
from notifyhub.notifiers.plugins import UnknownBackend
from notifyhub.notifiers.senders import is_sender


class SecretObject(Object):
    """A JSON object that holds secrets."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return mask_values(value) if masking() else value


class Secret(String):
    """A secret text, which may be blank and is taken as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(blank=True, trim=False, **options)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return mask(value) if masking() and value is not None else value


class SMSNotifierSchema(ResourceSchema):
    """An account at a provider of SMS."""

    class Meta(ResourceSchema.Meta):
        fields = ("id", "name", "backend", "settings", "created_at", "updated_at")

    reshaped = ("settings",)

    name = String(required=True, metadata=described("Name of the notifier.", "melipayamak_general"))
    backend = Choice(
        backend_settings.backend_names(),
        required=True,
        metadata=described("Provider of SMS.", Backend.MELIPAYAMAK),
    )
    settings = SecretObject(
        load_default=dict,
        shapes=backend_settings.schemas,
        metadata=described(
            "What the provider needs: empty, or by the rules of `backend`. Further keys are kept.",
            {"token": "value1", "number": "50002710008883"},
        ),
    )

    def settle(self, values: dict[str, Any], stored: SMSNotifier | None) -> dict[str, Any]:
        """Check the settings against the backend, whichever of the two is stored already."""
        if not values.keys() & {"backend", "settings"}:
            return values
        old = stored.settings or {} if stored else {}
        backend = values.get("backend", stored.backend if stored else "")
        settings = values.get("settings", old)
        try:
            if masking() and "settings" in values:
                settings = unmask_values(settings, old)
            return {**values, "settings": backend_settings.check(backend, settings)}
        except UnknownBackend as error:
            raise ValidationError({"backend": [str(error)]}) from None
        except ValidationError as error:
            raise ValidationError({"settings": error.messages}) from None


class EmailNotifierSchema(ResourceSchema):
    """An account at a mail server."""

    class Meta(ResourceSchema.Meta):
        fields = (
            *("id", "name", "host", "port", "username", "password", "from_email"),
            *("use_tls", "use_ssl", "fail_silently", "created_at", "updated_at"),
        )

    reshaped = ("password",)

    name = String(required=True, metadata=described("Name of the notifier.", "mail"))
    host = String(
        required=True,
        validate=[is_mail_host],
        metadata=described("Host name of the mail server.", "mail.example.com"),
    )
    port = Integer(
        1,
        65535,
        allow_none=True,
        load_default=None,
        metadata=described(
            "Port of the mail server. Null means 465 with `use_ssl`, else 587 with `use_tls`, else 25.", 587
        ),
    )
    username = String(
        required=True,
        blank=True,
        metadata=described("User name at the mail server; blank if it asks for none.", "info"),
    )
    password = Secret(
        required=True, metadata=described("Password at the mail server; blank if it asks for none.", "value1")
    )
    from_email = String(
        required=True,
        validate=[is_sender],
        metadata=described("Sender: an address, or `Name <address>`.", "Example <info@example.com>"),
    )
    use_tls = Boolean(load_default=True, metadata=described("Begin with STARTTLS."))
    use_ssl = Boolean(
        load_default=False, metadata=described("Use TLS from the first byte on; this wins over `use_tls`.")
    )
    fail_silently = Boolean(
        load_default=False,
        metadata=described("Ignore failures to send. `fail_siently` is taken for it, too."),
    )

    @pre_load
    def _documented_misspelling(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        if "fail_siently" in data and "fail_silently" not in data:
            return {**data, "fail_silently": data["fail_siently"]}
        return data

    def settle(self, values: dict[str, Any], stored: Any) -> dict[str, Any]:
        """Put the stored password for its mask."""
        if masking() and "password" in values:
            try:
                password = unmask(values["password"], stored.password if stored else None)
            except ValidationError as error:
                raise ValidationError({"password": error.messages}) from None
            return {**values, "password": password}
        return values
