"""The forms of the settings."""

from collections.abc import Sequence
from typing import Any

from babel import Locale
from flask_babel import get_locale
from flask_babel import lazy_gettext as _

from notifyhub.console.account_names import told_apart
from notifyhub.console.change_forms import ChangeForm, Number, Numbers, Ranking
from notifyhub.console.channels import EMAIL, SMS, Kind
from notifyhub.console.forms import Choice, Flag, LongText, OptionalText, Text
from notifyhub.console.operations import may
from notifyhub.database.connections import autocommit
from notifyhub.notifiers.names import names
from notifyhub.patterns.names import usable
from notifyhub.text.phones import COUNTRIES

Choices = list[tuple[str, Any]]

NUMERIC = {"inputmode": "decimal", "class": "short"}


class NotificationSettingsForm(ChangeForm):
    """The default accounts, and the shape of one-time codes."""

    notifications_sms_notifier = Choice(_("Default SMS account"))
    notifications_email_notifier = Choice(_("Default email account"))
    notifications_otp_code_len = Number(_("Digits of a one-time code"), render_kw=NUMERIC)
    notifications_otp_ttl = Number(_("How long a one-time code is valid, in seconds"), render_kw=NUMERIC)


class DeliverySettingsForm(ChangeForm):
    """How hard a message is tried."""

    sms_backup_notifiers = Ranking(_("Backups for SMS"))
    email_backup_notifiers = Ranking(_("Backups for email"))
    max_attempts = Number(_("Rounds of attempts"), render_kw=NUMERIC)
    retry_delays = Numbers(_("Waiting after each round, in seconds"), render_kw={"class": "short", "rows": 4})
    message_ttl = Number(_("A message expires after so many seconds"), render_kw=NUMERIC)
    resend_uncertain = Flag(_("Send again what may have arrived"))
    sms_batch_size = Number(_("Texts in one call to a provider"), render_kw=NUMERIC)
    sms_countries = Ranking(_("Countries that SMS go to"))
    credit_low = Number(_("Warn of a credit below"), render_kw=NUMERIC)
    alert_email = OptionalText(_("Address for alerts"), render_kw={"inputmode": "email"})
    retention_days = Number(_("Texts and recipients are erased after so many days"), render_kw=NUMERIC)
    audit_days = Number(_("The audit is kept for so many days"), render_kw=NUMERIC)


class OTPSettingsForm(ChangeForm):
    """How one-time codes are worded and limited."""

    otp_sms_pattern = Choice(_("SMS pattern"))
    otp_sms_text = LongText(_("Text of an SMS"), render_kw={"rows": 3})
    otp_email_pattern = Choice(_("Email pattern"))
    otp_email_subject = Text(_("Subject of an email"))
    otp_email_text = LongText(_("Text of an email"), render_kw={"rows": 5})
    otp_max_attempts = Number(_("Wrong guesses that a code takes"), render_kw=NUMERIC)
    otp_resend_cooldown = Number(_("Seconds between two requests"), render_kw=NUMERIC)
    otp_max_per_hour = Number(_("Codes for a recipient in an hour"), render_kw=NUMERIC)
    otp_max_per_client_hour = Number(_("Codes for a client in an hour"), render_kw=NUMERIC)


def notification_form(settings: dict[str, Any]) -> ChangeForm:
    """Return the form of the notification settings, filled."""
    shown = dict(settings)
    for kind in (SMS, EMAIL):
        chosen = settings[f"notifications_{kind.channel}_notifier_data"]
        shown[f"notifications_{kind.channel}_notifier"] = chosen and chosen["id"]
    form = NotificationSettingsForm(data=shown)
    for kind in (SMS, EMAIL):
        chosen = settings[f"notifications_{kind.channel}_notifier_data"]
        known = [(str(chosen["id"]), chosen["name"])] if chosen else []
        form[f"notifications_{kind.channel}_notifier"].offer([("", _("None")), *_accounts(kind, known)])
    return form


def delivery_form(settings: dict[str, Any]) -> ChangeForm:
    """Return the form of the delivery settings, filled."""
    form = DeliverySettingsForm(data=settings)
    for kind in (SMS, EMAIL):
        form[f"{kind.channel}_backup_notifiers"].choices = _accounts(kind, [])
    form["sms_countries"].choices = _countries()
    return form


def otp_form(settings: dict[str, Any]) -> ChangeForm:
    """Return the form of the settings of one-time codes, filled."""
    form = OTPSettingsForm(data=settings)
    for kind in (SMS, EMAIL):
        name = f"otp_{kind.channel}_pattern"
        form[name].offer([("", _("None: the text below")), *_patterns(kind, settings[name])])
    return form


def _accounts(kind: Kind, known: Sequence[tuple[str, Any]]) -> Choices:
    """Return the accounts of a channel by name; to who may not see them those that are `known` anyway."""
    if not may(kind.notifiers.operations["list"]):
        return list(known)
    found = told_apart(names(autocommit(), kind.notifiers.model))
    listed = [(str(id_), name) for id_, name in found.items()]
    return [*listed, *((id_, name) for id_, name in known if int(id_) not in found)]


def _patterns(kind: Kind, current: int | None) -> Choices:
    """Return the patterns of a channel that can be sent; to who may not see them the current one alone."""
    if not may(kind.patterns.operations["list"]):
        return [(str(current), f"#{current}")] if current else []
    rows = usable(autocommit(), kind.pattern_model, current)
    owners = told_apart((row.notifier_id, row.notifier_name) for row in rows)
    return [(str(row.id), f"{owners[row.notifier_id]} › {row.name}") for row in rows]


def _countries() -> Choices:
    """Return all countries by their names in the request's language."""
    territories = (get_locale() or Locale("en")).territories
    named = [(code, territories.get(code, code)) for code in COUNTRIES]
    return sorted(named, key=lambda country: str(country[1]))
