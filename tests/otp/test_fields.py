"""Origins as clients give them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from notifyhub.otp.fields import Origin


@pytest.mark.parametrize(
    ("given_", "host"),
    [
        ("https://example.com", "example.com"),
        ("https://example.com/", "example.com"),
        ("HTTPS://Shop.Example.COM", "shop.example.com"),
        ("https://example.com:443", "example.com"),
        ("example.com", "example.com"),
        (" example.com ", "example.com"),
        ("xn--mgba3a4f16a.ir", "xn--mgba3a4f16a.ir"),
        ("https://مثال.ایران", "xn--mgbh0fb.xn--mgba3a4f16a"),
        ("localhost", "localhost"),
        ("https://straße.de", "xn--strae-oqa.de"),
        ("https://نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        ("ｇmail.com", "gmail.com"),
    ],
)
def test_an_origin_is_read_as_its_host(given_: str, host: str) -> None:
    assert Origin().deserialize(given_) == host


@pytest.mark.parametrize(
    "wrong",
    [
        "http://example.com",
        "ftp://example.com",
        "https://",
        "https://example.com/login",
        "https://example.com?x",
        "https://example.com#x",
        "https://example.com:8443",
        "https://example.com:port",
        "https://user@example.com",
        "https://127.0.0.1",
        "https://[::1]",
        "exa mple.com",
        "example.com\n@evil.example #1",
        "-example.com",
        "example..com",
        "example.com.",
        "@example.com",
        "a" * 64 + ".com",
        "javascript:alert(1)",
        "exa\tmple.com",
        "gm\u200bail.com",
        "g\u00admail.com",
        "example.com\u200f",
        "i\u2764.ws",
    ],
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="Enter an origin such as"):
        Origin().deserialize(wrong)


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=60))
def test_nothing_but_a_host_ever_gets_into_a_text(text: str) -> None:
    try:
        host = Origin().deserialize(text)
    except ValidationError:
        return
    assert host.isascii()
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
