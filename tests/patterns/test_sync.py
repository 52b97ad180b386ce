"""Synchronizing patterns with the provider over HTTP, against the simulated IPPanel."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from notifyhub.database.connections import AUTOCOMMIT, orm_session
from notifyhub.extensions import db
from notifyhub.notifiers.provider_calls import MAX_CONCURRENT_CALLS
from notifyhub.patterns import sync
from notifyhub.patterns.models import SMSPattern
from notifyhub.providers.base import ProviderPattern
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.sandbox import Sandbox
from tests.simulators import IPPanelSimulator, ippanel
from tests.simulators.ippanel import Pattern
from tests.simulators.provider import Provider
from tests.simulators.server import Reply, Request
from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("_simulated")

SMS = "/api/notifications/notifiers/sms"
SETTINGS = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "unknown": 0}


@pytest.fixture
def notifier(app: Flask) -> int:
    with app.app_context():
        return int(SMSNotifierFactory(backend="ippanel", settings=SETTINGS).id)


@pytest.fixture
def ours(app: Flask, notifier: int) -> Callable[..., int]:
    """Give a function that stores a pattern of the notifier and returns its id."""

    def make(**values: Any) -> int:
        with app.app_context():
            return int(SMSPatternFactory(notifier_id=notifier, **values).id)

    return make


@pytest.fixture
def stored(api: Api, notifier: int) -> Callable[[], list[dict[str, Any]]]:
    """Give a function that lists the notifier's patterns, oldest first."""
    return lambda: api.get(f"{SMS}/{notifier}/patterns?ordering=id&limit=1000").json["results"]


def url(notifier: int, query: str = "") -> str:
    return f"{SMS}/{notifier}/patterns/sync{query}"


def counts(api: Api, notifier: int, query: str = "") -> dict[str, Any]:
    return {name: value for name, value in synchronized(api, notifier, query).items() if value}


def synchronized(api: Api, notifier: int, query: str = "") -> dict[str, Any]:
    """Return the answer, which says more where patterns are unknown, and nothing else where none is."""
    answer = api.post(url(notifier, query))
    assert answer.status == 200, answer.json
    more = ["unknown_codes", "detail"] if answer.json["unknown"] else []
    assert list(answer.json) == [*NOTHING, *more]
    result: dict[str, Any] = answer.json
    return result


def test_statuses_follow_the_providers_and_nothing_else_is_changed(
    api: Api, notifier: int, ours: Callable[..., int], stored: Callable[[], list[dict[str, Any]]]
) -> None:
    for code, status in [
        ("simulatedotp001", "created"),
        ("simulatedhello1", "approved"),
        ("simulatedwait01", "rejected"),
        ("simulatednever1", "pending"),
        ("onlyours", "approved"),
    ]:
        ours(code=code, status=status, name=f"our {code}", body="our body", description="ours")
    before = stored()
    assert counts(api, notifier) == {"updated": 3, "unchanged": 1}
    after = stored()
    assert [one["status"] for one in after] == ["approved", "approved", "pending", "rejected", "approved"]
    for old, new in zip(before, after, strict=True):
        moved = old["status"] != new["status"]
        assert (new["updated_at"] > old["updated_at"]) is moved
        assert {**new, "status": 0, "updated_at": 0} == {**old, "status": 0, "updated_at": 0}
    assert counts(api, notifier) == {"unchanged": 4}
    assert stored() == after, "updated_at moves only when something changes"


def test_a_misspelt_parameter_is_refused(api: Api, notifier: int) -> None:
    answer = api.post(f"{SMS}/{notifier}/patterns/sync?creat=true")
    assert (answer.status, answer.json) == (400, {"creat": ["Unknown field."]})


@pytest.mark.parametrize("query", ["", "?create=false", "?create=0", "?create="])
def test_missing_patterns_are_only_counted_unless_they_are_to_be_created(
    api: Api,
    notifier: int,
    ours: Callable[..., int],
    stored: Callable[[], list[dict[str, Any]]],
    query: str,
) -> None:
    ours(code="simulatedotp001", status="approved")
    assert counts(api, notifier, query) == {
        "unchanged": 1,
        "unknown": 3,
        "unknown_codes": ["simulatedhello1", "simulatednever1", "simulatedwait01"],
        "detail": "?create=true creates 3 of them.",
    }
    assert len(stored()) == 1


@pytest.mark.parametrize("query", ["?create=true", "?create=1", "?create=TRUE"])
def test_missing_patterns_are_created_when_asked_for(
    api: Api, notifier: int, stored: Callable[[], list[dict[str, Any]]], query: str
) -> None:
    assert counts(api, notifier, query) == {"created": 4}
    shown = [(one["code"], one["name"], one["body"], one["status"], one["description"]) for one in stored()]
    assert shown == [
        ("simulatedhello1", "hello", "Hello %name%, your order %order% is on its way.", "approved", None),
        ("simulatednever1", "rejected", "Never %name%", "rejected", None),
        ("simulatedotp001", "otp", "Your login code is %code%", "approved", None),
        ("simulatedwait01", "waiting", "Waiting for %name%", "pending", None),
    ]
    assert counts(api, notifier, query) == {"unchanged": 4}


