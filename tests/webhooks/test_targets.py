"""Where webhooks may go."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.hosts import AllowedHosts
from notifyhub.webhooks.targets import InvalidTarget, check_address, check_url, is_public

NOTHING = AllowedHosts.read([])
SOME = AllowedHosts.read(["Shop.Internal.", "10.0.0.0/8", "192.168.1.5", "127.0.0.1", "fd00::/8"])

INVALID = "Enter a valid URL."
PLAIN = "Only https is allowed, but for the targets that NOTIFYHUB_WEBHOOK_ALLOW names."
PRIVATE = "Its address is not public, and NOTIFYHUB_WEBHOOK_ALLOW does not name it."
USER = "A URL with a user name or a password is not allowed."
FRAGMENT = "A URL with a fragment is not allowed."


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::8.8.8.8", True),
        ("::ffff:8.8.8.8", True),
        # this network, loopback, private, shared, link-local (the clouds' metadata among them)
        ("0.0.0.0", False),
        ("0.1.2.3", False),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.31.255.255", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("169.254.169.254", False),
        # special purposes, documentation, benchmarks, multicast, reserved, broadcast
        ("192.0.0.192", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        # the same behind IPv6
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::127.0.0.1", False),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::8.8.8.8", False),
        ("2002:7f00:1::", False),
        ("2002:808:808::", False),
        ("2001:0:808:808::1", False),
        # IPv6's own
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
    ],
)
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_behind_ipv6(address: IPv4Address) -> None:
    for behind in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(IPv6Address(behind)) is is_public(address)


@pytest.mark.parametrize(
    ("url", "allowed", "refusal"),
    [
        ("https://shop.example.com/hook?a=b", NOTHING, None),
        ("https://shop.example.com:8443/", NOTHING, None),
        ("https://8.8.8.8/", NOTHING, None),
        ("https://[2606:4700::1111]:444", NOTHING, None),
        ("http://shop.example.com/", NOTHING, PLAIN),
        ("http://8.8.8.8/", NOTHING, PLAIN),
        ("http://shop.example.com/", SOME, PLAIN),
        ("http://8.8.8.8/", SOME, PLAIN),
        # private ones, in every spelling that a resolver takes
        ("https://127.0.0.1/", NOTHING, PRIVATE),
        ("https://2130706433/", NOTHING, PRIVATE),
        ("https://0x7f000001/", NOTHING, PRIVATE),
        ("https://0177.0.0.1/", NOTHING, PRIVATE),
        ("https://127.1/", NOTHING, PRIVATE),
        ("https://127.0.0.1./", NOTHING, PRIVATE),
        ("https://[::1]/", NOTHING, PRIVATE),
        ("https://[::ffff:127.0.0.1]/", NOTHING, PRIVATE),
        ("https://169.254.169.254/latest", NOTHING, PRIVATE),
        ("https://localhost/", NOTHING, PRIVATE),
        ("https://LOCALHOST./", NOTHING, PRIVATE),
        ("https://a.localhost/", NOTHING, PRIVATE),
        ("https://172.16.0.1/", SOME, PRIVATE),
        ("https://192.168.1.6/", SOME, PRIVATE),
        # allowed by name, address or network: plain http and any port
        ("http://shop.internal:8080/hook", SOME, None),
        ("http://SHOP.internal./", SOME, None),
        ("http://10.20.30.40:81/", SOME, None),
        ("http://192.168.1.5/", SOME, None),
        ("https://192.168.1.5/", SOME, None),
        ("http://[fd00::7]:9000/", SOME, None),
        ("http://[::ffff:10.0.0.1]/", SOME, None),
        ("http://localhost:9000/", SOME, None),
        ("http://[::1]:9000/", SOME, PLAIN),
        ("http://other.shop.internal/", SOME, PLAIN),
        # no URL that can be requested
        ("shop.example.com", NOTHING, INVALID),
        ("ftp://shop.example.com/", NOTHING, INVALID),
        ("https://", NOTHING, INVALID),
        ("https:///hook", NOTHING, INVALID),
        ("https://shop example.com/", NOTHING, INVALID),
        ("https://shop.example.com/a b", NOTHING, INVALID),
        ("https://shop.example.com/a\nb", NOTHING, INVALID),
        ("https://shop.example.com/سلام", NOTHING, INVALID),
        ("https://shop..example.com/", NOTHING, INVALID),
        ("https://127.0.0.1\\@shop.example.com/", NOTHING, INVALID),
        ("https://shop.example.com:0/", NOTHING, INVALID),
        ("https://shop.example.com:65536/", NOTHING, INVALID),
        ("https://shop.example.com:x/", NOTHING, INVALID),
        ("https://256.1.1.1/", NOTHING, INVALID),
        ("https://1.2.3.4.5/", NOTHING, INVALID),
        ("https://[::1/", NOTHING, INVALID),
        ("https://[v1.a:b]/", NOTHING, INVALID),
        ("https://[fe80::1%25eth0]/", NOTHING, INVALID),
        (f"https://{'a' * 64}.example.com/", NOTHING, INVALID),
        ("https://user:password@shop.example.com/", NOTHING, USER),
        ("https://user@shop.example.com/", NOTHING, USER),
        ("https://@shop.example.com/", NOTHING, USER),
        ("https://shop.example.com/#part", NOTHING, FRAGMENT),
        ("https://shop.example.com/#", NOTHING, FRAGMENT),
    ],
)
def test_a_url_is_taken_or_refused_by_what_it_shows(
    url: str, allowed: AllowedHosts, refusal: str | None
) -> None:
    if refusal is None:
        check_url(url, allowed)
    else:
        with pytest.raises(InvalidTarget) as refused:
            check_url(url, allowed)
        assert str(refused.value) == refusal


@given(st.text(max_size=40).map(lambda text: f"https://{text}") | st.text(max_size=40))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with suppress(InvalidTarget):
        check_url(text, SOME)
        assert text.lower().startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("url", "address", "refusal"),
    [
        ("https://shop.example.com/", "8.8.8.8", None),
        ("https://shop.example.com/", "10.0.0.1", None),
        ("https://shop.example.com/", "127.0.0.2", PRIVATE),
        ("http://shop.internal/", "127.0.0.2", None),
        ("http://localhost/", "127.0.0.1", None),
        ("http://localhost/", "::1", PLAIN),
        ("http://localhost/", "8.8.8.8", PLAIN),
    ],
)
def test_the_address_that_is_connected_to_decides(url: str, address: str, refusal: str | None) -> None:
    parts = urlsplit(url)
    if refusal is None:
        check_address(ip_address(address), parts, SOME)
    else:
        with pytest.raises(InvalidTarget, match=refusal):
            check_address(ip_address(address), parts, SOME)
