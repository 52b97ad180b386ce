"""Parsing of requests: queries and bodies, by webargs with marshmallow schemas."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import orjson
from flask import Request, g, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from notifyhub.api.fields import NON_FIELD
from notifyhub.api.http import json
from notifyhub.api.schemas import StrictSchema


class Parser(FlaskParser):
    """Reads a request as Django REST framework does."""

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the parameters that have a value, or are unknown; of one given twice the last counts."""
        last = dict(req.args.items(multi=True))
        return {name: value for name, value in last.items() if value or name not in schema.fields}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body's object; no body at all counts as an empty one."""
        data = raw_body()
        if not data:
            return {}
        if not is_substituted() and req.mimetype != "application/json":
            words = f'Unsupported media type "{req.content_type or ""}" in request.'
            # The documented resources keep Django REST framework's words.
            advice = " Send application/json." if isinstance(schema, StrictSchema) else ""
            raise UnsupportedMediaType(words + advice)
        return _object(data)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Raise the error as the schema gave it: webargs has put the location's name around its messages."""
        (messages,) = error.messages_dict.values()
        raise ValidationError(messages) from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.parse(data)
    except json.ParseError as error:
        raise BadRequest(f"JSON parse error - {error}") from None
    except json.NullCharacters as error:
        if error.key is None:
            raise BadRequest(f"JSON parse error - {error}") from None
        raise ValidationError({error.key: [str(error)]}) from None
    if value is None:
        raise ValidationError({NON_FIELD: ["No data provided"]})
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValidationError({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
    return value


_parser = Parser()


@contextmanager
def substituted_body(values: Mapping[str, Any], idempotency_key: str | None = None) -> Iterator[None]:
    """Have the operations that are called within read `values` as the body of their request.

    So what came as a form is read and checked as it would be in JSON. The key stands for the header.
    """
    g.substituted_body, g.substituted_key = orjson.dumps(values), idempotency_key
    try:
        yield
    finally:
        del g.substituted_body, g.substituted_key


def is_substituted() -> bool:
    """Return whether the body is another than the request's own."""
    return "substituted_body" in g


def raw_body() -> bytes:
    """Return the body in JSON: the request's own, unless it is substituted."""
    substituted: bytes | None = g.get("substituted_body")
    return request.get_data() if substituted is None else substituted


def body(schema: Schema) -> dict[str, Any]:
    """Return the request's body as `schema` reads it; raises ValidationError."""
    values: dict[str, Any] = _parser.parse(schema, request, location="json", unknown=None)
    return values


def query(schema: Schema) -> dict[str, Any]:
    """Return the request's parameters as `schema` reads them; raises ValidationError."""
    values: dict[str, Any] = _parser.parse(schema, request, location="query", unknown=None)
    return values
