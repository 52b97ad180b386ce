"""What a mail has beside its texts: who gets copies, files, pictures in its HTML. Pure functions."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from notifyhub.providers.base import Attachment
from notifyhub.text.addresses import parse_mailbox


def compose_copies(given: Mapping[str, Any], recipient: str) -> dict[str, list[str]]:
    """Return the `cc` and `bcc` of a request, as its schema has read it.

    An address that the mail goes to already is left out: nobody gets it twice, and who is named openly is
    not named blindly, too.
    """
    named = {recipient}
    composed: dict[str, list[str]] = {}
    for field in ("cc", "bcc"):
        composed[field] = []
        for mailbox in given.get(field, ()):
            address = parse_mailbox(mailbox).address
            if address not in named:
                named.add(address)
                composed[field].append(mailbox)
    return composed


def compose_attachments(given: Mapping[str, Any], html: str | None) -> dict[str, tuple[Attachment, ...]]:
    """Return the `attachments` of a request, as its schema has read it, that go with this HTML.

    Raises ValidationError for a picture that no HTML can show, and for two with one `content_id`, by index.
    """
    attachments = tuple(Attachment(**attachment) for attachment in given.get("attachments", ()))
    errors = _content_id_errors(attachments, html)
    if errors:
        raise ValidationError({"attachments": errors})
    return {"attachments": attachments}


def _content_id_errors(
    attachments: Sequence[Attachment], html: str | None
) -> dict[int, dict[str, list[str]]]:
    errors = {}
    seen: set[str] = set()
    for index, attachment in enumerate(attachments):
        content_id = attachment.content_id
        if content_id is None:
            continue
        if not html:
            errors[index] = {"content_id": ["There is no `html` that could show it."]}
        elif content_id in seen:
            errors[index] = {"content_id": ["Another attachment of this message has it."]}
        seen.add(content_id)
    return errors
