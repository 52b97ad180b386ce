"""The statistics over HTTP: who may read them, what may be asked, what is answered."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Channel, MessageStatus
from notifyhub.statistics import query, rollup, views
from tests.statistics.counting import STATISTICS
from tests.support.clients import Api
from tests.support.factories import MessageFactory
from tests.support.queries import Queries

NOW = datetime(2026, 11, 26, 6, 30, tzinfo=UTC)  # ten o'clock in Tehran


@pytest.fixture
def clock(app: Flask) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def api(clock: time_machine.Traveller, api: Api) -> Api:
    return api


def make(app: Flask, created_at: str, **values: Any) -> int:
    values = {"status": MessageStatus.DELIVERED, "notifier_id": 1, "segments": 1, **values}
    with app.app_context():
        moment = datetime.fromisoformat(created_at)
        ids = {"notifier": None, "notifier_name": "x", "home_notifier_id": 1}
        return int(MessageFactory(created_at=moment, **ids, **values).id)


def results(api: Api, **parameters: Any) -> Any:
    answer = api.get(STATISTICS, query_string={name.rstrip("_"): value for name, value in parameters.items()})
    assert answer.status == 200, answer.json
    return answer.json["results"]


def test_the_last_seven_days_by_default(api: Api, app: Flask) -> None:
    make(app, "2026-11-20T00:00+03:30", sent_at=NOW)
    make(app, "2026-11-19T23:59+03:30")
    make(app, "2026-11-26T09:59+03:30", status=MessageStatus.FAILED, segments=None)
    make(app, "2026-11-26T10:00+03:30")
    answer = api.get(STATISTICS)
    assert answer.json == {
        "from": "2026-11-20T00:00:00+03:30",
        "to": "2026-11-26T10:00:00+03:30",
        "timezone": "Asia/Tehran",
        "interval": "day",
        "results": [
            {
                "start": "2026-11-20T00:00:00+03:30",
                "messages": 1,
                "segments": 1,
                "sent": 1,
                "delivered": 1,
                "undelivered": 0,
                "failed": 0,
            },
            {
                "start": "2026-11-26T00:00:00+03:30",
                "messages": 1,
                "segments": 0,
                "sent": 0,
                "delivered": 0,
                "undelivered": 0,
                "failed": 1,
            },
        ],
    }


def test_a_day_as_to_is_included_and_a_moment_is_not(api: Api, app: Flask) -> None:
    make(app, "2026-11-21T23:59:59+03:30")
    make(app, "2026-11-22T00:00+03:30")
    day = api.get(STATISTICS, query_string={"from": "2026-11-21", "to": "2026-11-21"}).json
    assert (day["from"], day["to"]) == ("2026-11-21T00:00:00+03:30", "2026-11-22T00:00:00+03:30")
    assert [result["messages"] for result in day["results"]] == [1]
    assert results(api, from_="2026-11-21", to="2026-11-21T23:59:59+03:30") == []


def test_a_first_interval_that_is_cut_starts_where_it_begins(api: Api, app: Flask) -> None:
    make(app, "2026-11-21T08:30+03:30")
    make(app, "2026-11-21T07:59+03:30")
    found = results(api, from_="2026-11-21T08:00:00+03:30", interval="month")
    assert [(each["start"], each["messages"]) for each in found] == [("2026-11-01T00:00:00+03:30", 1)]
    total = results(api, from_="2026-11-21T04:30:00Z", interval="total")
    assert [(each["start"], each["messages"]) for each in total] == [("2026-11-21T08:00:00+03:30", 1)]


def test_results_are_in_order_of_time_then_of_the_keys(api: Api, app: Flask) -> None:
    for day in (25, 24):
        for pattern_id in (9, None, 10):
            for notifier_id in (2, 1):
                make(app, f"2026-11-{day}T12:00Z", pattern_id=pattern_id, notifier_id=notifier_id)
    found = results(api, by="channel,notifier,pattern", channel="sms")
    assert [(each["start"][8:10], each["notifier"], each["pattern"]) for each in found] == [
        (day, notifier, pattern) for day in ("24", "25") for notifier in (1, 2) for pattern in (None, 9, 10)
    ]
    assert list(found[0])[:5] == ["start", "channel", "notifier", "pattern", "messages"]


def test_filters_choose_the_messages(api: Api, app: Flask) -> None:
    with app.app_context():
        batch = Batch(count=1)
        db.session.add(batch)
        db.session.commit()
        batch_id = batch.id
    at = "2026-11-25T12:00Z"
    make(app, at, batch_id=batch_id)
    make(app, at, channel=Channel.EMAIL, notifier_id=2)
    make(app, at, notifier_id=2, pattern_id=5)
    make(app, at, is_test=True)

    def number(**parameters: Any) -> int:
        return sum(result["messages"] for result in results(api, **parameters))

    assert number() == number(test="false") == 3
    assert number(test="true") == 1
    assert number(channel="sms") == 2
    assert (number(channel="sms", notifier=2), number(channel="email", notifier=2)) == (1, 1)
    assert (number(channel="sms", pattern=5), number(channel="email", pattern=5)) == (1, 0)
    assert (number(batch=batch_id), number(batch=batch_id + 1)) == (1, 0)
    assert number(channel="sms", notifier=2**64) == 0


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"form": "2026-11-21"}, "form"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-21T10:00"}, "from"),
        ({"from": "1999-12-31"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "0001-01-01"}, "to"),
        ({"timezone": "Tehran"}, "timezone"),
        ({"timezone": "asia/tehran"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "+03:30"}, "timezone"),
        ({"interval": "week"}, "interval"),
        ({"interval": "hour", "from": "2016-01-01"}, "interval"),
        ({"by": "status,day"}, "by"),
        ({"by": "notifier"}, "by"),
        ({"by": "status,pattern"}, "by"),
        ({"notifier": "3"}, "notifier"),
        ({"pattern": "3"}, "pattern"),
        ({"pattern": "3", "by": "channel"}, "pattern"),
        ({"channel": "fax"}, "channel"),
        ({"channel": "sms", "notifier": "x"}, "notifier"),
        ({"batch": "x"}, "batch"),
        ({"test": "maybe"}, "test"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named(api: Api, parameters: dict[str, str], named: str) -> None:
    answer = api.get(STATISTICS, query_string=parameters)
    assert (answer.status, list(answer.json)) == (400, [named])


def test_parameters_without_a_value_are_as_if_not_given(api: Api) -> None:
    assert api.get(f"{STATISTICS}?from=&to=&by=&timezone=").status == 200


def test_more_results_than_an_answer_has_are_refused(
    api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make(app, "2026-11-25T12:00Z", notifier_id=number + 1)
    monkeypatch.setattr(query, "MAX_RESULTS", 3)
    assert len(results(api, by="channel,notifier")) == 3
    monkeypatch.setattr(query, "MAX_RESULTS", 2)
    answer = api.get(STATISTICS, query_string={"by": "channel,notifier"})
    assert (answer.status, list(answer.json)) == (400, ["non_field_errors"])


def test_code_7812_is_needed(staff: Callable[..., Api], anonymous: Api) -> None:
    assert anonymous.get(STATISTICS).status == 401
    assert staff(7811, 7813).get(STATISTICS).status == 403
    assert staff(7812).get(STATISTICS).status == 200


def test_the_default_time_zone_is_the_installations(other_app: Callable[..., Flask], api: Api) -> None:
    app = other_app(NOTIFYHUB_TIMEZONE="Asia/Kathmandu")
    answer = Api(app.test_client(), api.token).get(STATISTICS).json
    assert (answer["timezone"], answer["from"]) == ("Asia/Kathmandu", "2026-11-20T00:00:00+05:45")


def test_the_number_of_statements_is_fixed(api: Api, app: Flask, queries: Queries) -> None:
    def statements(**parameters: str) -> int:
        with queries as sent:
            results(api, **parameters)
        return len(sent)

    statements()  # which notes that the token is used
    one = statements(interval="total")
    for days in range(40):
        make(app, (datetime.now(UTC) - timedelta(days=days, hours=3)).isoformat(), notifier_id=days + 1)
    with app.app_context():
        rollup.run(60)
    begin = (datetime.now(UTC) - timedelta(days=39)).date().isoformat()
    assert statements(from_=begin, by="channel,notifier,pattern,status", interval="hour") == one == 4


def test_the_latest_year_leaves_room_for_every_time_zone(api: Api) -> None:
    answer = api.get(
        STATISTICS,
        query_string={"from": f"{views.LATEST.year - 1}-12-30", "to": f"{views.LATEST.year - 1}-12-31"},
    )
    assert (answer.status, answer.json["results"]) == (200, [])


@pytest.mark.parametrize("asked", [{"from": "2027-11-27"}, {"from": "2026-11-21", "to": "2026-11-19"}])
def test_a_time_that_ends_before_it_begins_has_no_messages(
    api: Api, app: Flask, asked: dict[str, str]
) -> None:
    make(app, "2026-11-20T12:00+03:30")
    answer = api.get(STATISTICS, query_string=asked)
    assert (answer.status, answer.json["results"]) == (200, [])


def test_what_was_sent_before_a_retry_was_sent(api: Api, app: Flask) -> None:
    id_ = make(app, "2026-11-26T09:00+03:30", status=MessageStatus.UNDELIVERED, sent_at=NOW)
    assert api.post(f"/api/notifications/messages/{id_}/retry").json["sent_at"] is None
    total = {"from": "2026-11-20", "to": "2026-11-27", "interval": "total"}
    (found,) = api.get(STATISTICS, query_string=total).json["results"]
    assert (found["messages"], found["sent"], found["undelivered"]) == (1, 1, 0)
