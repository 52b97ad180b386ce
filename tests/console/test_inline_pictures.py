"""Pictures of a mail in its HTML, as the console shows it."""

from typing import Any

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Channel, Message, MessageAttachment
from tests.support.console import Console
from tests.support.factories import MessageFactory

LOGO, PNG = "data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,cG5n"


def mail(app: Flask, html: str, *files: dict[str, Any]) -> str:
    """Store a mail; return where its HTML is shown."""
    with app.app_context():
        message: Message = MessageFactory(
            channel=Channel.EMAIL, recipient="a@example.com", subject="s", html=html
        )
        for file in files:
            whole = {"filename": "a", "content_type": "image/png", "content": b"png", **file}
            db.session.add(MessageAttachment(message_id=message.id, **whole))
        db.session.commit()
        return f"/messages/{message.id}/html"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<img src="cid:logo">', f'<img src="{LOGO}">'),
        ("<img src=cid:logo>", f"<img src={LOGO}>"),
        ("<img src='CID:logo' alt>", f"<img src='{LOGO}' alt>"),
        ('<p style="background: url(cid:logo)">', f'<p style="background: url({LOGO})">'),
        ('<img src="cid:a&amp;b@c"><img src="cid:a&b@c">', f'<img src="{PNG}"><img src="{PNG}">'),
        ('<img src="cid:a%26b%40c">', f'<img src="{PNG}">'),
        ('<img src="cid:Logo"><img src="cid:logo2">', None),
        ('<img src="cid:page"><img src="cid:odd">', None),
        ('<p title="acid:logo">cid:logo, "cid:logo.png"', None),
    ],
)
def test_html_shows_the_pictures_that_go_with_it(
    operator: Console, app: Flask, html: str, shown: str | None
) -> None:
    logo = {"content_id": "logo", "content_type": 'image/svg+xml; name="<x>"', "content": b"<svg/>"}
    page = {"content_id": "page", "content_type": "text/html"}
    odd = {"content_id": "odd", "content_type": "image"}
    url = mail(app, html, logo, {"content_id": "a&b@c"}, page, odd, {})
    assert operator.get(url).html == (shown or html)


def test_a_page_has_only_so_much_of_a_picture_that_is_named_often(operator: Console, app: Flask) -> None:
    large = {"content_id": "logo", "content": bytes(3 * 1024 * 1024)}
    shown = operator.get(mail(app, 100 * '<img src="cid:logo">', large)).html
    assert (shown.count('"data:image/png'), shown.count('"cid:logo"')) == (3, 97)
