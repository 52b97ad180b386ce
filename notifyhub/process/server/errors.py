"""What the server itself answers, where a request does not get to the application: JSON, like all errors."""

import json
import secrets

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from notifyhub.process.security_headers import OF_DATA

STATUSES = {
    400: ("Bad Request", "Malformed request."),
    408: ("Request Timeout", "The request did not arrive in time."),
    414: ("URI Too Long", "The request line is too long."),
    417: ("Expectation Failed", "The expectation can't be met."),
    431: ("Request Header Fields Too Large", "The request's header is too large."),
    500: ("Internal Server Error", "A server error occurred."),
    501: ("Not Implemented", "Unsupported transfer coding."),
}
_SECURITY = "".join(f"{name}: {value}\r\n" for name, value in OF_DATA)
_OF_ERRORS: tuple[tuple[type[Exception], int], ...] = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
    (ParseException, 400),
)


def status_of(error: BaseException) -> int:
    """Return the status for what the parser found wrong; 500 for what is no fault of the client."""
    return next((status for kind, status in _OF_ERRORS if isinstance(error, kind)), 500)


def response(status: int) -> bytes:
    """Return the whole answer; the connection is closed after it."""
    reason, words = STATUSES[status]
    body = json.dumps({"detail": words}, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nDate: {util.http_date()}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        f"{_SECURITY}X-Request-ID: {secrets.token_hex(16)}\r\n\r\n"
    )
    return head.encode() + body
