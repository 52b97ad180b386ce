"""The URLs of patterns."""

from flask import Blueprint

from notifyhub.api.pagination.filters import filled, one_of
from notifyhub.api.resource import Names, Resource
from notifyhub.database.base import table_of
from notifyhub.patterns.models import PatternStatus, SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema

blueprint = Blueprint(
    "sms_patterns", __name__, url_prefix="/api/notifications/notifiers/sms/<id:notifier_id>/patterns"
)

_patterns = table_of(SMSPattern).c

sms_patterns = Resource(
    Names("SMS pattern", "SMSPatternPermission", 2821),
    SMSPattern,
    SMSPatternSchema,
    parent="notifier_id",
    protected=True,
    search=("id", "name", "code", "description", "body"),
    ordering=("id", "name", "status", "code", "created_at", "updated_at"),
    filters={
        "status": one_of(_patterns.status, PatternStatus),
        "has_description": filled(_patterns.description, "Only those with a description, or without."),
    },
)
sms_patterns.register(blueprint)
