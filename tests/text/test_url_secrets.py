"""What is told of a URL: all but its password and the values of its query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.url_secrets import mask_secrets

secrets = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1).map("s3cr3t{}".format)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://a.example.com/in?key=1&b=2", "https://a.example.com/in?key=*&b=*"),
        ("https://a.example.com?abc", "https://a.example.com?*"),
        ("https://a.example.com/?a=b=c?d#e", "https://a.example.com/?a=*"),
        ("https://a.example.com/?", "https://a.example.com/?"),
        ("https://me:p@ss@a.example.com:8443/in", "https://me:*@a.example.com:8443/in"),
        ("https://me@a.example.com/in", "https://me@a.example.com/in"),
        ("https://[2001:db8::1]:8443/a:b@c", "https://[2001:db8::1]:8443/a:b@c"),
        ("no URL", "no URL"),
        ("", ""),
    ],
)
def test_secrets_are_masked_and_all_else_stays(url: str, masked: str) -> None:
    assert mask_secrets(url, "*") == masked


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), secrets), secrets, st.booleans())
def test_no_secret_is_left(query: dict[str, str], password: str, has_user: bool) -> None:
    user = f"me:{password}@" if has_user else ""
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    masked = mask_secrets(f"https://{user}a.example.com/in?{pairs}", "*")
    assert "s3cr3t" not in masked
    assert [pair.partition("=")[0] for pair in masked.partition("?")[2].split("&") if pair] == list(query)
