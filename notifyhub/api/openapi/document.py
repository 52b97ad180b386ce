"""The OpenAPI document, written from what the views declare: OpenAPI 3.1, whose schemas are JSON Schema."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from apispec import APISpec
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from notifyhub.api.endpoint import Access, Endpoint, Permission, declarations
from notifyhub.api.fields import MAX_LENGTH
from notifyhub.api.idempotency import HEADER
from notifyhub.api.openapi import errors
from notifyhub.api.openapi.schemas import SchemaPlugin, request_schema

REQUEST_ID = "X-Request-ID"

_WEBHOOKS = "openapi_webhooks"

_PARAMETER = re.compile(r"<(\w+):(\w+)>")
_CONVERTED = {"id": {"type": "integer", "format": "int64", "minimum": 1}}

_DESCRIPTION = """\
A self-hosted notification service: messages by SMS and email, one-time passwords, the accounts and patterns
that they go out by, webhooks that tell what became of them.

- **Requests** carry a token: `Authorization: Token <key>`, which is what *Authorize* on this page asks for.
- **Bodies** are JSON objects. Read-only keys are ignored, and so are unknown ones where a schema allows them;
  texts are trimmed, a number is taken as its text.
- **Errors** are JSON: `{"detail": "…"}` for the request as a whole, `{"field": ["…"]}` for its fields.
- **Lists** come in pages, with links to the `next` and the `previous` one.
- **Moments** are ISO 8601 in UTC, with six fractional digits and `Z`.
- **Every answer** carries `X-Request-ID`: the request's own, if it has 8 to 128 of `A–Z a–z 0–9 _ . : -`,
  else a new one.
- `HEAD` is answered as `GET`, `OPTIONS` with `Allow`.
"""

_TOKEN = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Token <key>`: the word and the key, with a space between them.",
}

_IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "description": "The client's name for this request, so that it can be repeated: the same key and body "
    "give the first answer again for 24 hours, with the header `Idempotent-Replayed`.",
    "schema": {"type": "string", "maxLength": MAX_LENGTH},
}

_HEADERS = {
    REQUEST_ID: {
        "description": "The request's id, by which the service's log can be searched.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{8,128}$"},
    },
    **errors.HEADERS,
}


def document(app: Flask) -> dict[str, Any]:
    """Return the document of the application, written once, when it is first asked for."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = _write(app)
    written: dict[str, Any] = app.extensions["openapi"]
    return written


def describe_webhooks(app: Flask, operations: Mapping[str, dict[str, Any]]) -> None:
    """Describe the requests that the service itself makes, by their names.

    Each is an Operation Object of OpenAPI, in which marshmallow's schemas may stand for components.
    """
    app.extensions[_WEBHOOKS] = operations


def _write(app: Flask) -> dict[str, Any]:
    spec = APISpec(
        "NotifyHub",
        version("notifyhub"),
        "3.1.0",
        [SchemaPlugin()],
        info={"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        security=[{"Token": []}],
    )
    spec.components.security_scheme("Token", _TOKEN)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    for name, response in errors.RESPONSES.items():
        spec.components.response(name, {**response, "headers": _named(REQUEST_ID, *response["headers"])})
    for name, schema in errors.SCHEMAS.items():
        spec.components.schema(name, schema)
    tags: dict[str, None] = {}
    for rule, declaration in _documented(app):
        operation = _operation(rule, declaration)
        spec.path(_path(rule), operations=dict.fromkeys(_methods(rule), operation), parameters=_in_path(rule))
        tags[declaration.tag] = None
    for tag in tags:
        spec.tag({"name": tag})
    requests: Mapping[str, dict[str, Any]] = app.extensions.get(_WEBHOOKS, {})
    for name, operation in requests.items():
        spec.path(name, operations={"post": operation})  # apispec knows no webhooks
    written = spec.to_dict()
    return {**written, "webhooks": {name: written["paths"].pop(name) for name in requests}}


def _documented(app: Flask) -> Iterator[tuple[Rule, Endpoint]]:
    declared = declarations(app)
    for rule in app.url_map.iter_rules():
        if declared[rule.endpoint].documented:
            yield rule, declared[rule.endpoint]


def _path(rule: Rule) -> str:
    """Return the URL with its parameters in braces."""
    return _PARAMETER.sub(r"{\2}", rule.rule)


def _methods(rule: Rule) -> list[str]:
    """Return the methods to show: not the POST that does what PATCH does, for the sake of old clients."""
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return [method.lower() for method in sorted(methods - {"POST"} if "PATCH" in methods else methods)]


def _in_path(rule: Rule) -> list[dict[str, Any]]:
    """Return the path's parameters; raises KeyError for a converter whose values are not described here."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"Id of the {'object' if name == 'id' else name.removesuffix('_id')}.",
            "schema": _CONVERTED[converter],
            "example": 1,
        }
        for converter, name in _PARAMETER.findall(rule.rule)
    ]


def _operation(rule: Rule, declared: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": declared.operation_id or rule.endpoint.replace(".", "_"),
        "tags": [declared.tag],
        "summary": declared.summary,
        "description": _description(declared),
        "responses": {str(status): response for status, response in sorted(_responses(declared).items())},
    }
    if declared.access is Access.PUBLIC:
        operation["security"] = []
    if declared.query:
        operation["parameters"] = [{"in": "query", "schema": declared.query}]
    if declared.idempotent:
        operation["parameters"] = [_IDEMPOTENCY_KEY]
    if declared.body:
        operation["requestBody"] = _body(declared.body, declared.examples)
    return operation


def _description(declared: Endpoint) -> str:
    access = declared.access
    if isinstance(access, Permission):
        permission = f"Permission: staff with {access.name}, or an admin. Permission code: {access.code}."
        return f"{access.allows}. {permission}"
    return f"Permission: {access.value}."


def _responses(declared: Endpoint) -> dict[int, dict[str, Any] | str]:
    """Return the responses by status, or the names of those that several operations share."""
    named = () if declared.access is Access.PUBLIC else tuple(errors.RATE_LIMIT)
    own = {status: _response(status, schema, *named) for status, schema in declared.responses.items()}
    return {**own, **errors.error_responses(declared)}


def _response(status: int, schema: Schema | None, *headers: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": _named(REQUEST_ID, *headers),
    }
    if schema:
        response["content"] = {"application/json": {"schema": schema}}
    return response


def _body(schema: Schema, examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's body; where nothing is required, none counts as `{}`."""
    required = not schema.partial and any(field.required for field in schema.load_fields.values())
    shown = examples or {"An example": _example(schema)}
    content = {
        "schema": request_schema(schema),
        "examples": {name: {"summary": name, "value": value} for name, value in shown.items()},
    }
    return {"required": required, "content": {"application/json": content}}


def _example(schema: Schema) -> dict[str, Any]:
    """Return the body of those fields that have an example, each with its first one.

    A partial one has the first field alone: whoever tries it keeps the rest of the object, such as a
    notifier's credentials.
    """
    fields = schema.load_fields.items()
    examples = [
        (name, field.metadata["examples"][0]) for name, field in fields if "examples" in field.metadata
    ]
    return dict(examples[:1] if schema.partial else examples)


def _named(*headers: str) -> dict[str, str]:
    return {name: name for name in headers}
