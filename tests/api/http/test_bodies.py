"""Bodies, well-formed and hostile, at every endpoint that takes one."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.resources import (
    COLLECTIONS,
    EMAIL_PATTERNS,
    SETTINGS,
    SMS,
    SMS_NOTIFIERS,
    SMS_PATTERNS,
    WRITERS,
    Collection,
    Writer,
    stored,
)
from tests.messages.accounts import MESSAGES
from tests.support.clients import Answer, Api
from tests.support.environment import on_sqlite, slow_on_postgresql
from tests.support.processes import Server

QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
THOROUGH = settings(QUICK, max_examples=300)

every_writer = pytest.mark.parametrize("writer", WRITERS, ids=str)
every_collection = pytest.mark.parametrize("collection", COLLECTIONS, ids=str)


def too_large(most: int) -> dict[str, str]:
    words = f"Request body too large: at most {most} bytes are taken (NOTIFYHUB_MAX_BODY_BYTES)."
    return {"detail": words}


TOO_LARGE = too_large(1048576)
LINE_END = "Line ends and control characters are not allowed."
REQUIRED = "This field is required."
NULL = "This field may not be null."
BLANK = "This field may not be blank."
NOT_STRING = "Not a valid string."
NOT_INTEGER = "A valid integer is required."
NOT_BOOLEAN = "Must be a valid boolean."
NO_NULLS = "Null characters are not allowed."
NO_SURROGATES = "Surrogate characters are not allowed."


def not_an_object(kind: str) -> dict[str, list[str]]:
    return {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]}


# The bodies that no endpoint takes, and the answer to each; where that is a text, `detail` begins so.
PARSE_ERROR = "JSON parse error - "
NEVER_TAKEN: dict[bytes, Any] = {
    b" ": PARSE_ERROR + "Expecting value",
    b"\n\t ": PARSE_ERROR + "Expecting value",
    b"null": {"non_field_errors": ["No data provided"]},
    b"[]": not_an_object("list"),
    b'[{"name": "a"}]': not_an_object("list"),
    b'""': not_an_object("str"),
    b'"name"': not_an_object("str"),
    b"0": not_an_object("int"),
    b"1.5": not_an_object("float"),
    b"false": not_an_object("bool"),
    b"{": PARSE_ERROR + "Expecting property name",
    b"{}}": PARSE_ERROR + "Extra data",
    b"{'name': 1}": PARSE_ERROR,
    b'{"name": "a",}': PARSE_ERROR,
    b"name=a&backend=ippanel": PARSE_ERROR,
    b"\xef\xbb\xbf{}": PARSE_ERROR + "Unexpected UTF-8 BOM",
    '{"x": 1}'.encode("utf-16"): PARSE_ERROR + "Not UTF-8",
    '{"x": 1}'.encode("utf-16-be"): PARSE_ERROR,
    '{"x": 1}'.encode("utf-32-le"): PARSE_ERROR,
    b'{"x": "\xff"}': PARSE_ERROR + "Not UTF-8: byte 7",
    b'{"x": "\xed\xa0\x80"}': PARSE_ERROR + "Not UTF-8: byte 7",
    b'{"x": "a\0"}': PARSE_ERROR + "Invalid control character",
    b'{"x": NaN}': PARSE_ERROR + "Out of range float values are not JSON compliant: NaN",
    b'{"x": [Infinity]}': PARSE_ERROR + "Out of range float values are not JSON compliant: Infinity",
    b'{"x": -Infinity}': PARSE_ERROR + "Out of range float values are not JSON compliant: -Infinity",
    b'{"x": 1e400}': PARSE_ERROR + "Number out of range",
    b'{"x": ' + b"9" * 400 + b"}": PARSE_ERROR + "Integer out of range",
    b'{"x": -' + b"9" * 5000 + b"}": PARSE_ERROR + "Integer out of range",
    b'{"x": 9223372036854775808}': PARSE_ERROR + "Integer out of range",
    b'{"x": {"y": [-9223372036854775809]}}': PARSE_ERROR + "Integer out of range",
    b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}": PARSE_ERROR + "Nested too deeply",
    b'{"settings": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001: PARSE_ERROR + "Nested too deeply",
    b"[" * 200_000: PARSE_ERROR + "Nested too deeply",
    b'{"x": "\\u0000"}': {"x": [NO_NULLS]},
    b'{"x": {"y": ["a\\u0000"]}}': {"x": [NO_NULLS]},
    b'{"settings": {"\\u0000": 1}}': {"settings": [NO_NULLS]},
    b'{"x\\u0000": 1}': PARSE_ERROR + NO_NULLS,
    b'{"x": "\\ud800"}': {"x": [NO_SURROGATES]},
    b'{"settings": {"y": {"\\udfff\\ud800": 1}}}': {"settings": [NO_SURROGATES]},
    b'{"\\ud800": 1}': PARSE_ERROR + NO_SURROGATES,
}


@slow_on_postgresql
@every_writer
def test_what_is_no_body_is_refused_and_leaves_nothing_behind(api: Api, app: Flask, writer: Writer) -> None:
    url, _ = writer.make_url(app), api.get(SETTINGS)
    before = stored(app)
    for data, expected in NEVER_TAKEN.items():
        answer = writer.send(api, url, data)
        assert answer.status == 400, data[:80]
        if isinstance(expected, str):
            assert list(answer.json) == ["detail"], data[:80]
            assert answer.json["detail"].startswith(expected), data[:80]
        else:
            assert answer.json == expected, data[:80]
    assert stored(app) == before


OTHER_TYPES = (
    *(
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ),
    *("application/vnd.api+json", "application/jsonx", "json"),
)


@every_writer
def test_another_type_of_body_is_refused(api: Api, app: Flask, writer: Writer) -> None:
    url, _ = writer.make_url(app), api.get(SETTINGS)
    before = stored(app)
    for content_type in OTHER_TYPES:
        answer = writer.send(api, url, json.dumps(writer.body).encode(), content_type)
        words = f'Unsupported media type "{content_type or ""}" in request.'
        assert (answer.status, answer.json) == (415, {"detail": words})
    assert stored(app) == before


@every_writer
def test_json_is_taken_however_its_type_is_written(api: Api, app: Flask, writer: Writer) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/json;"):
        answer = writer.send(api, writer.make_url(app), json.dumps(writer.body).encode(), content_type)
        assert answer.status in {200, 201}


@every_writer
def test_no_body_counts_as_an_empty_object(api: Api, app: Flask, writer: Writer) -> None:
    url, _ = writer.make_url(app), api.get(SETTINGS)
    before = stored(app)
    empty = writer.send(api, url, b"{}")
    if writer.name.startswith("create"):
        assert empty.status == 400
        assert set(map(tuple, empty.json.values())) == {(REQUIRED,)}
    else:
        assert empty.status == 200
        assert empty.json == api.get(url).json
    for content_type in (None, "application/json", "text/plain"):
        answer = writer.send(api, url, b"", content_type)
        assert (answer.status, answer.json) == (empty.status, empty.json)
    assert stored(app) == before


@every_writer
def test_a_long_body_is_refused_after_a_bad_token(api: Api, app: Flask, writer: Writer) -> None:
    url, _ = writer.make_url(app), api.get(SETTINGS)
    before = stored(app)
    most = writer.collection.max_body if writer.collection else 1024 * 1024
    exact = b'{"x": "' + b"a" * (most - 9) + b'"}'
    assert len(exact) == most
    answer = writer.send(api, url, exact + b" ")
    assert (answer.status, answer.json) == (413, too_large(most))
    assert writer.send(Api(api.client, None), url, exact + b" ").status == 401
    assert writer.send(api, url, exact).status in {200, 400}
    assert stored(app) == before


def test_the_greatest_body_is_what_the_operator_set(other_app: Callable[..., Flask], api: Api) -> None:
    small = Api(other_app(NOTIFYHUB_MAX_BODY_BYTES="100").test_client(), api.token)
    for url in (MESSAGES, f"{MESSAGES}/bulk", f"{MESSAGES}/preview"):
        refused = small.post(url, data=b"{" + b" " * 100, content_type="application/json")
        assert (refused.status, "at most 100 bytes" in refused.json["detail"]) == (413, True)
    great = Api(other_app(NOTIFYHUB_MAX_BODY_BYTES=str(11 * 1024 * 1024)).test_client(), api.token)
    assert (
        great.post(MESSAGES, data=b"{}".ljust(11 * 1024 * 1024), content_type="application/json").status
        == 400
    )
    assert small.post(SMS, data=b"{" + b" " * 99, content_type="application/json").status == 400
    assert small.post(SMS, data=b"{" + b" " * 100, content_type="application/json").status == 413


def test_of_a_key_given_twice_the_last_counts(api: Api) -> None:
    data = b'{"name": 1, "backend": "none", "name": "last", "backend": "ippanel", "settings": []'
    answer = api.post(SMS, data=data + b', "settings": {}}', content_type="application/json")
    assert (answer.status, answer.json["name"], answer.json["backend"]) == (201, "last", "ippanel")


@every_collection
def test_unknown_and_read_only_keys_are_ignored(api: Api, app: Flask, collection: Collection) -> None:
    extra = {
        "id": 5_000,
        "created_at": "never",
        "updated_at": None,
        "notifier_id": 0,
        "": 1,
        "__class__": [{}],
    }
    url, _ = collection.place(app)
    made = api.post(url, collection.body | extra).json
    assert made["id"] != 5_000
    assert {name: made[name] for name in collection.body} == collection.body
    assert list(made) == [*["id"], *collection.body, "created_at", "updated_at"]
    changed = api.patch(f"{url}/{made['id']}", extra)
    assert (changed.status, changed.json) == (200, made)


@every_collection
def test_texts_are_taken_up_to_their_length(api: Api, app: Flask, collection: Collection) -> None:
    for name, most in collection.texts.items():
        url, _ = collection.place(app)
        for letter in ("a", "ی", "😀"):
            answer = api.post(url, collection.body | {name: letter * most})
            assert (answer.status, answer.json[name]) == (201, letter * most)
            one = f"{url}/{answer.json['id']}"
            before = stored(app)
            words = {name: [f"Ensure this field has no more than {most} characters."]}
            for answer in (
                api.post(url, collection.body | {name: letter * (most + 1)}),
                api.patch(one, {name: letter * (most + 1)}),
                api.post(one, {name: letter * (most + 1)}),
            ):
                assert (answer.status, answer.json) == (400, words)
            assert stored(app) == before
            assert api.delete(one).status == 204


def is_trimmed(collection: Collection, name: str) -> bool:
    return name not in {"body", "body_text", "body_html", "password"}


@every_collection
def test_texts_are_trimmed_but_secrets_and_bodies_of_patterns(
    api: Api, app: Flask, collection: Collection
) -> None:
    url, _ = collection.place(app)
    padded = {
        name: f"  {collection.body[name]} " if name == "subject" else f" \t{collection.body[name]}\n "
        for name in collection.texts
    }
    made = api.post(url, collection.body | padded).json
    for name, value in padded.items():
        assert made[name] == (value.strip() if is_trimmed(collection, name) else value)


MAY_BE_BLANK = {"description", "username", "password", "body_html"}


@every_collection
@pytest.mark.parametrize("blank", ["", " \t\n\u00a0\u3000"])
def test_blanks_alone_are_blank(api: Api, app: Flask, collection: Collection, blank: str) -> None:
    url, one = collection.place(app)[0], collection.one(app)
    refused = {name: [BLANK] for name in collection.texts if name not in MAY_BE_BLANK}
    given = dict.fromkeys(collection.texts, blank)
    for answer in (api.post(url, collection.body | given), api.patch(one, given), api.post(one, given)):
        assert (answer.status, answer.json) == (400, refused)
    taken = {name: blank for name in collection.texts if name in MAY_BE_BLANK}
    made = api.post(url, collection.body | taken)
    assert made.status == 201
    for name in taken:
        assert made.json[name] == (blank if name == "password" else "")


@every_collection
@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("5", "5"),
        ("-0", "0"),
        ("9223372036854775807", "9223372036854775807"),
        ("1.5", "1.5"),
        ("1e2", "100.0"),
    ],
)
def test_numbers_are_taken_as_texts(
    api: Api, app: Flask, collection: Collection, number: str, text: str
) -> None:
    url, _ = collection.place(app)
    for name in collection.texts:
        data = json.dumps(collection.body | {name: 0}).replace(f'"{name}": 0', f'"{name}": {number}')
        answer = api.post(url, data=data, content_type="application/json")
        assert (answer.status, answer.json[name]) == (201, text)
        assert api.delete(f"{url}/{answer.json['id']}").status == 204


# Every field, values of a wrong type or range, and the words that each is refused with.
OUT_OF_PORTS = {
    0: "Ensure this value is greater than or equal to 1.",
    -1: "Ensure this value is greater than or equal to 1.",
    65_536: "Ensure this value is less than or equal to 65535.",
    2**63 - 1: "Ensure this value is less than or equal to 65535.",
    "99999999999999999999": "Ensure this value is less than or equal to 65535.",
}
WRONG_STRINGS = [(value, NOT_STRING) for value in (True, False, [], ["a"], {}, {"a": 1})]
WRONG_INTEGERS = [
    (value, NOT_INTEGER)
    for value in (True, 1.5, "", " ", "x", "1.5", "0x1", "1_0", "۵", "1e1", [], [1], {}, 1e300, "9" * 5_000)
]
WRONG_BOOLEANS = [(value, NOT_BOOLEAN) for value in ("", "x", "maybe", 2, -1, 0.5, [], [True], {}, {"a": 1})]
WRONG_OBJECTS = [
    (value, f'Expected a dictionary of items but got type "{type(value).__name__}".')
    for value in ("", "{}", 0, 1.5, True, [], [{}])
]
WRONG_CHOICES = [
    (value, f'"{value}" is not a valid choice.')
    for value in ("", "x", "Approved", 5, True, 1.5, [], ["a"], {}, {"a": 1})
]
WRONG_SENDERS = [
    *((value, "Enter a valid email address.") for value in ("x", "a@b@example.com", 5)),
    ("a@example.com\nBcc: b@example.com", LINE_END),
]
WRONG: list[tuple[Collection, str, list[tuple[Any, str]]]] = [
    *((collection, name, WRONG_STRINGS) for collection in COLLECTIONS for name in collection.texts),
    *(
        (collection, name, [(None, NULL)])
        for collection in COLLECTIONS
        for name in collection.body
        if name not in {"description", "port", "body_html"}
        if (collection, name) != (EMAIL_PATTERNS, "from_email")
    ),
    (SMS_NOTIFIERS, "backend", WRONG_CHOICES),
    (SMS_NOTIFIERS, "settings", WRONG_OBJECTS),
    (SMS_PATTERNS, "status", WRONG_CHOICES),
    (COLLECTIONS[2], "port", [*WRONG_INTEGERS, *OUT_OF_PORTS.items()]),
    (COLLECTIONS[2], "from_email", [*WRONG_STRINGS, *WRONG_SENDERS]),
    (EMAIL_PATTERNS, "from_email", [*WRONG_STRINGS, *WRONG_SENDERS]),
    (EMAIL_PATTERNS, "subject", [(value, LINE_END) for value in ("a\nb", "a\r", "\ta", "a\u2028b")]),
    *(
        (COLLECTIONS[2], name, WRONG_BOOLEANS)
        for name in ("use_tls", "use_ssl", "fail_silently", "fail_siently")
    ),
]


@slow_on_postgresql
@pytest.mark.parametrize(("collection", "name", "values"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_refused_by_its_fields_name(
    api: Api, app: Flask, collection: Collection, name: str, values: list[tuple[Any, str]]
) -> None:
    url, one = collection.place(app)[0], collection.one(app)
    before = stored(app)
    shown = "fail_silently" if name == "fail_siently" else name
    others = {key: value for key, value in collection.body.items() if key != shown}
    for value, words in values:
        for answer in (
            api.post(url, others | {name: value}),
            api.patch(one, {name: value}),
            api.post(one, {name: value}),
        ):
            assert (value, answer.status, answer.json) == (value, 400, {shown: [words]})
    assert stored(app) == before


@every_collection
def test_all_wrong_fields_are_named_at_once(api: Api, app: Flask, collection: Collection) -> None:
    answer = api.post(collection.place(app)[0], {name: [True] for name in collection.body})
    assert answer.status == 400
    assert set(answer.json) == set(collection.body)


PK = "Incorrect type. Expected pk value, received {}."
MISSING = 'Invalid pk "{}" - object does not exist.'
WRONG_REFERENCES = [
    *((value, PK.format(type(value).__name__)) for value in (True, 1.5, "x", [], [1], {}, {"id": 1})),
    *((value, MISSING.format(value)) for value in (0, -1, 99, "99", 2**63 - 1, "9" * 20)),
]
WRONG_SETTINGS: dict[str, list[tuple[Any, str]]] = {
    "notifications_sms_notifier": WRONG_REFERENCES,
    "notifications_email_notifier": WRONG_REFERENCES,
    "notifications_otp_code_len": [
        *WRONG_INTEGERS,
        (None, NULL),
        (3, "Ensure this value is greater than or equal to 4."),
        (11, "Ensure this value is less than or equal to 10."),
        ("-" + "9" * 900, "Ensure this value is greater than or equal to 4."),
    ],
    "notifications_otp_ttl": [
        *WRONG_INTEGERS,
        (None, NULL),
        (9, "Ensure this value is greater than or equal to 10."),
        (86_401, "Ensure this value is less than or equal to 86400."),
        (2**63 - 1, "Ensure this value is less than or equal to 86400."),
    ],
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_by_its_name(api: Api, app: Flask, name: str) -> None:
    api.get(SETTINGS)
    before = stored(app)
    for value, words in WRONG_SETTINGS[name]:
        answer = api.patch(SETTINGS, {name: value, "notifications_otp_code_len": 7} | {name: value})
        assert (value, answer.status, answer.json) == (value, 400, {name: [words]})
    assert stored(app) == before


# JSON of every kind, what it should not hold included.
TEXTS = st.text(st.characters(), max_size=5) | st.sampled_from(
    ["\0", "\ud800", "melipayamak", "approved", "+9830005"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from(["token", "number"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def bodies_of(writer: Writer) -> st.SearchStrategy[dict[str, Any]]:
    """Give valid bodies in which some fields are replaced, by anything, and some are left out."""
    wrong = st.dictionaries(
        st.sampled_from(sorted({*writer.body, "settings", "fail_siently"})) | TEXTS, VALUES, max_size=3
    )
    without = st.sets(st.sampled_from(sorted(writer.body)), max_size=2)
    return st.builds(
        lambda wrong, without: {k: v for k, v in (writer.body | wrong).items() if k not in without},
        wrong,
        without,
    )


def check_anything(api: Api, app: Flask, writer: Writer, url: str, body: dict[str, Any]) -> None:
    """Send a body: it is taken whole, or refused by name and leaves nothing behind."""
    before = stored(app)
    answer: Answer = writer.send(api, url, json.dumps(body).encode())
    if answer.status == 400:
        assert_errors(answer.json)
        assert stored(app) == before
    elif writer.name.startswith("create"):
        assert answer.status == 201, answer.json
        one = f"{url}/{answer.json['id']}"
        assert api.get(one).json == answer.json
        assert api.delete(one).status == 204
    else:
        assert answer.status == 200, answer.json
        assert api.get(url).json == answer.json


def assert_errors(errors: Any) -> None:
    """Check that errors are lists of texts, nested at will, or one detail."""
    assert isinstance(errors, dict)
    assert errors
    if isinstance(errors.get("detail"), str):
        assert list(errors) == ["detail"]
        return
    for words in errors.values():
        if isinstance(words, dict):
            assert_errors(words)
        else:
            assert words
            assert all(isinstance(word, str) and word for word in words)


@slow_on_postgresql
@every_writer
@QUICK
@given(data=st.data())
def test_anything_is_taken_whole_or_refused(
    api: Api, app: Flask, writer: Writer, data: st.DataObject
) -> None:
    url = writer.make_url(app)
    api.get(SETTINGS)
    for body in data.draw(st.lists(bodies_of(writer), min_size=1, max_size=3)):
        check_anything(api, app, writer, url, body)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_writer
@THOROUGH
@given(data=st.data())
def test_anything_is_taken_whole_or_refused_at_length(
    api: Api, app: Flask, writer: Writer, data: st.DataObject
) -> None:
    url = writer.make_url(app)
    api.get(SETTINGS)
    for body in data.draw(st.lists(bodies_of(writer), min_size=1, max_size=5)):
        check_anything(api, app, writer, url, body)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
KEPT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=10,
)


@settings(QUICK, max_examples=25)
@given(more=st.dictionaries(PLAIN.filter(lambda key: key not in {"token", "number"}), KEPT, max_size=3))
def test_other_keys_of_settings_are_kept_as_they_are(api: Api, more: dict[str, Any]) -> None:
    given_ = {"token": " a token ", **more}
    made = api.post(SMS, {"name": "a", "backend": "melipayamak", "settings": given_})
    assert made.status == 201
    one = f"{SMS}/{made.json['id']}"
    for shown in (made.json, api.get(one).json, api.patch(one, {"settings": given_}).json):
        assert repr(shown["settings"]) == repr(given_)
    assert api.delete(one).status == 204


@pytest.mark.parametrize(
    "nest", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"]
)
def test_settings_are_kept_90_deep(api: Api, nest: Callable[[Any], Any]) -> None:
    value: Any = "متن"
    for _ in range(90):
        value = nest(value)
    given_ = {"token": "a-token", "extra": value}
    made = api.post(SMS, {"name": "a", "backend": "melipayamak", "settings": given_})
    assert (made.status, made.json["settings"]) == (201, given_)
    assert api.get(f"{SMS}/{made.json['id']}").json == made.json
    assert api.get(SMS).json["results"] == [made.json]


def test_answers_are_not_escaped_to_ascii(api: Api) -> None:
    made = api.post(SMS, {"name": "ثبت نام 😀", "backend": "ippanel"})
    assert '"name":"ثبت نام 😀"'.encode() in made.response.data
    refused = api.post(SMS, {"name": "a", "backend": "پنل"})
    assert refused.json == {"backend": ['"پنل" is not a valid choice.']}
    assert "پنل".encode() in refused.response.data


@pytest.mark.parametrize("collection", [SMS_PATTERNS, EMAIL_PATTERNS], ids=str)
def test_a_duplicate_names_the_field_and_leaves_the_first_alone(
    api: Api, app: Flask, collection: Collection
) -> None:
    url, _ = collection.place(app)
    first = api.post(url, collection.body).json
    second = api.post(url, collection.body | {"name": "second"}).json
    before = stored(app)
    for answer in (
        api.post(url, collection.body),
        api.post(url, collection.body | {"name": f" {first['name']} "}),
        api.patch(f"{url}/{second['id']}", {"name": first["name"], "description": "changed"}),
    ):
        assert (answer.status, list(answer.json)) == (400, ["name"])
    assert stored(app) == before


def send_raw(server: Server, head: list[str], body: Iterator[bytes]) -> tuple[int, Any]:
    """Send a request byte by byte as given, then read the answer; return its status and JSON."""
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall("\r\n".join([*head, f"Host: {host}", "Connection: close", "", ""]).encode())
        for part in body:
            connection.sendall(part)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    status, _, text = received.partition(b"\r\n")[0].split()[1], *received.partition(b"\r\n\r\n")[1:]
    return int(status), json.loads(text)


def chunked(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 65_536):
        part = data[start : start + 65_536]
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@pytest.mark.slow
@on_sqlite
@pytest.mark.parametrize(
    "options",
    [pytest.param((), marks=pytest.mark.slow), ("--worker-class=notifyhub.process.server.Worker",)],
)
def test_long_and_broken_bodies_are_answered_by_real_servers(
    options: tuple[str, ...], api: Api, app: Flask, gunicorn: Callable[..., Server]
) -> None:
    server = gunicorn(*options, workers=1)
    json_type, token = "Content-Type: application/json", f"Authorization: Token {api.token}"
    limit = 1024 * 1024
    valid = json.dumps(SMS_NOTIFIERS.body).encode()
    too_large, anonymous = (
        TOO_LARGE,
        "Authentication credentials were not provided.",
    )

    def post(url: str, *headers: str, body: Iterator[bytes]) -> tuple[int, Any]:
        return send_raw(server, [f"POST {url} HTTP/1.1", json_type, *headers], body)

    for size in (limit + 1, 8 * limit):
        data = valid.ljust(size)
        sized = f"Content-Length: {size}"
        in_chunks = "Transfer-Encoding: chunked"
        assert post(SMS, token, sized, body=iter([data])) == (413, too_large)
        assert post(SMS, token, in_chunks, body=chunked(data)) == (413, too_large)
        assert post(SMS, sized, body=iter([data])) == (401, {"detail": anonymous})
        assert post(SMS, in_chunks, body=chunked(data)) == (401, {"detail": anonymous})
        assert post("/unknown", in_chunks, body=chunked(data)) == (404, {"detail": "Not found."})
        assert post("/healthz", sized, body=iter([data]))[0] == 405
    for broken in (b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n"):
        malformed = (400, {"detail": "Malformed body."})
        assert post(SMS, token, "Transfer-Encoding: chunked", body=iter([broken])) == malformed
        assert post(SMS, "Transfer-Encoding: chunked", body=iter([broken]))[0] == 401
    assert stored(app)["sms_notifiers"] == []

    assert post(SMS, token, "Transfer-Encoding: chunked", body=chunked(valid.ljust(limit)))[0] == 201
    assert post(SMS, token, f"Content-Length: {limit}", body=iter([valid.ljust(limit)]))[0] == 201
    assert len(stored(app)["sms_notifiers"]) == 2