def test_a_name_that_is_taken_gets_the_least_free_number(
    api: Api,
    notifier: int,
    edge: IPPanelSimulator,
    ours: Callable[..., int],
    stored: Callable[[], list[dict[str, Any]]],
) -> None:
    ours(name="otp", code="1")
    ours(name="otp (3)", code="2")
    edge.patterns = {code: Pattern("otp", f"body {code}") for code in ("c", "a", "b")}
    edge.patterns["d"] = Pattern("OTP ", "body d")
    edge.patterns["e"] = Pattern("", "body e")
    assert counts(api, notifier, "?create=true") == {"created": 5}
    assert {one["code"]: one["name"] for one in stored()[2:]} == {
        "a": "otp (2)",
        "b": "otp (4)",
        "c": "otp (5)",
        "d": "OTP",
        "e": "e",
    }


def test_the_same_name_at_another_notifier_is_no_clash(api: Api, notifier: int) -> None:
    other = api.post(SMS, {"name": "other", "backend": "ippanel", "settings": SETTINGS}).json["id"]
    assert counts(api, other, "?create=true") == {"created": 4}
    assert counts(api, notifier, "?create=true") == {"created": 4}


def test_what_can_not_be_kept_is_unknown(
    api: Api, notifier: int, edge: IPPanelSimulator, stored: Callable[[], list[dict[str, Any]]]
) -> None:
    edge.patterns = {
        "": Pattern("no code", "body"),
        " ": Pattern("blank code", "body"),
        "x" * 256: Pattern("long code", "body"),
        "nobody": Pattern("no body", " "),
        "longbody": Pattern("long body", "x" * 10_001),
        "longname": Pattern("ن" * 300, "body"),
        " trimmed ": Pattern(" trimmed ", " body "),
    }
    unknown = {"unknown": 4, "unknown_codes": ["", "longbody", "nobody", "x" * 254 + "…"]}
    why = (
        "4 can't be kept (body: Ensure this field has no more than 10000 characters; "
        "body: This field may not be blank; code: Ensure this field has no more than 255 characters; "
        "code: This field may not be blank)."
    )
    nothing_yet = counts(api, notifier)
    assert nothing_yet == {
        "unknown": 6,
        "unknown_codes": ["", "longbody", "longname", "nobody", "trimmed", "x" * 254 + "…"],
        "detail": f"?create=true creates 2 of them, {why}",
    }
    assert counts(api, notifier, "?create=true") == {"created": 2, **unknown, "detail": why}
    found = {one["code"]: (one["name"], one["body"]) for one in stored()}
    assert found == {"longname": ("ن" * 255, "body"), "trimmed": ("trimmed", " body ")}
    for query in ("", "?create=true"):
        assert counts(api, notifier, query) == {"unchanged": 2, **unknown, "detail": why}


def test_an_answer_names_the_first_hundred_unknown_codes(
    api: Api, notifier: int, edge: IPPanelSimulator
) -> None:
    edge.patterns = {f"code{n:03}": Pattern(f"name {n}", "body") for n in reversed(range(101))}
    answer = synchronized(api, notifier)
    assert (answer["unknown"], answer["detail"]) == (101, "?create=true creates 101 of them.")
    assert answer["unknown_codes"] == [f"code{n:03}" for n in range(100)]


def test_the_document_says_what_may_be_absent(api: Api) -> None:
    schema = api.get("/api/openapi.json").json["components"]["schemas"]["PatternSync"]
    assert set(schema["required"]) == NOTHING.keys()
    assert schema["properties"].keys() == {*NOTHING, "unknown_codes", "detail"}


def test_a_code_that_is_no_text_is_shown_nevertheless() -> None:
    """A backend of another package may show anything."""
    shown = sync.response(sync.SyncResult(missing=["\ud800"]))
    assert shown["unknown_codes"] == ["?"]


def test_patterns_with_one_code_all_follow_it(api: Api, notifier: int, ours: Callable[..., int]) -> None:
    ours(code="simulatedotp001")
    ours(code="simulatedotp001", status="approved")
    found = synchronized(api, notifier)
    assert (found["updated"], found["unchanged"], found["unknown"]) == (1, 1, 3)
    assert "simulatedotp001" not in found["unknown_codes"]


