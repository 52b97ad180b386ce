import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.urls import MAX_URL_CHARACTERS, InvalidURL, normalize_https_url

BASE = "https://example.com/"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.COM:8443/U?t=A#x", "https://example.com:8443/U?t=A#x"),
        ("https://example.com/u?a=%D8%A7&b=%2B+c", "https://example.com/u?a=%D8%A7&b=%2B+c"),
        (
            "https://example.com/لغو?نام=علی",
            "https://example.com/%D9%84%D8%BA%D9%88?%D9%86%D8%A7%D9%85=%D8%B9%D9%84%DB%8C",
        ),
        ("https://straße.de/u", "https://xn--strae-oqa.de/u"),
        ("https://نوتیفای.ایران/u", "https://xn--mgbf3esak70fca.xn--mgba3a4f16a/u"),
        ("https://example.com/u?ids[]=1|2", "https://example.com/u?ids%5B%5D=1%7C2"),
        ("https://example.com?", "https://example.com?"),
        ("https://127.0.0.1:8443/u", "https://127.0.0.1:8443/u"),
    ],
)
def test_a_url_is_written_in_ascii(text: str, written: str) -> None:
    assert normalize_https_url(text) == written
    assert normalize_https_url(written) == written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((text, "valid URL") for text in ("https://", "https:///u", "https:/example.com", "https://a..b/")),
        *((text, "valid URL") for text in ("https://exa mple.com/", f"{BASE}a b", f"{BASE}a>b", f"{BASE}<a")),
        *(
            (text, "valid URL")
            for text in (f'{BASE}"', f"{BASE}\\", f"{BASE}%zz", f"{BASE}%4", f"{BASE}a\r\nb")
        ),
        *(
            (text, "valid URL")
            for text in (f"{BASE}\u2028", f"{BASE}\ud800", "https://i❤.ws/", "https://a%2eb/")
        ),
        *(
            (f"https://example.com:{port}/", "valid URL")
            for port in ("", "0", "65536", "x", "443:443", "٤٤٣")
        ),
        *(
            (text, "https")
            for text in ("http://example.com/", "mailto:u@example.com", "example.com", "//a.b/")
        ),
        *(
            (text, "user name")
            for text in ("https://a@example.com/", "https://a:b@example.com/", "https://@a.b/")
        ),
        (BASE.ljust(MAX_URL_CHARACTERS + 1, "x"), "978"),
        (BASE + "س" * 170, "978"),
    ],
)
def test_what_no_header_can_hold_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidURL, match=words):
        normalize_https_url(text)


@given(st.text(st.characters(exclude_characters="%"), max_size=60))
def test_a_url_ends_no_header_and_leads_where_it_led(text: str) -> None:
    try:
        written = normalize_https_url(f"{BASE}u?{text}")
    except InvalidURL:
        return
    assert re.fullmatch(r"https://[!-;=?-~]+", written)
    assert unquote(written) == f"{BASE}u?{text}"
