"""Media types, such as `text/calendar; method=REQUEST` (RFC 2045, 5.1; RFC 6838, 4.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from notifyhub.text.lines import is_line

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
# Without * ' and %, which belong to a way to write parameters, not to their names (RFC 2231, 7).
_ATTRIBUTE = r"[A-Za-z0-9!#$&+.^_`{|}~-]+"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"  # noqa: S105 - a token of RFC 2045
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
_PARAMETER = rf" *; *({_ATTRIBUTE})=({_TOKEN}|{_QUOTED})"

PATTERN = rf"^{_NAME}/{_NAME}(?:{_PARAMETER})*$"

_TYPE = re.compile(rf"({_NAME})/({_NAME})((?:{_PARAMETER})*)")
_PARAMETERS = re.compile(_PARAMETER)
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:()_+-]{0,39}")  # as IANA's registry names them (RFC 2978, 2.3)


class InvalidMediaType(ValueError):
    """A text is no media type."""


@dataclass(frozen=True)
class MediaType:
    """A media type; the values of its parameters are without their quotes."""

    type: str
    subtype: str
    parameters: Mapping[str, str]


def parse_media_type(text: str) -> MediaType:
    """Return the media type that `text` writes out; raises InvalidMediaType if it is none."""
    found = _TYPE.fullmatch(text)
    if not found or not is_line(text):
        raise InvalidMediaType(text)
    pairs = _PARAMETERS.findall(found[3])
    parameters = {name: _unquoted(value) for name, value in pairs}
    if len({name.lower() for name in parameters}) < len(pairs):
        raise InvalidMediaType(text)
    charsets = [value for name, value in parameters.items() if name.lower() == "charset"]
    if not all(map(_CHARSET.fullmatch, charsets)):
        raise InvalidMediaType(text)
    return MediaType(found[1], found[2], parameters)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
