"""The OpenAPI document and the page that shows it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from notifyhub.api.endpoint import Access, Permission, declarations
from notifyhub.api.openapi.document import document as written
from notifyhub.app import create_app
from notifyhub.providers.registry import BUILT_IN

SMS = "/api/notifications/notifiers/sms"
PATTERNS = f"{SMS}/{{notifier_id}}/patterns"
EMAIL = "/api/notifications/notifiers/email"
EMAIL_PATTERNS = f"{EMAIL}/{{notifier_id}}/patterns"
MESSAGES = "/api/notifications/messages"
BATCHES = "/api/notifications/batches"
WEBHOOKS = "/api/notifications/webhooks"
USERS = "/api/users"
SETTINGS = "/api/settings/notifications"
DELIVERY = "/api/settings/delivery"
OTP = "/api/notifications/otp"
OTP_SETTINGS = "/api/settings/otp"

CODES = {
    ("post", SMS): 2811,
    ("get", SMS): 2812,
    ("get", f"{SMS}/{{id}}"): 2812,
    ("patch", f"{SMS}/{{id}}"): 2813,
    ("delete", f"{SMS}/{{id}}"): 2814,
    ("post", PATTERNS): 2821,
    ("get", PATTERNS): 2822,
    ("get", f"{PATTERNS}/{{id}}"): 2822,
    ("patch", f"{PATTERNS}/{{id}}"): 2823,
    ("delete", f"{PATTERNS}/{{id}}"): 2824,
    ("post", EMAIL): 2831,
    ("get", EMAIL): 2832,
    ("get", f"{EMAIL}/{{id}}"): 2832,
    ("patch", f"{EMAIL}/{{id}}"): 2833,
    ("delete", f"{EMAIL}/{{id}}"): 2834,
    ("post", EMAIL_PATTERNS): 2841,
    ("get", EMAIL_PATTERNS): 2842,
    ("get", f"{EMAIL_PATTERNS}/{{id}}"): 2842,
    ("patch", f"{EMAIL_PATTERNS}/{{id}}"): 2843,
    ("delete", f"{EMAIL_PATTERNS}/{{id}}"): 2844,
    ("post", f"{SMS}/{{id}}/check"): 2812,
    ("post", f"{EMAIL}/{{id}}/check"): 2832,
    ("post", f"{PATTERNS}/sync"): 2823,
    ("get", SETTINGS): 1036,
    ("patch", SETTINGS): 1037,
    ("get", DELIVERY): 1036,
    ("patch", DELIVERY): 1037,
    ("get", OTP_SETTINGS): 1036,
    ("patch", OTP_SETTINGS): 1037,
    ("post", MESSAGES): 7811,
    ("get", MESSAGES): 7812,
    ("post", f"{MESSAGES}/bulk"): 7811,
    ("post", f"{MESSAGES}/preview"): 7811,
    ("get", f"{MESSAGES}/{{id}}"): 7812,
    ("post", f"{MESSAGES}/{{id}}/cancel"): 7813,
    ("post", f"{MESSAGES}/{{id}}/retry"): 7813,
    ("get", "/api/notifications/health"): 7812,
    ("get", "/api/notifications/statistics"): 7812,
    ("get", BATCHES): 7812,
    ("get", f"{BATCHES}/{{id}}"): 7812,
    ("post", f"{BATCHES}/{{id}}/cancel"): 7813,
    ("post", f"{BATCHES}/{{id}}/retry"): 7813,
    ("post", OTP): 7821,
    ("get", OTP): 7822,
    ("get", f"{OTP}/{{id}}"): 7822,
    ("post", f"{OTP}/verify"): 7823,
    ("post", f"{OTP}/{{id}}/cancel"): 7824,
    ("post", WEBHOOKS): 7831,
    ("get", WEBHOOKS): 7832,
    ("get", f"{WEBHOOKS}/{{id}}"): 7832,
    ("patch", f"{WEBHOOKS}/{{id}}"): 7833,
    ("delete", f"{WEBHOOKS}/{{id}}"): 7834,
    ("post", f"{WEBHOOKS}/{{id}}/rotate-secret"): 7833,
    ("post", f"{WEBHOOKS}/{{id}}/test"): 7833,
    ("post", f"{WEBHOOKS}/{{id}}/recover"): 7833,
    ("get", f"{WEBHOOKS}/{{id}}/deliveries"): 7832,
    ("post", f"{WEBHOOKS}/{{id}}/deliveries/{{delivery_id}}/redeliver"): 7833,
    ("get", "/api/audit"): 7842,
    ("post", USERS): 7851,
    ("get", USERS): 7852,
    ("get", f"{USERS}/{{id}}"): 7852,
    ("patch", f"{USERS}/{{id}}"): 7853,
    ("delete", f"{USERS}/{{id}}"): 7854,
    ("get", f"{USERS}/{{id}}/tokens"): 7852,
    ("post", f"{USERS}/{{id}}/tokens"): 7853,
    ("delete", f"{USERS}/{{id}}/tokens/{{token_id}}"): 7853,
    ("get", "/api/me"): None,
    ("get", "/healthz"): None,
    ("get", "/readyz"): None,
}

DAYS = {f"{moment}_{kind}" for moment in ("created", "updated") for kind in ("date", "from", "to")}
EVERY_LIST = {"limit", "offset", "search", "ordering", "id_min", "id_max", *DAYS}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application whose document is read; its database is not."""
    return create_app({"NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance"))})


