"""The forms of accounts. What an SMS provider needs is asked for as its own settings schema declares it."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask_babel import lazy_gettext as _
from marshmallow import fields, validate
from wtforms import FormField
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta
from wtforms.widgets import PasswordInput

from notifyhub.console.change_forms import ChangeForm, Number
from notifyhub.console.formats import code
from notifyhub.console.forms import Choice, Flag, Lines, OptionalText, Secret, Text
from notifyhub.console.translation import api_words
from notifyhub.notifiers.provider_settings import COMMON, schema_of
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import sms_provider
from notifyhub.text.secret_names import names_secret

LABELS = {
    "from_number": _("Line number"),
    "max_per_second": _("Most calls per second"),
    "number": _("Line number"),
    "token": _("Token"),
}
"""What known keys of settings are called; others go by themselves."""

NO_AUTOFILL = {"autocomplete": "new-password"}


class FromSchema(DefaultMeta):
    """Of a form whose fields a schema declares: their names are not attributes of it."""

    csrf = False


class _MailServerForm(ChangeForm):
    """What an account at a mail server has beside its password."""

    name = Text(_("Name"))
    host = Text(_("Mail server"))
    port = Number(_("Port"), render_kw={"inputmode": "numeric"})
    use_tls = Flag(_("Begin with STARTTLS"))
    use_ssl = Flag(_("TLS from the first byte on"))
    username = Text(_("User name"), render_kw={"autocomplete": "off"})
    from_email = Text(_("Sender"))
    fail_silently = Flag(_("Ignore failures to send"))


class EmailAccountForm(_MailServerForm):
    """An account at a mail server."""

    password = Secret(_("Password"), render_kw=NO_AUTOFILL)


class NewEmailAccountForm(_MailServerForm):
    """A new one, whose password may be blank: there are servers that ask for none."""

    password = Text(_("Password"), widget=PasswordInput(), render_kw=NO_AUTOFILL)


class UnservedAccountForm(ChangeForm):
    """An account at a provider whose package is not there: its settings can't be asked for."""

    name = Text(_("Name"))


def sms_account_form(backend: str, account: Mapping[str, Any] | None) -> ChangeForm:
    """Return the form of a new account at a provider, or of one that is stored, maybe with another one.

    Raises UnknownProvider if the package that names the provider is not there.
    """
    declared = _declared(backend)
    stored = account or {"backend": None}

    def settings_form(formdata: Any, obj: Any, prefix: str, meta: Any) -> BaseForm:  # noqa: ARG001 - WTForms'
        form = BaseForm({name: _field(name, field) for name, field in declared.items()}, prefix, FromSchema())
        form.process(formdata, data=vars(obj))
        return form

    class SMSAccountForm(ChangeForm):
        """An account at this provider."""

        name = Text(_("Name"))
        settings = FormField(settings_form)  # type: ignore[arg-type]

        def document(self) -> dict[str, Any]:
            body = super().document()
            if backend == stored["backend"]:
                return body
            others = dict.fromkeys(further_settings(backend, stored.get("settings")))
            return {**body, "backend": backend, "settings": {**others, **body.get("settings", {})}}

    settings = stored.get("settings") or {}
    shown = {name: value for name, value in settings.items() if name in declared and not names_secret(name)}
    return SMSAccountForm(
        data={"name": stored.get("name"), "settings": SimpleNamespace(**shown)}, is_new=account is None
    )


def _declared(backend: str) -> dict[str, fields.Field[Any]]:
    """Return what the settings of a provider hold that a form can ask for; raises UnknownProvider."""
    return {
        name: field
        for schema in (schema_of(backend), COMMON)
        for name, field in schema.load_fields.items()
        if not isinstance(field, fields.Nested | fields.Mapping)
    }


def further_settings(backend: str, settings: Mapping[str, Any] | None) -> list[str]:
    """Return the keys of stored settings that a form does not ask for."""
    try:
        return [name for name in settings or {} if name not in _declared(backend)]
    except UnknownProvider:
        return list(settings or {})


def setting_facts(account: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return what is shown of an SMS account's settings: their names, and the values that are no secrets.

    What no schema declares may be a secret, whatever it is called.
    """
    settings, further = account["settings"] or {}, further_settings(account["backend"], account["settings"])
    hidden = _("Stored, never shown")
    return [
        (LABELS.get(name, name), hidden if name in further or names_secret(name) else code(value))
        for name, value in settings.items()
    ]


def line_of(account: Mapping[str, Any]) -> Any:
    """Return the number that texts of an SMS account are sent from; None if it has none."""
    try:
        name = getattr(sms_provider(account["backend"]), "line_setting", None)
    except UnknownProvider:
        return None
    return (account["settings"] or {}).get(name)


def _field(name: str, declared: fields.Field[Any]) -> Any:
    """Return the field of a form that stands for one of a provider's settings."""
    options: dict[str, Any] = {
        "label": LABELS.get(name, name),
        "description": api_words(str(declared.metadata.get("description", ""))),
        "render_kw": {"data-required": ""} if declared.required else {},
    }
    if names_secret(name):
        return Secret(**{**options, "render_kw": {**options["render_kw"], **NO_AUTOFILL}})
    if isinstance(declared, fields.Boolean):
        return Flag(**options)
    if isinstance(declared, fields.Number):
        return Number(**options)
    if isinstance(declared, fields.List):
        return Lines(**options)
    for check in declared.validators:
        if isinstance(check, validate.OneOf):
            return Choice(choices=[("", "–"), *((str(one), str(one)) for one in check.choices)], **options)
    return OptionalText(**options)
