"""Hosts that email notifiers may name."""

from flask import current_app
from marshmallow import ValidationError

from notifyhub.text.hosts import AllowedHosts


def is_mail_host(value: str) -> str:
    """Return `value` if NOTIFYHUB_MAIL_HOSTS allows it, as far as it shows that; raises ValidationError.

    A name may lead to an allowed network or out of it: the address is checked when it is connected to.
    """
    hosts = current_app.config["MAIL_HOSTS"]
    if hosts and not AllowedHosts.read(hosts).may_have(value):
        raise ValidationError("NOTIFYHUB_MAIL_HOSTS does not allow this host.")
    return value
