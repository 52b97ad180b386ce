"""Cancelling and retrying over HTTP, in every status, and against a worker."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.api.json import timestamp
from notifyhub.delivery.claims import claim
from notifyhub.extensions import db
from notifyhub.messages.models import Message, Outcome, Status
from notifyhub.messages.signals import due
from tests.conftest import Api, Queries
from tests.factories import AttemptFactory, MessageFactory, SMSNotifierFactory
from tests.messages.sources import DELIVERY, MESSAGES

CANCELLABLE = (Status.SCHEDULED, Status.QUEUED)
RETRIABLE = (Status.FAILED, Status.UNDELIVERED, Status.EXPIRED)
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
ROUNDS = 20


@pytest.fixture
def message(app: Flask) -> Callable[..., int]:
    """Give a function that stores a message and returns its id."""

    def make(**values: Any) -> int:
        with app.app_context():
            return int(MessageFactory(**values).id)

    return make


@pytest.fixture
def announced() -> Iterator[list[int]]:
    heard: list[int] = []

    def hear(_sender: Any, ids: list[int]) -> None:
        heard.extend(ids)

    with due.connected_to(hear):
        yield heard


def columns(app: Flask, id: int) -> dict[str, Any]:
    with app.app_context():
        row = db.session.get_one(Message, id)
        names = [column.key for column in Message.__mapper__.column_attrs]
        return {name: getattr(row, name) for name in names}


@pytest.mark.parametrize("act", ["cancel", "retry"])
@pytest.mark.parametrize("status", Status)
def test_each_change_is_for_its_statuses(
    api: Api, app: Flask, message: Callable[..., int], announced: list[int], status: Status, act: str
) -> None:
    made = message(status=status)
    before, url = columns(app, made), f"{MESSAGES}/{made}"
    answer = api.post(f"{url}/{act}")
    if status in (CANCELLABLE if act == "cancel" else RETRIABLE):
        assert answer.status == 200
        assert answer.json == api.get(url).json
        assert answer.json["status"] == {"cancel": "cancelled", "retry": "queued"}[act]
        assert answer.json["updated_at"] > timestamp(before["updated_at"])
        assert announced == ([made] if act == "retry" else [])
    else:
        assert (answer.status, list(answer.json)) == (409, ["detail"])
        assert f"This message is {status}" in answer.json["detail"]
        assert columns(app, made) == before
        assert announced == []


@pytest.mark.parametrize("act", ["cancel", "retry"])
@pytest.mark.parametrize("id", ["0", "99999", str(2**63), "9" * 50])
def test_a_message_that_is_not_there_is_404(api: Api, act: str, id: str) -> None:
    answer = api.post(f"{MESSAGES}/{id}/{act}")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_a_cancelled_message_is_claimed_by_nobody(api: Api, app: Flask, message: Callable[..., int]) -> None:
    made = message()
    assert api.post(f"{MESSAGES}/{made}/cancel").status == 200
    assert columns(app, made)["next_attempt_at"] is None
    assert api.post(f"{MESSAGES}/{made}/cancel").status == 409
    assert api.post(f"{MESSAGES}/{made}/retry").status == 409
    with app.app_context():
        assert claim(made) is None


@pytest.mark.parametrize("status", RETRIABLE)
def test_a_retry_is_a_new_life_of_the_same_message(
    api: Api, app: Flask, message: Callable[..., int], status: Status
) -> None:
    past = NOW - timedelta(hours=2)
    spent = {"sent_at": past, "delivered_at": past, "provider_message_id": "7", "error_code": "x"}
    spent |= {"error_detail": "y", "rounds": 5, "reports_asked": 3, "report_due_at": past}
    made = message(status=status, next_attempt_at=None, expires_at=NOW + timedelta(hours=1), **spent)
    with app.app_context():
        AttemptFactory(message_id=made, outcome=Outcome.PERMANENT, error_code="x", error_detail="y")
    before = api.get(f"{MESSAGES}/{made}").json
    with time_machine.travel(NOW, tick=False):
        answer = api.post(f"{MESSAGES}/{made}/retry").json
    renewed = dict.fromkeys(("sent_at", "delivered_at", "provider_message_id", "error"))
    assert answer == before | renewed | {"status": "queued", "updated_at": timestamp(NOW)}
    assert len(answer["attempts"]) == 1
    after = columns(app, made)
    assert (after["rounds"], after["next_attempt_at"]) == (0, NOW)
    assert (after["reports_asked"], after["report_due_at"]) == (0, None)


@pytest.mark.parametrize("left", [timedelta(), -timedelta(days=40)])
def test_the_retry_of_a_message_whose_time_is_over_gives_it_a_new_one(
    api: Api, message: Callable[..., int], left: timedelta
) -> None:
    api.patch(DELIVERY, {"message_ttl": 600})
    made = message(status=Status.EXPIRED, expires_at=NOW + left)
    with time_machine.travel(NOW, tick=False):
        answer = api.post(f"{MESSAGES}/{made}/retry").json
    assert answer["expires_at"] == timestamp(NOW + timedelta(seconds=600))


def test_a_retried_message_can_be_claimed(api: Api, app: Flask, message: Callable[..., int]) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory().id
    made = message(status=Status.FAILED, notifier_id=notifier, next_attempt_at=None)
    assert api.post(f"{MESSAGES}/{made}/retry").status == 200
    with app.app_context():
        assert claim(made) is not None
    assert api.get(f"{MESSAGES}/{made}").json["status"] == "sending"


def together(*works: Callable[[], Any]) -> list[Any]:
    """Do works in the same moment, and return what they return."""
    start = Barrier(len(works))

    def do(work: Callable[[], Any]) -> Any:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(do, works))


def test_of_a_cancellation_and_a_claim_exactly_one_wins(
    api: Api, app: Flask, message: Callable[..., int]
) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory().id

    def take(made: int) -> bool:
        with app.app_context():
            return claim(made) is not None

    for _ in range(ROUNDS):
        made = message(notifier_id=notifier)
        caller = Api(app.test_client(), api.token)
        answer, taken = together(
            lambda caller=caller, made=made: caller.post(f"{MESSAGES}/{made}/cancel"),
            lambda made=made: take(made),
        )
        assert (answer.status, taken) in {(200, False), (409, True)}
        shown = api.get(f"{MESSAGES}/{made}").json
        assert (shown["status"], len(shown["attempts"])) == (("sending", 1) if taken else ("cancelled", 0))


@pytest.mark.parametrize(("act", "status"), [("cancel", Status.QUEUED), ("retry", Status.FAILED)])
def test_of_many_equal_changes_one_wins(
    api: Api, app: Flask, message: Callable[..., int], announced: list[int], act: str, status: Status
) -> None:
    made = message(status=status)
    callers = [Api(app.test_client(), api.token) for _ in range(8)]
    answers = together(*(lambda caller=caller: caller.post(f"{MESSAGES}/{made}/{act}") for caller in callers))
    assert sorted(answer.status for answer in answers) == [200, *[409] * 7]
    assert announced == ([made] if act == "retry" else [])


@pytest.mark.parametrize(
    ("act", "status", "most"), [("cancel", Status.QUEUED, 3), ("retry", Status.FAILED, 4)]
)
def test_a_change_takes_few_statements(
    api: Api, message: Callable[..., int], queries: Queries, act: str, status: Status, most: int
) -> None:
    made = message(status=status)
    api.get("/api/me")  # the token's use is noted once a minute
    with queries as statements:
        assert api.post(f"{MESSAGES}/{made}/{act}").status == 200
    assert len(statements) <= most, statements
