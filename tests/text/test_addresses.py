"""The one form of a mail address."""

import idna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from notifyhub.text.addresses import InvalidAddress, normalize_address, normalize_mailbox, parse_mailbox
from notifyhub.text.invisible import is_invisible

INVISIBLE = (
    "\u00a0\u00ad\u034f\u061c\u115f\u180e\u200b\u200e\u200f\u202a\u202e"
    "\u2060\u2065\u2066\u2069\u2800\u3000\ufe0f\ufeff\ufff0\U000e0001"
)
ATOMS = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~éع", min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("given_", "one"),
    [
        ("info@نامه\u200cای.com", "info@xn--mgba3gch31f060k.com"),
        ("user@straße.de", "user@xn--strae-oqa.de"),
        ("user@STRASSE.de", "user@strasse.de"),
        ("a@κλαρα-σωλις.ευ", "a@xn----ylba7abgd9bnh0e.xn--qxa6a"),
        ("a@ශ්\u200dරී.com", "a@xn--10cl1a0b660p.com"),
        ("a@مثال.ایران", "a@xn--mgbh0fb.xn--mgba3a4f16a"),
        ("a@XN--MGBH0FB.xn--mgba3a4f16a", "a@xn--mgbh0fb.xn--mgba3a4f16a"),
        ("victim@ｇmail.com", "victim@gmail.com"),
        ("victim@ⓖmail。com", "victim@gmail.com"),
        ("First.Last+tag@Mail.Example.COM", "First.Last+tag@mail.example.com"),
        ("\u0639\u0644\u06cc@example.com", "\u0639\u0644\u06cc@example.com"),
        ("a@localhost", "a@localhost"),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ('"a b\\"c"@example.com', '"a b\\"c"@example.com'),
        ('"vic\\tim"@gmail.com', "victim@gmail.com"),
        (
            "x" * 64 + "@" + ".".join(["a" * 61] * 4) + ".com",
            "x" * 64 + "@" + ".".join(["a" * 61] * 4) + ".com",
        ),
    ],
)
def test_an_address_has_one_form(given_: str, one: str) -> None:
    assert normalize_address(given_) == one


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("", "Enter a valid"),
        ("a", "Enter a valid"),
        ("a@", "Enter a valid"),
        ("@b.ir", "Enter a valid"),
        ("a@b", "Enter a valid"),
        ("a@b@c.ir", "Enter a valid"),
        ("a..b@c.ir", "Enter a valid"),
        (".a@c.ir", "Enter a valid"),
        ("a b@c.ir", "Enter a valid"),
        ("a,b@c.ir", "Enter a valid"),
        ("a@b_c.ir", "Enter a valid"),
        ("a@-b.ir", "Enter a valid"),
        ("a@b.ir.", "Enter a valid"),
        ("a@192.0.2.1", "Enter a valid"),
        ("a@[192.0.2.1]", "Enter a valid"),
        ("a@[IPv6:2001:db8::1]", "Enter a valid"),
        ("\ud800@b.ir", "Line ends"),
        ("a@" + "b" * 64 + ".ir", "Enter a valid"),
        ("a@" + ".".join(["b" * 62] * 4) + ".ir", "Enter a valid"),
        ("a@" + "é" * 100_000 + ".ir", "Enter a valid"),
        ("a@b\n.ir", "Line ends"),
        ("a@b\ud800.ir", "Line ends"),
        ("a@example.com\u200f", "invisible"),
        ("a@g\u00admail.com", "invisible"),
        ("a@gm\u200bail.com", "invisible"),
        ("a\u200d@b.ir", "invisible"),
        ("a\u200c@b.ir", "invisible"),
        ("a@gma\u200cil.com", "IDNA 2008"),
        ("a@i\u2764.ws", "IDNA 2008"),
        ("a@xn--abc.com", "IDNA 2008"),
        ("a@" + "é" * 60 + ".ir", "IDNA 2008"),
        ("=?utf-8?q?a=0A?=@b.ir", "Encoded words"),
        ('"=?utf-8?q?a=0A?="@b.ir', "Encoded words"),
        ("x" * 65 + "@b.ir", "64 bytes"),
        ("ع" * 33 + "@b.ir", "64 bytes"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(given_: str, words: str) -> None:
    with pytest.raises(InvalidAddress, match=words):
        normalize_address(given_)


@given(st.sampled_from(INVISIBLE), st.integers(0, 17))
def test_nothing_invisible_stands_in_an_address(mark: str, place: int) -> None:
    address = "victim@gmail.com"
    with pytest.raises(InvalidAddress):
        normalize_address(address[:place] + mark + address[place:])


@given(st.text(max_size=30) | st.builds("{}@{}".format, ATOMS, st.text(max_size=20)))
def test_the_form_is_stable_ascii_in_its_domain_and_visible(text: str) -> None:
    try:
        one = normalize_address(text)
    except InvalidAddress:
        return
    local, _, domain = one.rpartition("@")
    assert normalize_address(one) == one
    assert domain.isascii()
    assert domain == domain.lower()
    assert len(domain) <= 253
    assert len(local.encode()) <= 64
    assert not any(is_invisible(character) for character in one if character != " ")
    assert " " not in one or local.startswith('"')


@given(ATOMS, st.text(st.characters(categories=("Ll", "Lo", "Nd")), min_size=1, max_size=12))
def test_every_spelling_of_a_domain_comes_to_one_form(local: str, label: str) -> None:
    assume("=?" not in local or "?=" not in local)
    assume(not any(map(is_invisible, label)))  # some fillers count as letters
    try:
        ascii_ = idna.encode(f"{label}.example", uts46=True).decode()
    except idna.IDNAError:
        return
    spellings = {f"{label}.example", f"{label}。EXAMPLE", ascii_, ascii_.upper(), idna.decode(ascii_)}
    assert {normalize_address(f"{local}@{domain}") for domain in spellings} == {f"{local}@{ascii_}"}


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40))
def test_a_quoted_name_is_read_as_it_is_meant(name: str) -> None:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    mailbox = parse_mailbox(f'"{escaped}" <a@B.ir>')
    assert (mailbox.name, mailbox.address, mailbox.local, mailbox.domain) == (
        name.strip(),
        "a@b.ir",
        "a",
        "b.ir",
    )


def test_the_name_is_kept_as_it_was_given() -> None:
    assert normalize_mailbox('"Shop, \\"Inc\\"" <A@Straße.DE>') == '"Shop, \\"Inc\\"" <A@xn--strae-oqa.de>'
    assert normalize_mailbox("A@Straße.DE") == "A@xn--strae-oqa.de"
    assert parse_mailbox("=?utf-8?q?a?= <a@b.ir>").name == "=?utf-8?q?a?="
