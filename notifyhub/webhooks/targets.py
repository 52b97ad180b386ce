"""Which targets webhooks may go to: public addresses by https, and what the operator allows beside them.

Pure functions. A host name says little, as it may lead elsewhere at its next look-up: what counts is the
address that is connected to.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_network
from urllib.parse import SplitResult, urlsplit

from notifyhub.text.hosts import (
    Address,
    AllowedHosts,
    ends_with_number,
    normalize_host,
    shown_addresses,
    unwrapped,
)

_UNICAST = IPv6Network("2000::/3")
# What IANA's registries name beside what every Python 3.11 knows.
_SPECIAL = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))


ONLY_HTTPS = "Only https is allowed, but for the targets that NOTIFYHUB_WEBHOOK_ALLOW names."
NOT_PUBLIC = "Its address is not public, and NOTIFYHUB_WEBHOOK_ALLOW does not name it."


class InvalidTarget(ValueError):
    """Nothing may be sent to a URL or an address; the text says why."""


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet's hosts.

    Addresses that lead through a tunnel to an IPv4 address that they name (6to4, Teredo) are none.
    """
    address = unwrapped(address)
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address.sixtofour or address.teredo):
        return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not special


def check_address(address: Address, url: SplitResult, allowed: AllowedHosts) -> None:
    """Raise InvalidTarget unless a URL's host may be connected to at this address."""
    if allowed.has_name(url.hostname or "") or allowed.has(address):
        return
    if url.scheme != "https":
        raise InvalidTarget(ONLY_HTTPS)
    if not is_public(address):
        raise InvalidTarget(NOT_PUBLIC)


def check_url(text: str, allowed: AllowedHosts) -> None:
    """Raise InvalidTarget if a URL can't be used, or shows that its target is not allowed."""
    url = split(text)
    host = url.hostname or ""
    if allowed.has_name(host):
        return
    addresses = shown_addresses(host)
    if addresses:
        _check_any(addresses, url, allowed)
    elif url.scheme != "https":
        raise InvalidTarget(ONLY_HTTPS)


def split(text: str) -> SplitResult:
    """Return the parts of a URL that can be requested; raises InvalidTarget."""
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and _is_host(url.hostname or "") and url.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise InvalidTarget("Enter a valid URL.")
    if "@" in url.netloc:
        raise InvalidTarget("A URL with a user name or a password is not allowed.")
    if "#" in text:
        raise InvalidTarget("A URL with a fragment is not allowed.")
    return url


def _check_any(addresses: Iterable[Address], url: SplitResult, allowed: AllowedHosts) -> None:
    """Raise InvalidTarget unless one of a host's addresses may be connected to."""
    refusals = []
    for address in addresses:
        try:
            check_address(address, url, allowed)
        except InvalidTarget as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def _is_host(host: str) -> bool:
    if ":" in host:
        return IPv6Address(host).scope_id is None  # a zone is one of this machine's own
    if not re.fullmatch(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", host) or len(host) > 253:
        return False
    if ends_with_number(normalize_host(host)):
        try:
            socket.inet_aton(normalize_host(host))
        except OSError:
            return False
    return True