@pytest.fixture(scope="module")
def client(described: Flask) -> FlaskClient:
    return described.test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    body: dict[str, Any] = answer.get_json()
    return body


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield (method, path), operation


def body_schema(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    content = document["paths"][path][method]["requestBody"]["content"]
    return component(document, content["application/json"]["schema"])


def answer_schema(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    return component(document, content["application/json"]["schema"])


def component(document: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    found = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_the_document_is_written_once_for_an_application(described: Flask) -> None:
    assert written(described) is written(described)


def test_every_view_is_documented_except_those_that_decline(
    described: Flask, document: dict[str, Any]
) -> None:
    declared = declarations(described)
    assert {name for name, d in declared.items() if not d.documented and not d.for_browsers} == {
        "docs.openapi",
        "docs.docs",
        "metrics.show_metrics",
        "root.to_console",
    }
    shown = {
        (method.lower(), re.sub(r"<id:(\w+)>", r"{\1}", rule.rule))
        for rule in described.url_map.iter_rules()
        if declared[rule.endpoint].documented
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    documented = {where for where, _ in operations(document)}
    assert documented == CODES.keys()
    assert {
        (method, path) for method, path in shown if method != "post" or not path.endswith("/{id}")
    } == documented
    assert shown - documented == {
        ("post", f"{path}/{{id}}") for path in (SMS, PATTERNS, EMAIL, EMAIL_PATTERNS, WEBHOOKS, USERS)
    }


@pytest.mark.parametrize(("where", "code"), CODES.items())
def test_an_operation_names_its_permission_code(
    described: Flask, document: dict[str, Any], where: tuple[str, str], code: int | None
) -> None:
    method, path = where
    operation = document["paths"][path][method]
    by_id = {d.operation_id or name.replace(".", "_"): d for name, d in declarations(described).items()}
    declared = by_id[operation["operationId"]]
    named = re.findall(r"Permission code: ([0-9]+)\.", operation["description"])
    assert named == ([] if code is None else [str(code)])
    if isinstance(declared.access, Permission):
        assert declared.access.code == code
        assert f"staff with {declared.access.name}, or an admin" in operation["description"]
    assert ("security" in operation) == (declared.access is Access.PUBLIC)
    assert operation.get("security", []) == []
    assert ("401" in operation["responses"]) == (declared.access is not Access.PUBLIC)
    assert ("403" in operation["responses"]) == (code is not None)


def test_operations_have_ids_of_their_own_that_stay(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert [id_ for id_ in ids if not re.fullmatch("[a-z]+(_[a-z]+)*", id_)] == []
    assert document["paths"][PATTERNS]["post"]["operationId"] == "sms_patterns_create"


def test_the_code_is_promised_to_nobody_though_test_tokens_are_told_it(document: dict[str, Any]) -> None:
    answer = answer_schema(document, "post", OTP, 201)
    assert set(answer["properties"]) - set(answer["required"]) == {"code"}


def test_a_choice_that_may_be_null_is_a_type_with_a_name_or_null(document: dict[str, Any]) -> None:
    verdict = answer_schema(document, "post", f"{OTP}/verify", 200)["properties"]["reason"]
    choice, null = verdict["anyOf"]
    assert (choice["type"], choice["title"], null) == ("string", "Reason", {"type": "null"})
    assert "wrong_code" in choice["enum"]
    assert not {"type", "enum"} & verdict.keys()


def test_patterns_are_those_of_json_schema(document: dict[str, Any]) -> None:
    """Python's own end of a text means nothing to JavaScript."""
    assert r"\\Z" not in json.dumps(document)
    subject = body_schema(document, "patch", OTP_SETTINGS)["properties"]["otp_email_subject"]
    assert not re.search(subject["pattern"], "two\nlines")
    assert re.search(subject["pattern"], "one line")


def test_what_the_service_itself_sends_stands_beside_the_paths(document: dict[str, Any]) -> None:
    names = document["webhooks"].keys()
    assert names >= {"message.sent", "otp.verified"}
    assert not names & document["paths"].keys()
    ids = {operation["operationId"] for _, operation in operations(document)}
    assert not ids & {item["post"]["operationId"] for item in document["webhooks"].values()}


def test_operations_need_a_token_unless_they_say_otherwise(document: dict[str, Any]) -> None:
    assert document["security"] == [{"Token": []}]
    scheme = document["components"]["securitySchemes"]["Token"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")


@pytest.mark.parametrize(
    ("path", "own"),
    [
        (SMS, {"backend", "has_settings"}),
        (PATTERNS, {"status", "has_description"}),
        (EMAIL, {"use_tls", "use_ssl"}),
        (EMAIL_PATTERNS, {"has_description", "has_from_email", "has_body_html", "from_email"}),
    ],
)
def test_a_list_documents_its_parameters(document: dict[str, Any], path: str, own: set[str]) -> None:
    parameters = {parameter["name"]: parameter for parameter in document["paths"][path]["get"]["parameters"]}
    assert parameters.keys() == EVERY_LIST | own
    schemas = {name: parameter["schema"] for name, parameter in parameters.items()}
    assert schemas["limit"] == {"type": "integer", "format": "int64", "minimum": 1, "default": 50}
    assert schemas["offset"] == {"type": "integer", "format": "int64", "minimum": 0, "default": 0}
    assert schemas["ordering"]["default"] == "-id"
    for name in DAYS:
        assert schemas[name] == {"type": "string", "format": "date"}
    for name in own - {"backend", "status", "from_email"}:
        assert schemas[name] == {"type": "boolean"}
    assert schemas.get("from_email", {"type": "string"}) == {"type": "string"}
    for parameter in parameters.values():
        assert parameter["in"] == "query"
        assert not parameter["required"]
        assert parameter["description"]


def test_choices_are_documented(document: dict[str, Any]) -> None:
    choices = {
        "status": ["created", "pending", "approved", "rejected"],
        "backend": list(BUILT_IN),
    }
    for path, name in ((SMS, "backend"), (PATTERNS, "status")):
        (parameter,) = (p for p in document["paths"][path]["get"]["parameters"] if p["name"] == name)
        assert parameter["schema"] == {"type": "string", "enum": choices[name]}
        assert body_schema(document, "post", path)["properties"][name]["enum"] == choices[name]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("id", True),
        ("-id", True),
        ("status,-id , name", True),
        ("backend", False),
        ("id,", False),
        ("--id", False),
    ],
)
def test_the_pattern_of_an_ordering_is_what_is_taken(
    document: dict[str, Any], text: str, taken: bool
) -> None:
    (parameter,) = (p for p in document["paths"][PATTERNS]["get"]["parameters"] if p["name"] == "ordering")
    assert bool(re.search(parameter["schema"]["pattern"], text)) == taken


@pytest.mark.parametrize(
    ("path", "required"),
    [
        (SMS, {"name", "backend"}),
        (PATTERNS, {"name", "code", "body"}),
        (EMAIL, {"name", "host", "username", "password", "from_email"}),
        (EMAIL_PATTERNS, {"name", "subject", "body_text"}),
    ],
)
def test_what_is_sent_and_what_is_answered_are_told_apart(
    document: dict[str, Any], path: str, required: set[str]
) -> None:
    create = body_schema(document, "post", path)
    change = body_schema(document, "patch", f"{path}/{{id}}")
    answer = answer_schema(document, "post", path, 201)
    read_only = {name for name, field in answer["properties"].items() if field.get("readOnly")}
    assert read_only == {"id", "created_at", "updated_at"}
    assert (
        create["properties"].keys() == change["properties"].keys() == answer["properties"].keys() - read_only
    )
    assert set(create["required"]) == required
    assert {name for name, field in create["properties"].items() if "default" not in field} == required
    assert "required" not in change
    assert not any(
        "default" in field for field in (*change["properties"].values(), *answer["properties"].values())
    )
    assert set(answer["required"]) == set(answer["properties"])
    assert all(field["description"] for field in answer["properties"].values())
    assert document["paths"][path]["post"]["requestBody"]["required"]
    assert not document["paths"][f"{path}/{{id}}"]["patch"]["requestBody"]["required"]


def test_lengths_bounds_and_nulls_are_documented(document: dict[str, Any]) -> None:
    pattern = body_schema(document, "post", PATTERNS)["properties"]
    assert (pattern["name"]["minLength"], pattern["name"]["maxLength"]) == (1, 255)
    assert (pattern["body"]["minLength"], pattern["body"]["maxLength"]) == (1, 10_000)
    assert (pattern["description"]["type"], pattern["description"]["default"]) == (["string", "null"], None)
    assert "minLength" not in pattern["description"]
    mail = body_schema(document, "post", EMAIL_PATTERNS)["properties"]
    assert (mail["subject"]["minLength"], mail["subject"]["maxLength"]) == (1, 255)
    assert (mail["body_text"]["minLength"], mail["body_text"]["maxLength"]) == (1, 100_000)
    for name, most in (("description", 10_000), ("from_email", 255), ("body_html", 500_000)):
        assert (mail[name]["type"], mail[name]["default"]) == (["string", "null"], None)
        assert mail[name]["maxLength"] == most
        assert "minLength" not in mail[name]
    port = body_schema(document, "post", EMAIL)["properties"]["port"]
    assert (port["type"], port["minimum"], port["maximum"]) == (["integer", "null"], 1, 65_535)
    settings = body_schema(document, "patch", SETTINGS)["properties"]
    length, lifetime = settings["notifications_otp_code_len"], settings["notifications_otp_ttl"]
    assert (length["minimum"], length["maximum"]) == (4, 10)
    assert (lifetime["minimum"], lifetime["maximum"]) == (10, 86_400)


@pytest.mark.parametrize(
    ("settings", "valid"),
    [
        ({}, True),
        ({"token": "t"}, True),
        ({"token": "t", "number": "50001", "more": [1]}, True),
        ({"token": "t", "from_number": "+983000505"}, True),
        ({"token": "t", "max_per_second": 0.5}, True),
        ({"token": "t", "max_per_second": 0}, False),
        ({"token": "t", "max_per_second": "5"}, False),
        ({"token": "t", "max_per_second": 10_001}, False),
        ({"number": "50001"}, False),
        ({"token": " "}, False),
        ({"token": 1}, False),
        ({"token": "t", "number": "5000", "from_number": "983000505"}, False),
    ],
)
def test_the_rules_of_an_sms_notifiers_settings_are_documented(
    document: dict[str, Any], settings: dict[str, Any], valid: bool
) -> None:
    schema = body_schema(document, "post", SMS)["properties"]["settings"]
    assert Draft202012Validator({**schema, "components": document["components"]}).is_valid(settings) == valid


def test_only_what_may_be_in_use_documents_a_refused_deletion(document: dict[str, Any]) -> None:
    refused = {
        path
        for (method, path), operation in operations(document)
        if method == "delete" and "409" in operation["responses"]
    }
    urls = (SMS, EMAIL, PATTERNS, EMAIL_PATTERNS, USERS)
    assert refused == {f"{url}/{{id}}" for url in urls}
