"""A mail as the bytes that go out: headers in any script, text and HTML, files (RFC 5322, 2045 to 2047)."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from notifyhub.delivery.backends.failures import Refused
from notifyhub.delivery.backends.interface import Attachment, Email
from notifyhub.text.lines import is_line

# Seven bits in bodies, whatever the server's extensions: one form of a mail for all of them.
ASCII = SMTP.clone(cte_type="7bit")
UTF8 = ASCII.clone(utf8=True)


def parse_address(text: str) -> Address | None:
    """Return an address or `Name <address>`, its domain in ASCII (IDNA); None if `text` is neither."""
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not (local and domain) or not is_line(text):
        return None
    try:
        return Address(name, username=local, domain=domain.encode("idna").decode("ascii"))
    except (ValueError, IndexError):  # UnicodeError is one; the parser's own slips on odd input are the other
        return None


def compose(email: Email, sender: Address, recipient: Address) -> EmailMessage:
    """Return the message; line breaks in what becomes a header are Refused (header injection)."""
    reply_to = parse_address(email.reply_to) if email.reply_to else None
    if email.reply_to and not reply_to:
        raise Refused("invalid_header", "The address to reply to is not an e-mail address.")
    named = [email.subject, email.message_id]
    named += [value for file in email.attachments for value in (file.filename, file.content_type)]
    if not all(map(is_line, named)):
        raise Refused("invalid_header", "A header must be one line without control characters.")
    message = EmailMessage(policy=ASCII)
    message["From"] = sender
    message["To"] = recipient
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = email.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = email.message_id
    if email.text or not email.html:
        message.set_content(email.text)
    if email.html and email.text:
        message.add_alternative(email.html, subtype="html")
    elif email.html:
        message.set_content(email.html, subtype="html")
    for file in email.attachments:
        _attach(message, file)
    return message


def as_bytes(message: EmailMessage, *, utf8_headers: bool) -> bytes:
    """Return the message with CRLF line ends; with `utf8_headers` for a server of SMTPUTF8 (RFC 6531)."""
    return message.as_bytes(policy=UTF8 if utf8_headers else ASCII).removesuffix(b"\r\n") + b"\r\n"


def _attach(message: EmailMessage, file: Attachment) -> None:
    kind = EmailMessage(policy=ASCII)
    kind["Content-Type"] = file.content_type
    maintype, subtype = kind.get_content_maintype(), kind.get_content_subtype()
    if kind["Content-Type"].defects or maintype in {"message", "multipart"}:
        # RFC 2046 5.2.1 forbids base64 for those; what is no type at all is just bytes.
        maintype, subtype = "application", "octet-stream"
    parameters = {name: value for name, value in kind["Content-Type"].params.items() if name == "charset"}
    message.add_attachment(
        file.content, maintype=maintype, subtype=subtype, filename=file.filename, params=parameters
    )
