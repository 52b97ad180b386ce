"""The backend of a notifier: its provider's object, made from its row and the configured addresses."""

from collections.abc import Mapping
from typing import Any

from flask import current_app

from notifyhub.providers.base import SMSProvider
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import URL_VARIABLES, sms_provider
from notifyhub.providers.smtp.client import SMTP
from notifyhub.text.hosts import AllowedHosts


def sms_provider_class(name: str) -> type[SMSProvider]:
    """Return the class of a provider; raises NotifierTrouble if its package is not there any more."""
    try:
        return sms_provider(name)
    except UnknownProvider as error:
        raise NotifierTrouble("unknown_backend", str(error)) from error


def sms_backend(name: str, settings: Mapping[str, Any]) -> SMSProvider:
    """Return the backend for an SMS notifier's settings; raises NotifierTrouble if they are not enough."""
    url = current_app.config[URL_VARIABLES[name]] if name in URL_VARIABLES else None
    provider = sms_provider_class(name)
    return ask(lambda: provider(settings, url))


def email_backend(notifier: Mapping[str, Any]) -> SMTP:
    """Return the backend for an email notifier, given as its columns; raises NotifierTrouble as above."""
    hosts = current_app.config["MAIL_HOSTS"]
    verify = current_app.config["SMTP_VERIFY"]
    return SMTP(notifier, verify=verify, hosts=AllowedHosts.read(hosts) if hosts else None)
