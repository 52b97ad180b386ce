"""Hosts and their addresses, and lists of those that the operator allows. Pure functions."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Self

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class HostNotAllowed(ValueError):
    """The operator has not allowed this host."""


@dataclass(frozen=True)
class AllowedHosts:
    """The hosts that a variable allows: by name, by address, or by network."""

    names: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(cls, entries: Iterable[str]) -> Self:
        """Parse entries that the configuration has checked: host names, addresses, networks."""
        names, networks = set(), []
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                names.add(normalize_host(entry))
        return cls(frozenset(names), tuple(networks))

    def has_name(self, host: str) -> bool:
        """Return whether a host is allowed by its name, whatever its address."""
        return normalize_host(host) in self.names

    def has(self, address: Address) -> bool:
        """Return whether an address is allowed."""
        return any(unwrapped(address) in network for network in self.networks)

    def may_have(self, host: str) -> bool:
        """Return whether a host may turn out to be allowed, judged without a look-up in the DNS."""
        if self.has_name(host):
            return True
        try:
            addresses = shown_addresses(host)
        except (ValueError, OSError):  # it is no address, though it looks like one
            return False
        return any(map(self.has, addresses)) if addresses else bool(self.networks)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for (mapped, or behind a NAT64), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def shown_addresses(host: str) -> tuple[Address, ...]:
    """Return the addresses that are known without a look-up: of an IP literal, and of `localhost`.

    Raises ValueError or OSError for what looks like an address and is none.
    """
    name = normalize_host(host)
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        return _LOOPBACK
    if ":" in host:
        return (IPv6Address(host),)
    # The resolver takes 127.1 and 0x7f000001, too.
    return (IPv4Address(socket.inet_aton(name)),) if ends_with_number(name) else ()


def ends_with_number(name: str) -> bool:
    """Return whether the resolver takes a name as an IPv4 address: no host name ends with a number."""
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]))


def normalize_host(host: str) -> str:
    """Return the form in which host names are compared: lower case, without the dot of the root."""
    return host.lower().removesuffix(".")
