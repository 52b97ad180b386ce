"""The pictures that go with a mail, put into its HTML, which is looked at without a mail program here."""

import re
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from notifyhub.messages.history import Picture
from notifyhub.text.media_types import InvalidMediaType, parse_media_type

MAX_SHOWN_CHARACTERS = 16 * 1024 * 1024
"""Of all pictures in a page: a short HTML can name a large one many times."""


def with_pictures(html: str, pictures: Iterable[Picture]) -> str:
    """Return HTML in which each `cid:` URL of a picture is one that holds the picture itself."""
    urls: dict[str, str] = {}
    for picture in pictures:
        if url := _data_url(picture):
            urls |= dict.fromkeys(_spellings(picture.content_id), url)
    if not urls:
        return html
    named = "|".join(re.escape(spelling) for spelling in sorted(urls, key=len, reverse=True))
    room = MAX_SHOWN_CHARACTERS

    def shown(found: re.Match[str]) -> str:
        nonlocal room
        url = urls[found[1]]
        if len(url) > room:
            return found[0]
        room -= len(url)
        return url

    return re.sub(rf"""(?<=["'(=\s])(?i:cid):({named})(?=["')\s>])""", shown, html)


def _data_url(picture: Picture) -> str | None:
    """Return the URL that holds a picture (RFC 2397); None if it is none."""
    try:
        kind = parse_media_type(picture.content_type)
    except InvalidMediaType:
        return None
    if kind.type.lower() != "image":
        return None
    return f"data:image/{quote(kind.subtype, safe='+')};base64,{b64encode(picture.content).decode()}"


def _spellings(content_id: str) -> set[str]:
    """Return how an attribute may spell a name: as it is, escaped as HTML, or as a URL (RFC 2392)."""
    return {content_id, content_id.replace("&", "&amp;"), escape(content_id), quote(content_id, safe="")}
