"""Senders of email."""

import pytest
from marshmallow import ValidationError

from notifyhub.notifiers.fields import NamedAddress


@pytest.mark.parametrize(
    "sender",
    [
        "a@b.ir",
        "first.last+tag@mail.example.com",
        "a@localhost",
        "a@xn--mgbh0fb.ir",
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
    assert NamedAddress().deserialize(sender) == sender


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "a",
        "a@",
        "@b.ir",
        "a@b",
        "a b@c.ir",
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
    with pytest.raises(
        ValidationError, match=r"Enter a valid email address\.|may not be blank|invisible|Line ends"
    ):
        NamedAddress().deserialize(sender)


@pytest.mark.parametrize("sender", ["a@i\u2764.ws", "N <a@gm\u200bail.com>", "N <=?utf-8?q?a?=@b.ir>"])
def test_an_address_that_can_not_be_sent_from_is_refused_with_the_reason(sender: str) -> None:
    with pytest.raises(ValidationError, match=r"IDNA|invisible|Encoded words"):
        NamedAddress().deserialize(sender)


def test_the_address_is_kept_in_its_one_form_and_the_name_as_given() -> None:
    assert (
        NamedAddress().deserialize('"Shop,  Inc." <Info@Straße.DE>')
        == '"Shop,  Inc." <Info@xn--strae-oqa.de>'
    )
