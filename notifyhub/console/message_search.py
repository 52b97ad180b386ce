"""Filters of messages as people give them, turned into the API's: a page's address has the API's alone."""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from notifyhub.console import moments
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.digits import ascii_digits
from notifyhub.text.phones import InvalidNumber, to_e164

SEARCH, ACCOUNT = "q", "account"
"""What forms have and the API does not: a text to look for; a channel with one of its notifiers."""

_ID = re.compile(r"#?([0-9]{1,18})")
_NUMBERS = ("batch", "notifier", "pattern", "id_min", "id_max")
_CONVERTED: dict[str, Callable[[str], str]] = {
    "created_from": moments.first_moment,
    "created_to": moments.last_moment,
    **dict.fromkeys(_NUMBERS, lambda text: ascii_digits(text.strip())),
}


def canonical(given: MultiDict[str, str]) -> dict[str, str]:
    """Return the API's parameters for those that a form has sent; empty ones are left out."""
    asked = {name: ",".join(filter(None, given.getlist(name))) for name in ("status",)}
    asked |= {name: value for name, value in given.items() if name not in {"status", SEARCH, ACCOUNT}}
    channel, _, notifier = given.get(ACCOUNT, "").partition(":")
    if notifier and given.get("channel", "") in {"", channel}:
        asked |= {"channel": channel, "notifier": notifier}
    for name, convert in _CONVERTED.items():
        if asked.get(name):
            asked[name] = convert(asked[name])
    return {name: value for name, value in asked.items() if value.strip()}


def is_canonical(given: MultiDict[str, str]) -> bool:
    """Return whether the parameters are the API's already."""
    return canonical(given) == given.to_dict() and len(given) == len(list(given.items(multi=True)))


def found_id(text: str) -> int | None:
    """Return the id of a message that somebody looks for, None if it is no id: a number of no telephone."""
    match = _ID.fullmatch(ascii_digits(text.strip()))
    return int(match[1]) if match and recipient(text) is None else None


def recipient(text: str) -> str | None:
    """Return the recipient that somebody looks for, in the form in which it is stored; None if it is none."""
    with suppress(InvalidNumber, InvalidAddress):
        return normalize_address(text.strip()) if "@" in text else to_e164(text)
    return None


def filter_for(text: str) -> dict[str, str]:
    """Return the parameters that find what somebody looks for: messages to a recipient, or of a reference."""
    to = recipient(text)
    return {"reference": text.strip()} if to is None else {"to": to}


def query(parameters: dict[str, str]) -> str:
    """Return parameters as an address has them, with the ? in front; nothing for none."""
    return f"?{urlencode(parameters)}" if parameters else ""
