"""What holds for every request: its id, its URL, its host."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.resources import COLLECTIONS, SETTINGS, SMS, SMS_NOTIFIERS, SMS_PATTERNS, Collection
from tests.conftest import Api

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


def test_a_notifiers_id_in_a_path_is_ascii_digits_too(api: Api) -> None:
    for id_ in NO_IDS:
        url = SMS_PATTERNS.url.format(notifier_id=id_)
        for answer in (api.get(url), api.post(url, SMS_PATTERNS.body), api.get(f"{url}/1")):
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
