"""What goes in and out for patterns."""

from notifyhub.api.fields import MAX_TEXT, Choice, String
from notifyhub.api.schemas import ResourceSchema
from notifyhub.patterns.models import Status


class SMSPatternSchema(ResourceSchema):
    """A text with placeholders."""

    class Meta(ResourceSchema.Meta):
        fields = ("id", "status", "name", "code", "description", "body", "created_at", "updated_at")

    status = Choice(list(Status), load_default=Status.CREATED)
    name = String(required=True)
    code = String(required=True)
    description = String(max_length=MAX_TEXT, blank=True, allow_none=True, load_default=None)
    body = String(max_length=MAX_TEXT, trim=False, required=True)
