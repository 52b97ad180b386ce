"""The errors of operations, as the OpenAPI document describes them."""

from typing import Any

from notifyhub.api.endpoint import Access, Endpoint, Permission
from notifyhub.api.http.errors import UNAVAILABLE, WORDS
from notifyhub.api.idempotency import RUNNING
from notifyhub.config import DEFAULT_BODY_BYTES

RATE_LIMIT: dict[str, dict[str, Any]] = {
    name: {
        "description": f"{words} (draft-ietf-httpapi-ratelimit-headers-06). Where the operator has set a "
        "limit of requests per token; of several limits the tightest.",
        "schema": {"type": "integer", "minimum": least},
    }
    for name, words, least in (
        ("RateLimit-Limit", "How many requests the limit allows", 1),
        ("RateLimit-Remaining", "How many of them are left", 0),
        ("RateLimit-Reset", "In how many seconds they are all there again", 1),
    )
}
"""Headers of every answer to a request that counts, unlike the others optional."""

HEADERS: dict[str, dict[str, Any]] = {
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 9110, 11.6.1).",
        "required": True,
        "schema": {"type": "string", "const": "Token"},
    },
    **RATE_LIMIT,
    "Retry-After": {
        "description": "Seconds to wait (RFC 9110, 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "Error": {
        "type": "object",
        "description": "What is wrong with the request as a whole.",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    },
    "FieldErrors": {
        "type": "object",
        "description": "What is wrong, by field; what concerns several is in `non_field_errors`.",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {"$ref": "#/components/schemas/FieldErrors"},
            ]
        },
    },
}


def _response(
    description: str, *schemas: str, headers: tuple[str, ...] = (), **examples: Any
) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{name}"} for name in schemas]
    return {
        "description": description,
        "headers": headers,
        "content": {
            "application/json": {
                "schema": references[0] if len(references) == 1 else {"anyOf": references},
                "examples": {name: {"value": value} for name, value in examples.items()},
            }
        },
    }


def _detail(description: str, words: str, *headers: str) -> dict[str, Any]:
    return _response(description, "Error", headers=headers, example={"detail": words})


_NAMES = {
    400: "NotOffered",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    413: "TooLarge",
    414: "TooLongURL",
    415: "UnsupportedMediaType",
    422: "OtherRequest",
    429: "TooManyRequests",
    500: "ServerError",
    502: "ProviderTrouble",
    503: "Unavailable",
}

RESPONSES: dict[str, dict[str, Any]] = {
    "InvalidQuery": _response(
        "A parameter has a wrong value.", "FieldErrors", example={"limit": ["A valid integer is required."]}
    ),
    "InvalidBody": _response(
        "The body is not JSON, or a field is missing or wrong.",
        "FieldErrors",
        "Error",
        field={"name": ["This field is required."]},
        nested={"settings": {"token": ["This field is required."]}},
        body={"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        syntax={"detail": "JSON parse error - Expecting value: line 1 column 1 (char 0)"},
    ),
    "Unauthorized": _response(
        "There is no valid token.",
        "Error",
        headers=("WWW-Authenticate",),
        missing={"detail": "Authentication credentials were not provided."},
        malformed={"detail": "Invalid token header. No credentials provided."},
        unknown={"detail": "Invalid token."},
        inactive={"detail": "User inactive or deleted."},
    ),
    "Forbidden": _detail(
        "The token's user lacks the permission, or may not give others what is asked for.",
        "You do not have permission to perform this action.",
    ),
    "NotFound": _detail("There is no object with an id of the path, or no such cursor.", WORDS[404]),
    "Conflict": _response(
        "The object is in use, or not in a state for this; or a request with the Idempotency-Key is running.",
        "Error",
        in_use={"detail": "This notifier is the default one in the notification settings."},
        running={"detail": RUNNING},
    ),
    "TooLarge": _detail(
        "The body is longer than the service takes.", WORDS[413].format(limit=DEFAULT_BODY_BYTES)
    ),
    "TooLongURL": _detail("The URL is longer than the service takes.", "The request line is too long."),
    "UnsupportedMediaType": _detail(
        "The body is not declared as JSON.", 'Unsupported media type "text/plain" in request.'
    ),
    "OtherRequest": _detail(
        "The Idempotency-Key was sent with another request.",
        "This Idempotency-Key was sent with another request.",
    ),
    "TooManyRequests": _detail(
        "The limit of the token, where the operator has set one, or of a recipient is used up; or a process "
        "asks providers for as many others as it does at once; or wrong tokens came from the client's "
        "address hundreds of times in a minute, and again.",
        "Request was throttled. Expected available in 60 seconds.",
        "Retry-After",
        *RATE_LIMIT,
    ),
    "NotOffered": _response(
        "A parameter has a wrong value, or the notifier's provider does not offer it.",
        "FieldErrors",
        "Error",
        parameter={"create": ["Must be a valid boolean."]},
        provider={"detail": "The SMS backend melipayamak shows no patterns of an account."},
    ),
    "ProviderTrouble": _detail(
        "The provider can't be reached, or refuses the notifier's account. `detail` holds its own words.",
        "اطلاعات وارد شده صحیح نمی باشد",
    ),
    "Unavailable": _detail("The database can't be reached. Ask again.", UNAVAILABLE, "Retry-After"),
    "ServerError": _detail("The service failed. Its log, under the request's id, says how.", WORDS[500]),
}


def error_responses(declared: Endpoint) -> dict[int, str]:
    """Return the errors that an operation may answer: the names of their responses by status."""
    statuses = {500, *declared.errors}
    if declared.access is not Access.PUBLIC:
        statuses |= {401, 429, 503}
    if isinstance(declared.access, Permission):
        statuses.add(403)
    if declared.body:
        statuses |= {413, 415}
    if declared.query:
        statuses.add(414)
    if declared.idempotent:
        statuses |= {409, 422}
    names = {status: _NAMES[status] for status in statuses}
    if 400 not in names and (declared.query or declared.body):
        names[400] = "InvalidBody" if declared.body else "InvalidQuery"
    return names
