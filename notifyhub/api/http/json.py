"""JSON in and out."""

import json
import math
from datetime import datetime
from typing import Any, Never

import orjson
from flask import Response
from flask.json.provider import JSONProvider

MAX_DEPTH = 100
_LEAST, _MOST = -(2**63), 2**63 - 1


class ParseError(ValueError):
    """The text is not JSON that can be taken; its text says why, in words that may be shown."""


class NullCharacters(ValueError):
    """A text of the body holds a null character or half a surrogate pair, which no database can store.

    `key` is the body's outermost key under which it was found, or None if it was a key itself.
    """

    def __init__(self, key: str | None, words: str) -> None:
        super().__init__(words)
        self.key = key


class ORJSONProvider(JSONProvider):
    """The application's JSON: neither escaped to ASCII nor sorted."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(encode(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def timestamp(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601 with six fractional digits and Z."""
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def encode(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8."""
    # orjson would leave out the fraction of a moment that falls on a whole second.
    return orjson.dumps(value, default=_encode_other, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _encode_other(value: Any) -> str:
    if isinstance(value, datetime):
        return timestamp(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def parse(data: bytes) -> Any:
    """Return the JSON value in `data`, all of which can be stored and given back.

    Raises ParseError for what is not JSON (RFC 8259) in UTF-8, for integers beyond signed 64 bits,
    numbers beyond 64-bit floats and nesting deeper than MAX_DEPTH; NullCharacters for texts that no database
    can store.
    """
    try:
        value = json.loads(
            data.decode(), parse_int=_integer, parse_float=_number, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ParseError("Nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ParseError(f"Not UTF-8: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ParseError(str(error)) from None
    if _may_be_refused(data):
        _check_all(value)
    return value


def _may_be_refused(data: bytes) -> bool:
    """Return whether the values must be looked at: what can't be stored is written with an escape alone."""
    return b"\\u" in data or data.count(b"[") + data.count(b"{") > MAX_DEPTH


def _check_all(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key, None)
            _check(inner, key, depth=2)
    else:
        _check(value, None, depth=1)


def _integer(digits: str) -> int:
    # Long numbers are not converted: that takes time that grows with the square of their length.
    if len(digits) > 20 or not _LEAST <= (number := int(digits)) <= _MOST:
        raise ParseError("Integer out of range")
    return number


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ParseError("Number out of range")
    return number


def _refuse_constant(name: str) -> Never:
    raise ParseError(f"Out of range float values are not JSON compliant: {name}")


def _check(value: Any, key: str | None, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value, key)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ParseError("Nested too deeply")
        for inner in value:
            _check(inner, key, depth + 1)
        if isinstance(value, dict):
            for inner in value.values():
                _check(inner, key, depth + 1)


def _check_text(text: str, key: str | None) -> None:
    if text.isascii():
        if "\0" in text:
            raise NullCharacters(key, "Null characters are not allowed.")
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NullCharacters(key, "Surrogate characters are not allowed.") from None
    if "\0" in text:
        raise NullCharacters(key, "Null characters are not allowed.")
