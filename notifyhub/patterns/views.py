"""The URLs of patterns."""

from typing import Any

from flask import Blueprint, g
from sqlalchemy.orm import Session

from notifyhub.api.pagination.filters import filled, one_of
from notifyhub.api.resource import Names, Resource
from notifyhub.database.base import Timestamped, table_of
from notifyhub.patterns.events import mark_test
from notifyhub.patterns.models import PatternStatus, SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema

blueprint = Blueprint(
    "sms_patterns", __name__, url_prefix="/api/notifications/notifiers/sms/<id:notifier_id>/patterns"
)

_patterns = table_of(SMSPattern).c


class SMSPatternResource(Resource):
    """SMS patterns, whose changes by a test token are published as such."""

    def perform_update(self, session: Session, stored: Timestamped, values: dict[str, Any]) -> None:
        """Write what a request changes of a pattern."""
        if g.caller.test:
            mark_test(session)
        super().perform_update(session, stored, values)


sms_patterns = SMSPatternResource(
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
