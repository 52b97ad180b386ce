"""Fields of what a client sends."""

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow.types import ErrorMessages

from notifyhub.api.fields import String
from notifyhub.text.addresses import to_ascii
from notifyhub.text.lines import is_line

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


class Origin(String):
    """A web origin, https://example.com, or its host alone; it is read as the host.

    Codes are bound to a host on the usual port (WICG, "Origin-bound one-time codes"). A name of another
    script is taken as the domain name system has it.
    """

    default_error_messages: ErrorMessages = {"origin": "Enter an origin such as https://example.com."}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        text = super()._deserialize(value, *args, **options)
        try:
            url = urlsplit(text if "://" in text else f"https://{text}")
            host = to_ascii(url.hostname or "")
            is_origin = url.scheme == "https" and url.port in {None, 443} and "@" not in url.netloc
        except ValueError:  # InvalidAddress, too
            raise self.make_error("origin") from None
        if (
            not is_origin
            or not is_line(text)  # urlsplit would drop line ends
            or url.path not in {"", "/"}
            or url.query
            or url.fragment
            or not _HOST.fullmatch(host)
        ):
            raise self.make_error("origin")
        return host
