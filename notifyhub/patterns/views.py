"""The URLs of patterns."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, g
from sqlalchemy.orm import Session

from notifyhub.api.fields import described
from notifyhub.api.pagination.filters import filled, one_of, text_in_any_case
from notifyhub.api.resource import Names, Resource
from notifyhub.database.base import Timestamped, table_of
from notifyhub.patterns.events import mark_test
from notifyhub.patterns.fields import SenderQuery
from notifyhub.patterns.models import EmailPattern, PatternStatus, SMSPattern
from notifyhub.patterns.schemas import MAX_MAIL_BODY_BYTES, EmailPatternSchema, SMSPatternSchema

sms_blueprint = Blueprint(
    "sms_patterns", __name__, url_prefix="/api/notifications/notifiers/sms/<id:notifier_id>/patterns"
)
email_blueprint = Blueprint(
    "email_patterns", __name__, url_prefix="/api/notifications/notifiers/email/<id:notifier_id>/patterns"
)

_sms, _email = table_of(SMSPattern).c, table_of(EmailPattern).c


class SMSPatternResource(Resource):
    """SMS patterns, whose changes by a test token are published as such."""

    def perform_update(self, session: Session, stored: Timestamped, values: dict[str, Any]) -> None:
        """Write what a request changes of a pattern."""
        if g.caller.test:
            mark_test(session)
        super().perform_update(session, stored, values)


class EmailPatternResource(Resource):
    """Email patterns, whose HTML may be long."""

    max_body = MAX_MAIL_BODY_BYTES
    change_example: ClassVar[Mapping[str, Any]] = {"description": "used for sending status changes"}


sms_patterns = SMSPatternResource(
    Names("SMS pattern", "SMSPatternPermission", 2821),
    SMSPattern,
    SMSPatternSchema,
    parent="notifier_id",
    protected=True,
    search=("id", "name", "code", "description", "body"),
    ordering=("id", "name", "status", "code", "created_at", "updated_at"),
    filters={
        "status": one_of(_sms.status, PatternStatus),
        "has_description": filled(_sms.description, "Only those with a description, or without."),
    },
)
sms_patterns.register(sms_blueprint)

_sender = described("Only those with this sender, in any case.")

email_patterns = EmailPatternResource(
    Names("email pattern", "EmailPatternsPermission", 2841),
    EmailPattern,
    EmailPatternSchema,
    parent="notifier_id",
    protected=True,
    search=("id", "name", "description", "from_email", "subject", "body_text", "body_html"),
    ordering=("id", "name", "from_email", "subject", "created_at", "updated_at"),
    filters={
        "has_description": filled(_email.description, "Only those with a description, or without."),
        "has_from_email": filled(_email.from_email, "Only those with a sender of their own, or without."),
        "has_body_html": filled(_email.body_html, "Only those with HTML, or without."),
        "from_email": text_in_any_case(SenderQuery(metadata=_sender), _email.from_email),
    },
)
email_patterns.register(email_blueprint)
