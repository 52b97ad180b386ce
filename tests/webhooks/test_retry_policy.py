"""What an answer makes of a delivery."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.webhooks.client import WebhookResponse
from notifyhub.webhooks.models import DeliveryStatus
from notifyhub.webhooks.retry_policy import decide

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WAITS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 24 * HOUR]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_success(status: int) -> None:
    end = decide(WebhookResponse(status), 1, AT)
    assert (end.status, end.next_attempt_at, end.error) == (DeliveryStatus.DELIVERED, None, None)


@pytest.mark.parametrize(
    "answer", [WebhookResponse(s) for s in (103, 199, 301, 307, 400, 401, 404, 429, 500, 503)]
)
@pytest.mark.parametrize(("attempts", "wait"), list(enumerate(WAITS, start=1)))
def test_all_else_is_tried_again_by_the_schedule(
    answer: WebhookResponse, attempts: int, wait: timedelta
) -> None:
    end = decide(answer, attempts, AT)
    assert end.status == DeliveryStatus.PENDING
    assert end.error == f"The receiver answered {answer.status}."
    assert end.next_attempt_at
    assert wait <= end.next_attempt_at - AT <= 1.1 * wait


def test_the_waits_vary_so_that_not_all_come_back_at_once() -> None:
    assert len({decide(WebhookResponse(500), 3, AT).next_attempt_at for _ in range(20)}) > 10


@pytest.mark.parametrize(
    "answer", [WebhookResponse(500), WebhookResponse(None, error="The receiver did not answer in time.")]
)
def test_after_the_eighth_attempt_it_is_given_up(answer: WebhookResponse) -> None:
    end = decide(answer, 8, AT)
    assert (end.status, end.next_attempt_at) == (DeliveryStatus.FAILED, None)
    assert end.error == (answer.error or "The receiver answered 500.")


def test_410_is_the_end() -> None:
    end = decide(WebhookResponse(410), 1, AT)
    assert (end.status, end.next_attempt_at) == (DeliveryStatus.FAILED, None)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", 2 * MINUTE),
        (" 120 ", 2 * MINUTE),
        ("1", 5 * SECOND),
        ("0", 5 * SECOND),
        ("Sat, 01 Mar 2025 13:00:00 GMT", HOUR),
        ("Sat, 01 Mar 2025 11:00:00 GMT", 5 * SECOND),
        ("Sat, 01 Mar 2025 13:00:00", HOUR),
        ("86400", 24 * HOUR),
        ("999999", 24 * HOUR),
        ("9" * 400, 24 * HOUR),
        ("Sat, 01 Mar 9999 13:00:00 GMT", 24 * HOUR),
        ("-5", 5 * SECOND),
        ("1.5", 5 * SECOND),
        ("۱۲۰", 5 * SECOND),
        ("soon", 5 * SECOND),
        ("Dec 31 9999 23:59:5999999999999999999999-0001,", 5 * SECOND),
        ("", 5 * SECOND),
        (None, 5 * SECOND),
    ],
)
def test_retry_after_is_heeded_within_a_day(asked: str | None, wait: timedelta) -> None:
    end = decide(WebhookResponse(503, retry_after=asked), 1, AT)
    assert end.next_attempt_at
    assert wait <= end.next_attempt_at - AT <= 1.1 * wait


words = st.sampled_from(
    [
        *(
            "Sat, ",
            "Dec ",
            "31 ",
            "9999 ",
            "0000 ",
            "23:59:59 ",
            "23.59.59 ",
            "GMT",
            "-0001",
            "+9999",
            "-2400",
            "Z",
        ),
        *(
            "99999999999999999999",
            ",",
            ":",
            "-",
            " ",
            "\t",
            "(",
            ")",
            "\\",
            '"',
            "\0",
            "٣",
            "1e999",
            "AD",
            "am",
        ),
    ]
)


@given(st.text(max_size=60) | st.lists(words | st.text(max_size=3), max_size=12).map("".join))
def test_whatever_a_receiver_asks_it_is_tried_again_within_a_day_and_a_bit(asked: str) -> None:
    end = decide(WebhookResponse(503, retry_after=asked), 1, AT)
    assert end.next_attempt_at
    assert WAITS[0] <= end.next_attempt_at - AT <= 1.1 * 24 * HOUR
