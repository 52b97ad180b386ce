"""The provider behind a notifier: its backend, made from the notifier's row and the configured addresses."""

from collections.abc import Mapping
from typing import Any

from flask import current_app

from notifyhub.providers.base import SMSBackend
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.plugins import UnknownBackend
from notifyhub.providers.registry import sms_backend
from notifyhub.providers.smtp.client import SMTP
from notifyhub.text.hosts import AllowedHosts

# The variables that move a backend away from its provider's own address.
_URLS = {"ippanel": "IPPANEL_URL", "melipayamak": "MELIPAYAMAK_URL"}


def sms_backend_class(backend_name: str) -> type[SMSBackend]:
    """Return the class of a backend; raises NotifierTrouble if its package is not there any more."""
    try:
        return sms_backend(backend_name)
    except UnknownBackend as error:
        raise NotifierTrouble("unknown_backend", str(error)) from error


def sms_backend_of(backend_name: str, settings: Mapping[str, Any]) -> SMSBackend:
    """Return the backend for an SMS notifier's settings; raises NotifierTrouble if they are not enough."""
    url = current_app.config[_URLS[backend_name]] if backend_name in _URLS else None
    made = sms_backend_class(backend_name)
    return ask(lambda: made(settings, url))


def smtp_of(notifier: Mapping[str, Any]) -> SMTP:
    """Return the mail account of an email notifier, given as its columns; raises NotifierTrouble as above."""
    hosts = current_app.config["MAIL_HOSTS"]
    verify = current_app.config["SMTP_VERIFY"]
    return SMTP(notifier, verify=verify, hosts=AllowedHosts.read(hosts) if hosts else None)
