"""URLs that go into mail headers, in the one form that any reader takes: ASCII (RFC 3986)."""

import re
from urllib.parse import quote, urlsplit

from notifyhub.text.addresses import InvalidAddress, to_ascii
from notifyhub.text.lines import is_line

MAX_URL_CHARACTERS = 978
"""By which `List-Unsubscribe: <…>` fits into one line of 998 characters (RFC 5322, 2.1.1)."""

# What RFC 3986 allows, and the percent sign of what is encoded already.
_KEPT = "!#$&'()*+,-./:;=?@_~%"
_FORBIDDEN = re.compile(r'[\s<>"\\]')
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT = re.compile(r"[0-9]{1,5}")


class InvalidURL(ValueError):
    """The text is no URL that can be used; its words are for the client."""


def normalize_https_url(text: str) -> str:
    """Return an https URL in ASCII: its host by IDNA 2008, other characters percent-encoded in UTF-8.

    Raises InvalidURL, for another scheme and for a user name too.
    """
    if not is_line(text) or _FORBIDDEN.search(text) or _BROKEN_ESCAPE.search(text):
        raise InvalidURL("Enter a valid URL.")
    try:
        url = urlsplit(text)
    except ValueError:  # what Unicode takes for a slash or an @ in a host
        raise InvalidURL("Enter a valid URL.") from None
    if url.scheme != "https":
        raise InvalidURL("Only https is allowed.")
    if "@" in url.netloc:
        raise InvalidURL("A URL with a user name or a password is not allowed.")
    host, colon, port = url.netloc.partition(":")
    rest = text.partition("//")[2].removeprefix(url.netloc)
    written = f"https://{_host(host)}{colon and _port(port)}{quote(rest, safe=_KEPT)}"
    if len(written) > MAX_URL_CHARACTERS:
        raise InvalidURL(f"Ensure this field has no more than {MAX_URL_CHARACTERS} characters in ASCII.")
    return written


def _host(host: str) -> str:
    try:
        return to_ascii(host)
    except InvalidAddress:
        raise InvalidURL("Enter a valid URL.") from None


def _port(port: str) -> str:
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise InvalidURL("Enter a valid URL.")
    return f":{port}"
