"""Pictures of mail patterns, with examples in place of their placeholders."""

from collections.abc import Mapping
from typing import Any

from flask import render_template
from flask_babel import gettext as _

from notifyhub.console.channels import SMS, Kind
from notifyhub.console.formats import number
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import Placeholder, Template

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""Of a picture: no script, nothing from any host, shown by our own pages alone."""


def placeholders(kind: Kind, pattern: Mapping[str, Any]) -> tuple[Placeholder, ...]:
    """Return the placeholders of a pattern, in the order in which arguments fill them."""
    if kind is SMS:
        return Template.parse(pattern["body"]).list_order
    return MailTemplate.parse(pattern["subject"], pattern["body_text"], pattern["body_html"]).list_order


def picture(subject: str, text: str, html: str | None) -> str:
    """Return a mail as a page: its HTML as it stands, else its text."""
    template = MailTemplate.parse(subject, text, html)
    examples = [_("Example %(number)s", number=number(n)) for n, _place in enumerate(template.list_order, 1)]
    filled = template.fill(examples)
    if "html" in filled:
        return filled["html"].text
    return render_template("console/patterns/picture.html", text=filled["text"].text)
