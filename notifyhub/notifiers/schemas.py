"""What goes in and out for notifiers."""

from collections.abc import Mapping
from typing import Any

from flask import has_request_context
from marshmallow import Schema, ValidationError, fields, pre_load

from notifyhub.api.fields import Boolean, Choice, Integer, String, described
from notifyhub.api.schemas import ResourceSchema
from notifyhub.notifiers import provider_settings
from notifyhub.notifiers.fields import MaskedObject, NamedAddress, Secret, is_mail_host
from notifyhub.notifiers.masks import destinations, mask_values, masking, unmask_values
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import sms_provider_names


class SMSNotifierSchema(ResourceSchema):
    """An account at a provider of SMS."""

    class Meta(ResourceSchema.Meta):
        fields = ("id", "name", "backend", "settings", "created_at", "updated_at")

    computed = ("settings",)

    name = String(required=True, metadata=described("Name of the notifier.", "melipayamak_general"))
    backend = Choice(
        sms_provider_names(), required=True, metadata=described("Provider of SMS.", "melipayamak")
    )
    settings = MaskedObject(
        load_default=dict,
        shapes=provider_settings.schemas,
        common=provider_settings.COMMON,
        metadata=described(
            "What the provider needs: empty, or by the rules of `backend`, which may be followed by "
            "`max_per_second`. Further keys are kept.",
            {"token": "value1", "number": "50002710008883"},
        ),
    )

    def validate_object(self, values: dict[str, Any], stored: SMSNotifier | None) -> dict[str, Any]:
        """Check the settings against the backend, whichever of the two is stored already."""
        if not values.keys() & {"backend", "settings"}:
            return values
        old = stored.settings or {} if stored else {}
        backend = values.get("backend", stored.backend if stored else "")
        shown = mask_values(old) if masking() else old
        given = provider_settings.patched(shown, values["settings"]) if "settings" in values else shown
        settings = given
        try:
            if masking():
                settings = unmask_values(given, old)
                if stored and has_request_context():  # the operator, who has no request, knows the secrets
                    moved = backend != stored.backend or destinations(settings) != destinations(old)
                    unmask_values(given, old, moved=moved)
            return {**values, "settings": provider_settings.check_settings(backend, settings)}
        except UnknownProvider as error:
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

    computed = ("password",)

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
    from_email = NamedAddress(
        required=True,
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

    def validate_object(self, values: dict[str, Any], stored: Any) -> dict[str, Any]:
        """Put the stored password for its mask, unless it would go elsewhere than before."""
        if not masking():
            return values
        old = {"password": stored.password} if stored else {}
        given = {"password": values["password"]} if "password" in values else mask_values(old)
        changes = any(values.get(name, was) != was for name, was in _destination(stored).items())
        meant = unmask_values(given, old, moved=changes and has_request_context())
        return {**values, **{name: meant[name] for name in meant if name in values}}


def _destination(stored: EmailNotifier | None) -> dict[str, Any]:
    """Return what says where, as whom and how openly the stored password is sent."""
    names = ("host", "port", "username", "use_tls", "use_ssl") if stored else ()
    return {name: getattr(stored, name) for name in names}


class NotifierCheckSchema(Schema):
    """What came of a notifier's check."""

    ok = fields.Boolean(
        required=True,
        metadata=described(
            "Whether the provider answered and took the credentials, and the settings hold what texts need.",
            True,
        ),
    )
    detail = fields.String(
        required=True,
        metadata=described(
            "What is wrong, in the provider's own words where it refuses.", "کلید کنسول معتبر نیست"
        ),
    )
    credit = fields.Float(
        required=True,
        allow_none=True,
        metadata=described(
            "What is left on the account, in the provider's unit; null if it tells none.", 37414
        ),
    )
    latency_ms = fields.Integer(
        required=True, metadata=described("How long the check took, in milliseconds.", 48, minimum=0)
    )
