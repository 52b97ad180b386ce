"""A mail as the bytes that go out: headers in any script, text and HTML, files (RFC 5322, 2045 to 2047).

Bodies are in seven bits, whatever the server's extensions: one form of a mail for all of them. They are
written by bytes: a list of its lines would take a hundred times the memory of a text of empty lines.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BytesIO
from secrets import token_hex

from notifyhub.providers.base import Attachment, Email
from notifyhub.providers.errors import Refused
from notifyhub.providers.smtp import headers
from notifyhub.text.addresses import InvalidAddress, Mailbox, parse_mailbox
from notifyhub.text.lines import is_line
from notifyhub.text.media_types import InvalidMediaType, MediaType, parse_media_type

_LONG_LINE = re.compile(rb"^.{79}", re.MULTILINE)
# What keeps bytes from going out as they are (RFC 2045, 2.7).
_NOT_SEVEN_BIT = re.compile(rb"[\0\x80-\xff]|\r(?!\n)|(?<!\r)\n|^[^\r\n]{999}", re.MULTILINE)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_URL = re.compile(r"[!-;=?-~]{1,978}")  # by which its header has the 998 characters of RFC 5322, 2.1.1
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n"
_BYTES = MediaType("application", "octet-stream", {})


def read_mailbox(text: str) -> Mailbox | None:
    """Return an address or `Name <address>`; None if `text` is neither."""
    try:
        return parse_mailbox(text)
    except InvalidAddress:
        return None


def compose(email: Email, sender: Mailbox, recipient: Mailbox, cc: Sequence[Mailbox] = ()) -> bytes:
    """Return the message with CRLF line ends; line breaks in what becomes a header are Refused.

    It is in ASCII but for addresses whose local part is not, which take SMTPUTF8 (RFC 6531). Blind copies
    leave no trace in it.
    """
    reply_to = read_mailbox(email.reply_to) if email.reply_to else None
    if email.reply_to and not reply_to:
        raise Refused("invalid_header", "The address to reply to is not an e-mail address.")
    named = [email.subject]
    named += [text for file in email.attachments for text in (file.filename, file.content_type)]
    ids = [f"<{file.content_id}>" for file in email.attachments if file.content_id is not None]
    if not (all(map(_MESSAGE_ID.fullmatch, [email.message_id, *ids])) and all(map(is_line, named))):
        raise Refused("invalid_header", "A header must be one line without control characters.")
    written = [headers.mailbox("From", sender), headers.mailbox("To", recipient)]
    written += [headers.mailboxes("Cc", cc)] if cc else []
    written += [headers.mailbox("Reply-To", reply_to)] if reply_to else []
    written += [
        headers.unstructured("Subject", email.subject),
        headers.token("Date", format_datetime(datetime.now(UTC))),
        headers.token("Message-ID", email.message_id),
        *_list_headers(email.unsubscribe_url),
        headers.token("MIME-Version", "1.0"),
    ]
    return b"".join(["".join(written).encode(), *_content(email)])


def _list_headers(unsubscribe_url: str | None) -> list[str]:
    """Return the headers by which mail programs offer to unsubscribe with one click (RFC 8058, 3.1)."""
    if unsubscribe_url is None:
        return []
    if not _URL.fullmatch(unsubscribe_url):
        raise Refused("invalid_header", "The URL to unsubscribe at is none that fits into a header.")
    return [
        headers.token("List-Unsubscribe", f"<{unsubscribe_url}>"),
        headers.token("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def _content(email: Email) -> Sequence[bytes]:
    """Return the body and its headers: mixed(alternative(text, related(html, pictures)), files)."""
    shown = [file for file in email.attachments if file.content_id is not None and email.html]
    files = [file for file in email.attachments if file.content_id is None or not email.html]
    bodies = [_text("plain", email.text)] if email.text or not email.html else []
    if email.html:
        html = _text("html", email.html)
        parts = [html, *(_file(file, "inline") for file in shown)]
        bodies.append(_multipart("related", parts, type="text/html") if shown else html)
    body = _multipart("alternative", bodies) if len(bodies) > 1 else bodies[0]
    attached = [_file(file, "attachment") for file in files]
    return _multipart("mixed", [body, *attached]) if attached else body


def _multipart(subtype: str, parts: Sequence[Sequence[bytes]], **parameters: str) -> list[bytes]:
    boundary = token_hex(16)
    named = {**parameters, "boundary": boundary}
    written = [headers.parametrized("Content-Type", f"multipart/{subtype}", named).encode()]
    for part in parts:
        written += [f"\r\n--{boundary}\r\n".encode(), *part]
    return [*written, f"\r\n--{boundary}--\r\n".encode()]


def _text(subtype: str, text: str) -> list[bytes]:
    """Return a part with a text, its last line ended."""
    data = text.encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = data if data.endswith(b"\n") else data + b"\n"
    encoding, encoded = _encoded(data)
    content_type = headers.parametrized("Content-Type", f"text/{subtype}", {"charset": "utf-8"})
    return [f"{content_type}{headers.token('Content-Transfer-Encoding', encoding)}\r\n".encode(), encoded]


def _encoded(data: bytes) -> tuple[str, bytes]:
    escaped = len(data.translate(None, delete=_PLAIN))
    if not escaped and not _LONG_LINE.search(data):
        return "7bit", data.replace(b"\n", b"\r\n")
    if 2 * escaped < len(data) / 3:  # by which base64 is longer
        return "quoted-printable", b2a_qp(data).replace(b"\n", b"\r\n")
    return "base64", _base64(data.replace(b"\n", b"\r\n"))


def _base64(data: bytes) -> bytes:
    """Return `data` in lines of 76 characters."""
    written, view = BytesIO(), memoryview(data)
    for start in range(0, len(data), 57):
        written.write(b2a_base64(view[start : start + 57], newline=False))
        written.write(b"\r\n")
    return written.getvalue()


def _file(file: Attachment, disposition: str) -> list[bytes]:
    kind = _media_type(file)
    is_base64 = kind.type.lower() != "message"  # RFC 2046 5.2.1 forbids it for those
    written = [
        headers.parametrized("Content-Type", f"{kind.type}/{kind.subtype}", kind.parameters),
        headers.parametrized("Content-Disposition", disposition, {"filename": file.filename}),
        headers.token("Content-Transfer-Encoding", "base64" if is_base64 else "7bit"),
    ]
    written += [headers.token("Content-ID", f"<{file.content_id}>")] if disposition == "inline" else []
    content = _base64(file.content) if is_base64 else file.content
    return ["".join(written).encode() + b"\r\n", content]


def _media_type(file: Attachment) -> MediaType:
    """Return a file's type; what is none, or allows no encoding where the bytes need one, is just bytes."""
    try:
        kind = parse_media_type(file.content_type)
    except InvalidMediaType:
        return _BYTES
    match kind.type.lower(), kind.subtype.lower():
        case "message", "rfc822":
            return _BYTES if _NOT_SEVEN_BIT.search(file.content) else kind
        case "message" | "multipart", _:
            return _BYTES
    return kind
