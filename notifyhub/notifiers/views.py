"""The URLs of notifiers."""

from flask import Blueprint

from notifyhub.api.pagination.filters import filled, flag, one_of
from notifyhub.api.resource import Names, Resource
from notifyhub.database.base import table_of
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.schemas import EmailNotifierSchema, SMSNotifierSchema
from notifyhub.providers.registry import sms_provider_names

sms_blueprint = Blueprint("sms_notifiers", __name__, url_prefix="/api/notifications/notifiers/sms")
email_blueprint = Blueprint("email_notifiers", __name__, url_prefix="/api/notifications/notifiers/email")

_sms, _email = table_of(SMSNotifier).c, table_of(EmailNotifier).c

sms_notifiers = Resource(
    Names("SMS notifier", "SMSNotifierPermission", 2811),
    SMSNotifier,
    SMSNotifierSchema,
    search=("id", "name"),
    ordering=("id", "name", "backend", "created_at", "updated_at"),
    protected=True,
    filters={
        "backend": one_of(_sms.backend, sms_provider_names()),
        "has_settings": filled(_sms.settings, "Only those with settings, or without."),
    },
)
sms_notifiers.register(sms_blueprint)

email_notifiers = Resource(
    Names("email notifier", "EmailNotifierPermission", 2831),
    EmailNotifier,
    EmailNotifierSchema,
    search=("id", "name", "host", "username", "from_email"),
    ordering=("id", "name", "host", "port", "from_email", "created_at", "updated_at"),
    protected=True,
    filters={"use_tls": flag(_email.use_tls), "use_ssl": flag(_email.use_ssl)},
)
email_notifiers.register(email_blueprint)
