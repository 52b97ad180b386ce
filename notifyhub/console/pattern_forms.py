"""The forms of patterns."""

from flask_babel import lazy_gettext as _

from notifyhub.console.change_forms import ChangeForm
from notifyhub.console.channels import SMS, Kind
from notifyhub.console.forms import Choice, LongText, OptionalLongText, OptionalText, Text
from notifyhub.patterns.models import PatternStatus

STATUSES = {
    PatternStatus.CREATED: _("Not submitted"),
    PatternStatus.PENDING: _("Waits for approval"),
    PatternStatus.APPROVED: _("Approved"),
    PatternStatus.REJECTED: _("Rejected"),
}


class SMSPatternForm(ChangeForm):
    """A pattern of SMS, as the provider has it."""

    name = Text(_("Name"))
    code = Text(_("Code at the provider"))
    status = Choice(_("Approval"), choices=[(status.value, words) for status, words in STATUSES.items()])
    body = LongText(_("Text"), render_kw={"rows": 5})
    description = OptionalLongText(_("Description"), render_kw={"rows": 2})


class EmailPatternForm(ChangeForm):
    """A mail with placeholders."""

    name = Text(_("Name"))
    from_email = OptionalText(_("Sender"))
    subject = Text(_("Subject"))
    body_text = LongText(_("Text"), render_kw={"rows": 8})
    body_html = OptionalLongText(_("HTML"), render_kw={"rows": 12, "spellcheck": "false"})
    description = OptionalLongText(_("Description"), render_kw={"rows": 2})


def form_of(kind: Kind) -> type[ChangeForm]:
    """Return the form of a channel's patterns."""
    return SMSPatternForm if kind is SMS else EmailPatternForm
