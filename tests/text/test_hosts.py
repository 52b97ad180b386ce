from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.hosts import AllowedHosts

MAIL = AllowedHosts.read(["mail.example.com", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.com.", True),
        ("10.1.2.3", True),
        ("10.513", True),  # the resolver's 10.0.2.1
        ("2001:db8::1", True),
        ("::ffff:10.1.2.3", True),
        ("smtp.example.com", True),  # it may lead to 10.0.0.0/8
        ("11.1.2.3", False),
        ("0x7f000001", False),
        ("2130706433", False),
        ("::1", False),
        ("localhost", False),
        ("mail.localhost", False),
        ("a:b", False),
        ("1.2.3.4.5", False),
        ("fe80::1%eth0", False),
    ],
)
def test_a_host_shows_as_far_as_it_can_whether_it_is_allowed(host: str, expected: bool) -> None:
    assert MAIL.may_have(host) is expected


def test_where_names_alone_are_allowed_another_name_is_not() -> None:
    allowed = AllowedHosts.read(["mail.example.com"])
    assert allowed.may_have("mail.example.com")
    assert not allowed.may_have("smtp.example.com")
    assert not allowed.may_have("mail.example.com.evil.example")


@given(st.text())
def test_any_text_is_allowed_or_not(host: str) -> None:
    assert MAIL.may_have(host) in {True, False}


@given(st.ip_addresses())
def test_an_address_is_allowed_by_its_literal_as_when_it_is_connected_to(address: object) -> None:
    assert MAIL.may_have(str(address)) is MAIL.has(ip_address(str(address)))
