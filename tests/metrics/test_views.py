"""The URL that Prometheus reads: who may, and what it tells."""

from collections.abc import Callable

import pytest
from flask import Flask

from notifyhub.api.http.requests import PROBES
from tests.metrics.exposition import Exposition
from tests.support.clients import Api
from tests.support.environment import on_sqlite

TOKEN = "metrics-token-of-the-tests"
SMS = "/api/notifications/notifiers/sms"


def metrics(app: Flask) -> Exposition:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    return Exposition(answer.text)


def test_it_is_open_where_no_token_is_configured(app: Flask) -> None:
    assert metrics(app).sum("notifyhub_build_info") == 1


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "Authentication credentials were not provided."),
        (f"Token {TOKEN}", "Authentication credentials were not provided."),
        ("Bearer", "Invalid token."),
        ("Bearer wrong-token-of-tests", "Invalid token."),
        (f"Bearer {TOKEN}x", "Invalid token."),
        ("Bearer \xff", "Invalid token."),
    ],
)
def test_it_needs_the_token_that_is_configured(
    other_app: Callable[..., Flask], header: str | None, words: str
) -> None:
    client = other_app(NOTIFYHUB_METRICS_TOKEN=TOKEN).test_client()
    headers = {} if header is None else {"Authorization": header}
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.get_json()) == (401, {"detail": words})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_it(other_app: Callable[..., Flask], scheme: str) -> None:
    client = other_app(NOTIFYHUB_METRICS_TOKEN=TOKEN).test_client()
    assert client.get("/metrics", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200


def test_a_token_of_the_api_does_not_open_it(
    other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    client = other_app(NOTIFYHUB_METRICS_TOKEN=TOKEN).test_client()
    assert client.get("/metrics", headers={"Authorization": f"Token {token()}"}).status_code == 401


def test_requests_count_by_route_and_status(app: Flask, token: Callable[..., str]) -> None:
    def counted(**labels: str) -> float:
        return metrics(app).sum("notifyhub_http_requests_total", method="GET", **labels)

    api = Api(app.test_client(), token())
    listed, missing = {"route": SMS, "status": "200"}, {"route": f"{SMS}/<id:id>", "status": "404"}
    before = counted(**listed), counted(**missing)
    api.get(SMS, query_string={"search": "a"})
    for id_ in (1, 2, 3):
        api.get(f"{SMS}/{id_}")
    assert (counted(**listed), counted(**missing)) == (before[0] + 1, before[1] + 3)
    durations = metrics(app).sum("notifyhub_http_request_duration_seconds_count", route=f"{SMS}/<id:id>")
    assert durations >= 3


@on_sqlite
def test_nothing_that_a_client_chooses_makes_a_series(app: Flask, token: Callable[..., str]) -> None:
    api = Api(app.test_client(), token())

    def ask(number: int) -> None:
        for path in (f"/nothing/{number}", f"{SMS}/{number}", f"{SMS}?limit={number}", f"/api/{number}/é"):
            api.get(path)
        api.call(f"METHOD{number}", SMS)
        api.call("GET", "/metrics", headers={"Host": f"host-{number}"})

    others = metrics(app).values("route")  # of other tests' applications
    ask(1)
    before = metrics(app).labels(), len(metrics(app).samples)
    for number in range(2, 30):
        ask(number)
    assert (metrics(app).labels(), len(metrics(app).samples)) == before
    routes = metrics(app).values("route")
    assert routes - others <= {rule.rule for rule in app.url_map.iter_rules()} | {"other"}


@on_sqlite
def test_a_scrape_is_asked_by_any_host_name_and_leaves_no_line(
    other_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    client = other_app(NOTIFYHUB_ALLOWED_HOSTS="api.example.com").test_client()
    capsys.readouterr()
    assert client.get("/metrics", headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert capsys.readouterr().err == ""
    assert "/metrics" in PROBES
