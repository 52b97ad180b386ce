"""What holds for every request: its id, its URL, its host."""

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.app import create_app
from tests.api.resources import (
    COLLECTIONS,
    EMAIL_PATTERNS,
    SETTINGS,
    SMS,
    SMS_NOTIFIERS,
    SMS_PATTERNS,
    Collection,
)
from tests.support.clients import Api
from tests.support.environment import slow_on_postgresql

every_collection = pytest.mark.parametrize("collection", COLLECTIONS, ids=str)

OWN_ID = re.compile(r"[A-Za-z0-9_.:-]{8,128}")
ALLOWED = "ABCXYZabcxyz0189_.:-"


@given(
    given_id=st.text(ALLOWED, min_size=6, max_size=130)
    | st.text(st.characters(min_codepoint=33, max_codepoint=255))
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_request_keeps_its_own_id_if_that_is_fit(anonymous: Api, given_id: str) -> None:
    answered = anonymous.get("/healthz", headers={"X-Request-ID": given_id}).headers["X-Request-ID"]
    if OWN_ID.fullmatch(given_id):
        assert answered == given_id
    else:
        assert answered != given_id
        assert OWN_ID.fullmatch(answered)


@pytest.mark.parametrize("length", [1, 7, 8, 128, 129, 5_000])
def test_an_id_has_8_to_128_characters(anonymous: Api, length: int) -> None:
    given_id = "a" * length
    answered = anonymous.get("/healthz", headers={"X-Request-ID": given_id}).headers["X-Request-ID"]
    assert (answered == given_id) is (8 <= length <= 128)


def test_each_request_without_an_id_gets_one_of_its_own(anonymous: Api) -> None:
    ids = {anonymous.get("/healthz").headers["X-Request-ID"] for _ in range(20)}
    assert len(ids) == 20


def test_every_answer_carries_the_id(anonymous: Api, api: Api, staff: Callable[..., Api]) -> None:
    made = api.post(SMS, SMS_NOTIFIERS.body).json["id"]
    large = {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"}
    for status, caller, method, path, options in (
        (200, api, "GET", SMS, {}),
        (200, api, "HEAD", SMS, {}),
        (200, anonymous, "OPTIONS", SMS, {}),
        (200, anonymous, "GET", "/readyz", {}),
        (201, api, "POST", SMS, {"json": SMS_NOTIFIERS.body}),
        (204, api, "DELETE", f"{SMS}/{made}", {}),
        (400, api, "POST", SMS, {}),
        (401, anonymous, "GET", SMS, {}),
        (403, staff(), "GET", SMS, {}),
        (404, api, "GET", f"{SMS}/{made}", {}),
        (404, anonymous, "GET", "/unknown", {}),
        (405, api, "PUT", SMS, {}),
        (413, api, "POST", SMS, large),
        (415, api, "POST", SMS, {"data": b"{}", "content_type": "text/plain"}),
    ):
        answer = caller.call(method, path, headers={"X-Request-ID": f"answer-{status}"}, **options)
        assert (answer.status, answer.headers["X-Request-ID"]) == (status, f"answer-{status}")


@every_collection
def test_a_trailing_slash_changes_nothing(api: Api, app: Flask, collection: Collection) -> None:
    url, _ = collection.place(app)
    made = api.post(f"{url}/", collection.body)
    assert made.status == 201
    one = f"{url}/{made.json['id']}"
    assert api.get(f"{url}/").json["results"] == [made.json]
    assert api.get(f"{one}/").json == made.json
    assert api.patch(f"{one}/", {"name": "patched"}).json["name"] == "patched"
    assert api.post(f"{one}/", {"name": "posted"}).json["name"] == "posted"
    assert api.call("PUT", f"{one}/").status == 405
    assert api.delete(f"{one}/").status == 204


def test_single_urls_take_a_trailing_slash_too(api: Api) -> None:
    for path in ("/api/me", SETTINGS, "/healthz", "/readyz"):
        assert api.get(f"{path}/").json == api.get(path).json
    assert api.patch(f"{SETTINGS}/", {"notifications_otp_ttl": 60}).json["notifications_otp_ttl"] == 60


@pytest.mark.parametrize(
    "path",
    ["//api/me", "///api/me", "/api//me", "/api/me//", f"{SMS}//", "//healthz", "/api/./me", "/x/../api/me"],
)
def test_paths_are_taken_as_they_are(api: Api, anonymous: Api, path: str) -> None:
    for caller in (api, anonymous):
        answer = caller.get("/", environ_overrides={"PATH_INFO": path, "RAW_URI": path, "REQUEST_URI": path})
        assert (answer.status, answer.json) == (404, {"detail": "Not found."})


NO_IDS = (
    *(
        "99999999999999999999",
        "9" * 5_000,
        "9223372036854775807",
        "9223372036854775808",
        "0",
        "-1",
        "+1",
        "1.0",
        "1e0",
    ),
    *(
        "0x1",
        "1_0",
        "%D9%A1",
        "%DB%B1",
        "%EF%BC%91",
        "%C2%B2",
        "%00",
        "1%00",
        "1%0A",
        "%201",
        "1;x",
        "%FF",
        "None",
    ),
)


@every_collection
def test_an_id_is_ascii_digits_and_no_other_names_an_object(
    api: Api, app: Flask, collection: Collection
) -> None:
    url, scope = collection.place(app)
    with app.app_context():
        id_ = collection.factory(**scope).id
    assert api.get(f"{url}/{id_}").status == 200
    assert api.get(f"{url}/000{id_}").status == 200
    for other in NO_IDS:
        for method in ("GET", "PATCH", "DELETE"):
            answer = api.call(method, f"{url}/{other}")
            assert (other, answer.status, answer.json) == (other, 404, {"detail": "Not found."})


@pytest.mark.parametrize("collection", [SMS_PATTERNS, EMAIL_PATTERNS], ids=str)
def test_a_notifiers_id_in_a_path_is_ascii_digits_too(api: Api, collection: Collection) -> None:
    for id_ in NO_IDS:
        url = collection.url.format(notifier_id=id_)
        for answer in (api.get(url), api.post(url, collection.body), api.get(f"{url}/1")):
            assert (id_, answer.status, answer.json) == (id_, 404, {"detail": "Not found."})


@pytest.mark.parametrize("host", ["", " ", "a b", "a/b", 'a"b', "<a>", "a:b:c", "a@b", "a\\b", "é"])
def test_a_host_that_is_none_is_refused(api: Api, host: str) -> None:
    answer = api.get(SMS, headers={"Host": host})
    assert (answer.status, answer.json) == (400, {"detail": "Invalid Host header."})


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("api.example.com", "http://api.example.com"),
        ("api.example.com:80", "http://api.example.com"),
        ("192.0.2.1", "http://192.0.2.1"),
        ("[2001:db8::1]:8000", "http://[2001:db8::1]:8000"),
    ],
)
def test_links_name_the_host_that_was_asked(api: Api, app: Flask, host: str, base: str) -> None:
    with app.app_context():
        SMS_NOTIFIERS.factory.create_batch(2)
    answer = api.get(f"{SMS}?limit=1", headers={"Host": host})
    assert answer.json["next"] == f"{base}{SMS}?limit=1&offset=1"


