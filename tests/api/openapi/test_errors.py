"""The errors that the OpenAPI document describes are those that the service gives."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator

from tests.api.openapi.test_document import EMAIL, PATTERNS, SETTINGS, SMS, component
from tests.support.clients import Answer, Api
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.processes import free_port


def examples_of(document: dict[str, Any], method: str, path: str, answer: Answer) -> list[Any]:
    """Return the document's examples of an error, once the error is found to be as it says."""
    response = component(document, document["paths"][path][method]["responses"][str(answer.status)])
    content = response["content"]["application/json"]
    assert Draft202012Validator({**content["schema"], "components": document["components"]}).is_valid(
        answer.json
    )
    for name, reference in response["headers"].items():
        schema = component(document, reference)["schema"]
        value = int(answer.headers[name]) if schema["type"] == "integer" else answer.headers[name]
        Draft202012Validator(schema).validate(value)
    return [example["value"] for example in content["examples"].values()]


def test_the_examples_of_errors_are_real(
    api: Api, anonymous: Api, staff: Callable[..., Api], app: Flask
) -> None:
    document = anonymous.get("/api/openapi.json").json
    with app.app_context():
        notifier, pattern = SMSNotifierFactory().id, SMSPatternFactory().id
        in_use = EmailNotifierFactory().id
    one, patterns = f"{SMS}/{notifier}", f"{SMS}/{notifier}/patterns"
    api.patch(SETTINGS, {"notifications_email_notifier": in_use})
    text, large = {"content_type": "text/plain"}, {"content_type": "application/json"}
    bad_token = {"headers": {"Authorization": "Token"}}
    for method, path, answer in (
        ("get", SMS, api.get(f"{SMS}?limit=x")),
        ("post", SMS, api.post(SMS, {"backend": "ippanel"})),
        ("patch", f"{SMS}/{{id}}", api.patch(one, {"settings": {"number": "50001"}})),
        ("post", SMS, api.post(SMS, [])),
        ("post", SMS, api.post(SMS, data="x", **large)),
        ("get", SETTINGS, anonymous.get(SETTINGS)),
        ("get", "/api/me", anonymous.get("/api/me", **bad_token)),
        ("get", "/api/me", anonymous.get("/api/me", headers={"Authorization": "Token x"})),
        ("delete", f"{SMS}/{{id}}", staff(2812).delete(one)),
        ("get", f"{PATTERNS}/{{id}}", api.get(f"{patterns}/{pattern}")),
        ("post", PATTERNS, api.post(f"{SMS}/0/patterns", {})),
        ("delete", f"{EMAIL}/{{id}}", api.delete(f"{EMAIL}/{in_use}")),
        ("post", SMS, api.post(SMS, data="x" * (1024 * 1024 + 1), **large)),
        ("patch", SETTINGS, api.patch(SETTINGS, data="{}", **text)),
    ):
        assert answer.json in examples_of(document, method, path, answer)


def test_the_error_of_too_many_requests_is_documented(api: Api, other_app: Callable[..., Flask]) -> None:
    document = api.get("/api/openapi.json").json
    client = Api(other_app(NOTIFYHUB_RATE_LIMIT="1/minute").test_client(), api.token)
    assert client.get("/api/me").status == 200
    answer = client.get("/api/me")
    (example,) = examples_of(document, "get", "/api/me", answer)
    assert answer.status == 429
    assert answer.json == {"detail": example["detail"]}


def test_every_operation_with_a_token_documents_that_the_database_may_be_away(
    api: Api, other_app: Callable[..., Flask]
) -> None:
    document = api.get("/api/openapi.json").json
    url = f"postgresql://user@127.0.0.1:{free_port()}/none"
    away = Api(other_app(NOTIFYHUB_DATABASE_URL=url).test_client(), api.token)
    for path, item in document["paths"].items():
        parameters = {each["name"]: each["example"] for each in item.get("parameters", ())}
        for method in item.keys() - {"parameters"}:
            if item[method].get("security") != []:
                answer = away.call(method.upper(), path.format(**parameters))
                assert answer.status == 503
                assert answer.json in examples_of(document, method, path, answer)
