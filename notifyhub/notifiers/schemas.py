"""What goes in and out for notifiers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, pre_load

from notifyhub.api.fields import Boolean, Choice, Integer, Object, String
from notifyhub.api.schemas import ResourceSchema
from notifyhub.notifiers import backend_settings
from notifyhub.notifiers.masking import mask, mask_values, masking, unmask, unmask_values
from notifyhub.notifiers.models import Backend, SMSNotifier
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

    name = String(required=True)
    backend = Choice(list(Backend), required=True)
    settings = SecretObject(load_default=dict)

    def settle(self, values: dict[str, Any], stored: SMSNotifier | None) -> dict[str, Any]:
        """Check the settings against the backend, whichever of the two is stored already."""
        old = stored.settings or {} if stored else {}
        backend = values.get("backend", stored.backend if stored else "")
        settings = values.get("settings", old)
        try:
            if masking() and "settings" in values:
                settings = unmask_values(settings, old)
            return {**values, "settings": backend_settings.check(backend, settings)}
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

    name = String(required=True)
    host = String(required=True)
    port = Integer(1, 65535, allow_none=True, load_default=None)
    username = String(required=True, blank=True)
    password = Secret(required=True)
    from_email = String(required=True, validate=[is_sender])
    use_tls = Boolean(load_default=True)
    use_ssl = Boolean(load_default=False)
    fail_silently = Boolean(load_default=False)

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