@slow_on_postgresql
@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("api.example.com", SMS, 200),
        ("API.Example.com:8000", SMS, 200),
        ("api.example.com.", SMS, 200),
        ("[2001:db8::1]:8000", SMS, 200),
        ("evil.example", SMS, 400),
        ("evil.example:443", "/api/docs", 400),
        ("api.example.com.evil.example", SMS, 400),
        ("x.api.example.com", "/", 400),
        ("evil.example", "/unknown", 400),
        ("192.0.2.1:8000", "/healthz", 200),
        ("192.0.2.1:8000", "/readyz", 200),
    ],
)
def test_only_allowed_hosts_are_answered_where_there_are_some(
    api: Api, other_app: Callable[..., Flask], host: str, path: str, status: int
) -> None:
    other = other_app(NOTIFYHUB_ALLOWED_HOSTS="api.example.com, [2001:DB8::1]")
    answer = Api(other.test_client(), api.token).get(path, headers={"Host": host})
    assert answer.status == status
    if status == 400:
        assert answer.json == {"detail": "Invalid Host header."}


def test_a_host_of_a_proxy_is_checked_too(api: Api, other_app: Callable[..., Flask]) -> None:
    other = other_app(NOTIFYHUB_ALLOWED_HOSTS="api.example.com", NOTIFYHUB_TRUSTED_PROXIES="1")
    client = Api(other.test_client(), api.token)
    for forwarded, status in {"api.example.com": 200, "evil.example": 400}.items():
        answer = client.get(SMS, headers={"Host": "api.example.com", "X-Forwarded-Host": forwarded})
        assert answer.status == status