def test_every_page_of_the_provider_is_read(api: Api, notifier: int, edge: IPPanelSimulator) -> None:
    edge.patterns = {f"code{n:04}": Pattern(f"name {n}", "body") for n in range(250)}
    assert counts(api, notifier, "?create=true") == {"created": 250}
    assert edge.requests == 3


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rate_limited", "HTTP 429"),
        ("server_error", "خطای سرور"),
        ("html", "The answer is text/html, not JSON."),
        ("broken_json", "The answer is not JSON."),
        ("reset", "broke off"),
        ("half_answer", "broke off"),
        ("refusal_with_200", "انجام نشد"),
    ],
)
def test_a_provider_in_trouble_is_502_with_its_words_and_changes_nothing(
    api: Api,
    notifier: int,
    edge: IPPanelSimulator,
    stored: Callable[[], list[dict[str, Any]]],
    kind: str,
    words: str,
) -> None:
    edge.troubles.add(kind, on="read")
    answer = api.post(url(notifier, "?create=true"))
    assert (answer.status, list(answer.json)) == (502, ["detail"])
    assert words in answer.json["detail"]
    assert stored() == []


def test_a_trouble_on_a_later_page_changes_nothing(
    api: Api,
    notifier: int,
    edge: IPPanelSimulator,
    stored: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edge.patterns = {f"code{n:04}": Pattern(f"name {n}", "body") for n in range(150)}
    suffer = edge.suffer

    def fail_later(*args: Any, **options: Any) -> Reply:
        return suffer(*args, **options) if edge.requests < 2 else Reply(500, {})

    monkeypatch.setattr(edge, "suffer", fail_later)
    assert api.post(url(notifier, "?create=true")).status == 502
    assert stored() == []


def test_bad_credentials_are_502_in_the_providers_words(api: Api) -> None:
    settings = {**SETTINGS, "token": "another-secret-token"}
    made = api.post(SMS, {"name": "x", "backend": "ippanel", "settings": settings}).json["id"]
    answer = api.post(url(made))
    assert (answer.status, answer.json) == (502, {"detail": "اطلاعات وارد شده صحیح نمی باشد"})


def test_a_provider_that_is_not_there_is_502(
    api: Api, app: Flask, notifier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "IPPANEL_URL", f"http://127.0.0.1:{free_port()}")
    answer = api.post(url(notifier))
    assert answer.status == 502
    assert "No connection to 127.0.0.1" in answer.json["detail"]


@pytest.mark.parametrize("settings", [{}, {"token": "a-token"}])
def test_a_backend_that_shows_no_patterns_is_400(api: Api, settings: dict[str, str]) -> None:
    made = api.post(SMS, {"name": "x", "backend": "melipayamak", "settings": settings}).json["id"]
    answer = api.post(url(made, "?create=true"))
    assert answer.status == 400
    assert answer.json == {"detail": "The SMS backend melipayamak shows no patterns of an account."}


def test_settings_that_are_not_enough_are_400_without_a_call(api: Api, edge: IPPanelSimulator) -> None:
    made = api.post(SMS, {"name": "x", "backend": "ippanel"}).json["id"]
    answer = api.post(url(made))
    assert (answer.status, answer.json) == (400, {"detail": "The notifier's settings hold no token."})
    assert edge.requests == 0


@pytest.mark.parametrize("value", ["yes", "2", "none"])
def test_a_wrong_parameter_is_refused(api: Api, notifier: int, edge: IPPanelSimulator, value: str) -> None:
    answer = api.post(url(notifier, f"?create={value}"))
    assert (answer.status, answer.json) == (400, {"create": ["Must be a valid boolean."]})
    assert edge.requests == 0


def test_staff_need_the_code_for_changing_patterns_and_the_notifier_must_exist(
    anonymous: Api, staff: Callable[..., Api]
) -> None:
    assert anonymous.post(url(99)).status == 401
    assert staff(*({*range(2811, 2835)} - {2823})).post(url(99)).status == 403
    answer = staff(2823).post(url(99, "?create=x"))
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_the_database_is_not_held_while_the_provider_answers(
    api: Api, notifier: int, edge: IPPanelSimulator, held_connections: Callable[[Provider], list[int]]
) -> None:
    held = held_connections(edge)
    counts(api, notifier)
    assert held == [0]


def test_a_notifier_that_is_deleted_meanwhile_is_404(
    api: Api, app: Flask, notifier: int, edge: IPPanelSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffer = edge.suffer

    def delete_first(*args: Any, **options: Any) -> Reply:
        assert Api(app.test_client(), api.token).delete(f"{SMS}/{notifier}").status == 204
        return suffer(*args, **options)

    monkeypatch.setattr(edge, "suffer", delete_first)
    assert api.post(url(notifier, "?create=true")).status == 404


def test_synchronizations_that_arrive_together_create_each_pattern_once(
    app: Flask, api: Api, notifier: int, stored: Callable[[], list[dict[str, Any]]]
) -> None:
    found: list[dict[str, Any]] = []
    together = threading.Barrier(MAX_CONCURRENT_CALLS)

    def run() -> None:
        client = Api(app.test_client(), api.token)
        together.wait()
        found.append(counts(client, notifier, "?create=true"))

    threads = [threading.Thread(target=run) for _ in range(MAX_CONCURRENT_CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [{"created": 4}, *[{"unchanged": 4}] * (MAX_CONCURRENT_CALLS - 1)]
    assert len(stored()) == 4


def test_no_pattern_is_added_or_renamed_while_names_are_chosen(
    app: Flask, notifier: int, ours: Callable[..., int]
) -> None:
    """Nobody can take a name between its choice and the commit: writers wait, here until they give up."""
    other = ours(name="other")
    with app.app_context(), orm_session() as session:
        sync.sync(session, notifier, [ProviderPattern("c", "otp", "body", "approved")], create=True)
        for statement in (
            (
                "INSERT INTO sms_patterns (notifier_id, status, name, code, body, created_at, updated_at)"
                f" VALUES ({notifier}, 'created', 'otp', 'x', 'body', '2025-01-01', '2025-01-01')"
            ),
            f"UPDATE sms_patterns SET name = 'otp' WHERE id = {other}",
        ):
            with db.engines[AUTOCOMMIT].connect() as connection:
                postgresql = connection.dialect.name == "postgresql"
                connection.exec_driver_sql(
                    "SET lock_timeout = '100ms'" if postgresql else "PRAGMA busy_timeout = 100"
                )
                with pytest.raises(OperationalError, match="lock"):
                    connection.exec_driver_sql(statement)
                connection.invalidate()
        session.flush()
    with app.app_context():
        assert db.session.scalars(select(SMSPattern.name).order_by(SMSPattern.id)).all() == ["other", "otp"]


@pytest.mark.parametrize("backend", ["ippanel", "melipayamak"])
def test_a_test_token_reaches_no_provider(
    app: Flask, token: Callable[..., str], edge: IPPanelSimulator, backend: str
) -> None:
    with app.app_context():
        made = SMSNotifierFactory(backend=backend, settings=SETTINGS).id
    answer = Api(app.test_client(), token(test=True)).post(url(made, "?create=true"))
    if backend == "ippanel":
        assert (answer.status, answer.json) == (200, NOTHING)
    else:
        assert answer.status == 400
    assert edge.requests == 0


class Talkative(Sandbox):
    """A provider that never stops."""

    def patterns(self) -> Iterator[ProviderPattern]:
        while True:
            yield ProviderPattern("same", "name", "body", "approved")


def test_a_provider_that_never_ends_is_in_trouble() -> None:
    with pytest.raises(NotifierTrouble, match="more than 10000 patterns"):
        sync.read(Talkative())


@pytest.mark.parametrize("latency", [0, 0.05])
def test_a_sync_ends_in_time_and_size_whatever_the_provider_shows(
    api: Api, notifier: int, edge: IPPanelSimulator, monkeypatch: pytest.MonkeyPatch, latency: float
) -> None:
    """Each page comes in time and is small enough: there always is another one."""
    assert (sync.READ_SECONDS, sync.MAX_RESPONSE_BYTES) == (30, 16 * 1024 * 1024)
    monkeypatch.setattr(sync, "READ_SECONDS" if latency else "MAX_RESPONSE_BYTES", 0.5 if latency else 50_000)
    asked: list[Request] = []

    def endless(request: Request) -> Reply:
        asked.append(request)
        time.sleep(latency)
        entry = {"pattern_code": str(len(asked)), "title": "x" * 1000, "pattern_message": "y"}
        return Reply(200, {"data": [entry], "meta": {"status": True, "last_page": 10**9}})

    monkeypatch.setattr(edge.server, "answer", endless)
    started = time.monotonic()
    answer = api.post(url(notifier))
    assert answer.status == 502
    assert ("in time" if latency else "too long") in answer.json["detail"]
    assert len(asked) > 3
    assert time.monotonic() - started < 5


names = st.text(st.sampled_from("a ()2"), min_size=1, max_size=6).map(lambda text: text.strip() or "a")


@given(st.lists(names, max_size=12), st.integers(250, 300))
def test_free_names_are_new_trimmed_and_not_too_long(asked: list[str], length: int) -> None:
    taken: set[str] = set()
    for name in [*asked, "b" * length, "b" * length, "c " * length, "c " * length]:
        free = sync._free_name(name, taken)
        assert free not in taken
        assert 0 < len(free) <= 255
        assert free == free.strip()
        assert (free == name) or name in taken or len(name) > 255 or free.endswith(")")
        taken.add(free)
