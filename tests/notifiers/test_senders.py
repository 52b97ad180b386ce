"""Senders of email."""

from email.headerregistry import Address
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from notifyhub.notifiers.senders import is_sender


@pytest.mark.parametrize(
    "sender",
    [
        "a@b.ir",
        "first.last+tag@mail.example.com",
        "a@localhost",
        "a@مثال.ir",
        "Name <a@b.ir>",
        "Name<a@b.ir>",
        "<a@b.ir>",
        "J. Smith <a@b.ir>",
        "نام فارسی <a@b.ir>",
        "فروشگاه\u200cما <a@b.ir>",
        "فروشگاه، نمونه <a@b.ir>",
        "A\xa0B <a@b.ir>",
        '"Shop, Inc." <a@b.ir>',
        '"<Shop>" <a@b.ir>',
        '"a@b.ir" <c@d.ir>',
    ],
)
def test_an_address_with_or_without_a_name_is_a_sender(sender: str) -> None:
    assert is_sender(sender) == sender


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "a",
        "a@",
        "@b.ir",
        "a@b",
        "a b@c.ir",
        "a@b.ir\n",
        "a@b.ir\nBcc: c@d.ir",
        "Name\r\n <a@b.ir>",
        "Na\u2028me <a@b.ir>",
        "Na\u2029me <a@b.ir>",
        "Na\x85me <a@b.ir>",
        "Na\x0bme <a@b.ir>",
        "Na\tme <a@b.ir>",
        "Name <a@b.ir\n>",
        "a@b.ir, c@d.ir",
        "a@b.ir; c@d.ir",
        "a@b.ir c@d.ir",
        "a@b.ir, N <c@d.ir>",
        "N <a@b.ir>, M <c@d.ir>",
        "a@b.ir <c@d.ir>",
        "<a@b.ir> <a@b.ir>",
        "Shop, Inc. <a@b.ir>",
        'N" <a@b.ir>',
        "Name <a@b.ir> more",
        "Name <a b@c.ir>",
        "Name <<a@b.ir>>",
        "Name <>",
        "Name <a@b.ir",
    ],
)
def test_anything_else_is_none(sender: str) -> None:
    with pytest.raises(ValidationError, match=r"Enter a valid email address\."):
        is_sender(sender)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40))
def test_any_name_can_be_written_as_a_sender(name: str) -> None:
    sender = str(Address(name, addr_spec="a@b.ir")) if name else "a@b.ir"
    assert is_sender(sender) == sender


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_a_sender_never_stands_for_another_address(text: str) -> None:
    try:
        is_sender(f"{text} <a@b.ir>")
    except ValidationError:
        return
    assert [address for _, address in getaddresses([f"{text} <a@b.ir>"])] == ["a@b.ir"]
