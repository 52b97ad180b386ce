"""Hosts and origins as browsers write them."""

import re
from collections.abc import Iterable

from marshmallow import ValidationError

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\])"
"""A name in ASCII and lower case, or an address."""

_ORIGIN = re.compile(rf"(https?)://{_HOST}(:(?P<port>[1-9][0-9]{{0,4}}))?")
_OWN_PORTS = {"http": ":80", "https": ":443"}


def names(texts: Iterable[str]) -> frozenset[str]:
    """Return names of hosts in the form in which requests' hosts are compared with them."""
    found = frozenset(text.lower().removesuffix(".") for text in texts)
    if not all(re.fullmatch(_HOST, name) for name in found):
        raise ValidationError("must be host names without a port or a wildcard, separated by commas")
    return found


def origins(texts: Iterable[str]) -> list[str]:
    """Return origins as browsers send them: a scheme, a host and a port that is not the scheme's own."""
    found = [_ORIGIN.fullmatch(text.lower()) for text in texts]
    if any(origin is None or int(origin["port"] or 1) > 65535 for origin in found):
        raise ValidationError(
            "must be origins such as https://app.example.com, without a path or a wildcard, "
            "separated by commas"
        )
    return [origin[0].removesuffix(_OWN_PORTS[origin[1]]) for origin in found if origin is not None]


def without_port(host: str) -> str:
    """Return the name that a request's Host holds, as `names` gives it."""
    return re.sub(r":[0-9]*\Z", "", host).lower().removesuffix(".")
