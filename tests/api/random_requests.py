"""Requests that no schema speaks of: odd methods, paths, queries, headers and bodies, as bytes."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

METHODS = ("GET", "POST", "PATCH", "DELETE")
ODD_METHODS = ("HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND", "get", "QUERY", "M-SEARCH", "A" * 40)
IDS = (
    "1",
    "1",
    "1",
    "2",
    "0",
    "00001",
    "-1",
    "9223372036854775807",
    "9" * 30,
    "x",
    "1.0",
    "%D9%A1",
    "%00",
    "..",
)
PATHS = (
    "/",
    "/api",
    "/api/",
    "//api/me",
    "/api/me/",
    "/api//me",
    "/api/./me",
    "/api/docs/../me",
    "/%ff",
    "/api/%2e%2e/me",
    "/api/users//tokens",
    "/api/users/1%2ftokens",
)
VALUES = (
    "1,2,,3",
    "-id,id",
    "true",
    "2025-02-30",
    "2026-11-24T20:30:00+03",
    "9" * 400,
    "-1",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "%",
    "a\x00b",
    "sms",
    "queued,sent",
    "eyJpZCI6MX0",
    "",
    " ",
    "'; --",
    "\N{RIGHT-TO-LEFT OVERRIDE}x",
)
HEADERS = (
    ("Accept", "text/html;q=x, */*;q=9"),
    ("Accept-Encoding", "gzip, br;q=0"),
    ("Accept-Language", "fa,\xe9"),
    ("Content-Encoding", "gzip"),
    ("Cookie", "session=x; a"),
    ("Date", "yesterday"),
    ("Expect", "200-maybe"),
    ("Forwarded", "for=unknown"),
    ("Idempotency-Key", "a" * 300),
    ("Idempotency-Key", "\xff"),
    ("Idempotency-Key", "the same"),
    ("If-Match", "*"),
    ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("If-None-Match", '"x", W/"'),
    ("Origin", "null"),
    ("Range", "bytes=9-1,,-"),
    ("Upgrade", "h2c"),
    ("X-Forwarded-For", "1.2.3.4.5, ::1%eth0"),
    ("X-Forwarded-Host", "a b"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Request-ID", "\xe9" * 10),
    ("X-Request-ID", "a" * 4000),
)
TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=none",
    "application/vnd.api+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "json",
    ";;=\xff",
)
CREDENTIALS = ("", "Token", "Token a b", "Bearer x", "Basic OTo=", "Token \xff", "Token " + "a" * 40)
TEXTS = (
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"{}",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"to": "\\ud800"}',
    b'{"\\u0000": 1}',
    b'{"a": 1, "a": 2}',
    b'\xef\xbb\xbf{"a": 1}',
    b"\xff\xfe{\x00}\x00",
    b'{"a": "\xed\xa0\x80"}',
    b'{"args": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b"[" * 100_000,
    b'{"client_metadata": ' + b'{"a": ' * 500 + b"1" + b"}" * 501,
    b'{"id": ' + b"9" * 5000 + b"}",
    b"a=1&b=2",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    b"\x1f\x8b\x08\x00",
)


@dataclass(frozen=True)
class Operation:
    """A method of a path, as the document has it: examples of its body, the names of its parameters."""

    method: str
    path: str
    bodies: tuple[Mapping[str, Any], ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire; `operation` is whose path it has, None where it is nobody's."""

    method: str
    operation: Operation | None
    wire: bytes

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Have hypothesis print its beginning: the whole is told with the failure."""
        printer.text(repr(self.wire[:200]))


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return all that an OpenAPI document describes."""
    return [
        Operation(
            method.upper(),
            path,
            tuple(_bodies(described)),
            tuple(one["name"] for one in described.get("parameters", ()) if one["in"] == "query"),
        )
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method != "parameters"
    ]


def _bodies(described: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for media in described.get("requestBody", {}).get("content", {}).values():
        if "example" in media:
            yield media["example"]
        for example in media.get("examples", {}).values():
            yield example["value"]


_odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        (*VALUES, "09121234567", "a@b.example", "x" * 11_000, [], {}, [[]], {"a": {}}, 2**63, 1e308)
    ),
)


def _rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 9)) == 9  # not 0, the simplest one, which is drawn more often


@st.composite
def _changed(draw: st.DrawFn, body: Mapping[str, Any]) -> bytes:
    """A body with some of its values, and of those inside, exchanged for odd ones."""
    changed = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(0, 2))):
        place = changed
        while place and isinstance(place, dict | list):
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
            else:
                place[key] = deepcopy(draw(_odd_values))  # the next turn may change it
                break
    if _rarely(draw):
        changed[draw(st.text(max_size=5))] = draw(_odd_values)
    return json.dumps(changed, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def requests(draw: st.DrawFn, known: list[Operation], token: str) -> Request:
    """A request for an operation, with something odd about it more often than not, or to nowhere."""
    operation = None if _rarely(draw) else draw(st.sampled_from(known))
    if operation is None:
        method = draw(st.sampled_from(METHODS))
        path = draw(
            st.sampled_from(PATHS) | st.binary(max_size=30).map(lambda text: "/api/" + quote_from_bytes(text))
        )
    else:
        method, path = operation.method, operation.path
        while "{" in path:
            before, _, rest = path.partition("{")
            path = before + draw(st.sampled_from(IDS)) + rest.partition("}")[2]
    if _rarely(draw):
        method = draw(st.sampled_from(METHODS + ODD_METHODS))
    headers = [("Host", "127.0.0.1")]
    headers.append(
        ("Authorization", draw(st.sampled_from(CREDENTIALS)) if _rarely(draw) else f"Token {token}")
    )
    if _rarely(draw):
        headers += draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    body = draw(_body(operation)) if method not in {"GET", "HEAD", "OPTIONS"} or _rarely(draw) else b""
    if body:
        headers.append(("Content-Type", draw(st.sampled_from(TYPES)) if _rarely(draw) else TYPES[0]))
    head = f"{method} {path}{draw(_query(operation))} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers
    )
    if body and _rarely(draw):
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
        return Request(
            method,
            operation,
            head.encode("latin-1") + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n",
        )
    return Request(
        method, operation, head.encode("latin-1") + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


def _body(operation: Operation | None) -> st.SearchStrategy[bytes]:
    odd = st.sampled_from(TEXTS) | st.binary(max_size=50)
    if operation is None or not operation.bodies:
        return st.just(b"") | odd
    changed = st.sampled_from(operation.bodies).flatmap(_changed)
    return st.integers(0, 9).flatmap(lambda number: odd if number == 9 else changed)


@st.composite
def _query(draw: st.DrawFn, operation: Operation | None) -> str:
    if not (operation and operation.parameters) and not _rarely(draw):
        return ""
    names = st.sampled_from(operation.parameters if operation and operation.parameters else ("limit", "a"))
    values = (
        st.sampled_from([value.encode() for value in VALUES])
        | st.binary(max_size=10)
        | st.integers(0, 3).map(b"%d".__mod__)
    )
    pairs = draw(st.lists(st.tuples(names, values), max_size=3))
    return "?" + "&".join(f"{name}={quote_from_bytes(value)}" for name, value in pairs) if pairs else ""
