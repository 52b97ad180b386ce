"""Which targets webhooks may go to: public addresses by https, and what the operator allows beside them.

Pure functions. A host name says little, as it may lead elsewhere at its next look-up: what counts is the
address that is connected to.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from typing import Self
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
# What IANA's registries name beside what every Python 3.11 knows.
_SPECIAL = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


ONLY_HTTPS = "Only https is allowed, but for the targets that NOTIFYHUB_WEBHOOK_ALLOW names."
NOT_PUBLIC = "Its address is not public, and NOTIFYHUB_WEBHOOK_ALLOW does not name it."


class InvalidTarget(ValueError):
    """Nothing may be sent to a URL or an address; the text says why."""


@dataclass(frozen=True)
class Allowed:
    """The targets that may be private and plain http, on any port."""

    names: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(cls, entries: Iterable[str]) -> Self:
        """Read what the configuration has checked: host names, addresses, networks."""
        names, networks = set(), []
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                names.add(_plain(entry))
        return cls(frozenset(names), tuple(networks))

    def has_name(self, host: str) -> bool:
        """Tell whether a host is allowed by its name, whatever its address."""
        return _plain(host) in self.names

    def has(self, address: Address) -> bool:
        """Tell whether an address is allowed."""
        return any(unwrapped(address) in network for network in self.networks)


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public Internet's hosts.

    Addresses that lead through a tunnel to an IPv4 address that they name (6to4, Teredo) are none.
    """
    address = unwrapped(address)
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address.sixtofour or address.teredo):
        return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not special


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for (mapped, or behind a NAT64), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def check_address(address: Address, url: SplitResult, allowed: Allowed) -> None:
    """Raise InvalidTarget unless a URL's host may be connected to at this address."""
    if allowed.has_name(url.hostname or "") or allowed.has(address):
        return
    if url.scheme != "https":
        raise InvalidTarget(ONLY_HTTPS)
    if not is_public(address):
        raise InvalidTarget(NOT_PUBLIC)


def check_url(text: str, allowed: Allowed) -> None:
    """Raise InvalidTarget if a URL can't be used, or shows that its target is not allowed."""
    url = split(text)
    host = url.hostname or ""
    if allowed.has_name(host):
        return
    addresses = _shown(host)
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


def _check_any(addresses: Iterable[Address], url: SplitResult, allowed: Allowed) -> None:
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


def _shown(host: str) -> tuple[Address, ...]:
    """Return the addresses that a host shows without a look-up: a literal's, and those of `localhost`."""
    name = _plain(host)
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        return _LOOPBACK
    if ":" in host:
        return (IPv6Address(host),)
    # The resolver takes 127.1 and 0x7f000001, too.
    return (IPv4Address(socket.inet_aton(name)),) if _ends_with_number(name) else ()


def _is_host(host: str) -> bool:
    if ":" in host:
        return IPv6Address(host).scope_id is None  # a zone is one of this machine's own
    if not re.fullmatch(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", host) or len(host) > 253:
        return False
    if _ends_with_number(_plain(host)):
        try:
            socket.inet_aton(_plain(host))
        except OSError:
            return False
    return True


def _ends_with_number(name: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]))


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")
