"""What no line of the log shows, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.log_masks import MASK, mask

KEY = "oJzioCOoH5Scv9fNHai1uSsfqMYmDBkyH2Lp-P1PfhI="
CIPHER = (
    "gAAAAABrB-4meAIsmQbB8MaVLs9MZSfTOTosbXdNu-JdkH3H45QkHflbucQ4gz6fSuKh_uinayZRQ0s-UepTjF1MkJsjwr83mw=="
)
TOKEN = "0123456789abcdef0123456789abcdef01234567"
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


@pytest.mark.parametrize(
    "text",
    [
        "09121234567",
        "+989121234567",
        "00989121234567",
        "989121234567",
        "9121234567",
        "+98 912 123 4567",
        "+14155552671",
        "+983000505",
        "ali@example.com",
        "a.b+c@sub.example.co",
        "علی@مثال.ایران",
        TOKEN,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        KEY,
        CIPHER,
    ],
)
@pytest.mark.parametrize("around", ["{}", "to {} now", "({})", "<{}>: no", "'{}'", "to:{}", "to={}", "{}."])
def test_recipients_and_secrets_are_masked_wherever_they_stand(text: str, around: str) -> None:
    masked = mask(around.format(text))
    assert text not in masked
    assert MASK in masked
    if around != "to={}":
        assert masked == around.format(MASK)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Token abcdef", f"Authorization: {MASK}"),
        (
            "{'Authorization': 'AccessKey abc', 'A': 1}",
            f"{{'Authorization': '{MASK}', 'A': 1}}",
        ),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", f"Bearer {MASK}"),
        ("postgresql://me:***@127.0.0.1:5432/x", "postgresql://me:***@127.0.0.1:5432/x"),
        ("amqp://guest:p@ss@10.0.0.1:5672//", f"amqp://guest:{MASK}@10.0.0.1:5672//"),
        ("redis://:pass@host:6379/0", f"redis://:{MASK}@host:6379/0"),
        ("GET /x?token=abc&limit=5", f"GET /x?token={MASK}&limit=5"),
        (
            "No answer of 'https://me:p@hooks.example.com/a?sig=s3cr3t&v=1'.",
            f"No answer of 'https://me:{MASK}@hooks.example.com/a?sig={MASK}&v={MASK}'.",
        ),
        ("url=https://hooks.example.com/?s3cr3t#top", f"url=https://hooks.example.com/?{MASK}"),
        ("otp 12345 for login", f"otp {MASK} for login"),
        ("Your code is 012345", f"Your code is {MASK}"),
        ("کد شما ۱۲۳۴۵ است", f"کد شما {MASK} است"),
    ],
)
def test_what_a_word_before_it_gives_away_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Message 1234567890 was not taken by sms notifier 12 (console): unreachable, after 1234 ms",
        "The sms notifier 1 (m) rests until 2026-11-26T08:04:05.123456+00:00 after 5 failures in a row",
        "GET /api/notifications/messages/123456789 200",
        "NotifyHub listens at http://127.0.0.1:8000, documentation: http://127.0.0.1:8000/api/docs",
        "Waiting for the database postgresql://postgres@127.0.0.1:5432/notifyhub.",
        "No connection to console.melipayamak.com: Connection refused.",
        "Worker (pid:1234567) was sent SIGKILL!",
        "request_id=0123456789abcdef0123456789abcdef",
        "request_id=7f9c24e5-2f31-4c5f-9ee0-7b0c6f2b5a11",
        "at transport.py:120 request > sockets.py:98 connect",
        "No worker has been seen since 2026-03-21 11:59:44 UTC: nothing is sent",
        "refused by Token authentication",
        "the provider's code 1043",
        "Is http://127.0.0.1:8000/api there? Yes: a=b",
    ],
)
def test_what_operators_read_by_stays(text: str) -> None:
    assert mask(text) == text


@given(st.integers(0, 10**9 - 1), st.sampled_from(["0", "+98", "0098", "98", ""]), st.booleans())
def test_every_iranian_mobile_is_masked_in_every_form(number: int, prefix: str, persian: bool) -> None:
    text = f"{prefix}9{number:09}"
    if persian:
        text = text.translate(PERSIAN)
    assert mask(f"to {text}, again") == f"to {MASK}, again"


@given(st.integers(1, 8_999_999_999), st.integers(0, 600_000))
def test_ids_and_durations_stay(id_: int, ms: int) -> None:
    text = f"Message {id_} was taken after {ms} ms"
    assert mask(text) == text


def test_secrets_that_are_known_are_masked_literally() -> None:
    assert mask("the secret of it", ["secret"]) == f"the {MASK} of it"


@pytest.mark.parametrize(
    "form", ["a" * 100_000, "9" * 100_000, "@" * 100_000, "+9" * 50_000, "otp " * 9_000, "://?" * 25_000]
)
def test_no_line_keeps_a_process_busy(form: str) -> None:
    mask(form)