@given(
    proto=st.sampled_from(["https", "http", "javascript", "https://evil.example/?", ""])
    | st.text(st.characters(min_codepoint=33, max_codepoint=126)),
    prefix=st.sampled_from(["//evil.example", "/hub", "https://evil.example"]),
)
@settings(max_examples=60, deadline=None)
def test_nothing_that_a_proxy_passes_on_changes_where_the_documentation_loads_from(
    proxied: FlaskClient, proto: str, prefix: str
) -> None:
    page = proxied.get("/api/docs", headers={"X-Forwarded-Proto": proto, "X-Forwarded-Prefix": prefix})
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(loaded) >= 5
    assert all(url.startswith("/api/docs/") for url in loaded)
    assert "evil" not in page.text


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = str(tmp_path_factory.mktemp("instance"))
    variables = {"NOTIFYHUB_INSTANCE": folder, "NOTIFYHUB_TRUSTED_PROXIES": "1"}
    return create_app(variables).test_client()


ORIGINS = "https://app.example.com, http://[2001:db8::1]:3000"


@slow_on_postgresql
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("http://[2001:db8::1]:3000", True),
        ("https://appxexample.com", False),
        ("https://app.example.com.evil.example", False),
        ("https://evil.example/https://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("http://app.example.com", False),
        ("http://2", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_the_configured_origins_may_read_answers(
    api: Api, other_app: Callable[..., Flask], origin: str, *, allowed: bool
) -> None:
    client = Api(other_app(NOTIFYHUB_CORS_ORIGINS=ORIGINS).test_client(), api.token)
    given_headers = {"Origin": origin} if origin else {}
    preflight = {**given_headers, "Access-Control-Request-Method": "GET"}
    for answer in (client.get(SMS, headers=given_headers), client.call("OPTIONS", SMS, headers=preflight)):
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ([origin] if allowed else [])
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers.getlist("Vary") == ["Origin"]


def test_no_answer_that_may_hold_secrets_is_kept(api: Api, anonymous: Api) -> None:
    made = api.post(SMS, SMS_NOTIFIERS.body)
    answers = [made, api.get(SMS), api.get(f"{SMS}/{made.json['id']}"), api.get(SETTINGS), api.get("/api/me")]
    answers += [anonymous.get(SMS), api.get("/unknown"), api.call("PUT", SMS), anonymous.get("/healthz")]
    for answer in answers:
        assert answer.headers.getlist("Cache-Control") == ["no-store"]


def test_pages_can_neither_be_framed_nor_run_foreign_scripts(anonymous: Api) -> None:
    for path in ("/", "/api/docs"):
        headers = anonymous.get(path).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(part.split(None, 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in policy.get("script-src", "")


def test_the_documentations_own_script_may_run(anonymous: Api) -> None:
    answer = anonymous.get("/api/docs")
    (script,) = re.findall("<script>(.*?)</script>", answer.response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in answer.headers["Content-Security-Policy"]
    with anonymous.client.get("/api/docs/swagger-ui-bundle.js") as asset:
        assert "no-store" not in asset.headers["Cache-Control"]


def test_the_root_leads_to_the_console(anonymous: Api) -> None:
    answer = anonymous.get("/", headers={"Host": "evil.example"})
    assert (answer.status, answer.headers["Location"]) == (302, "/console")
