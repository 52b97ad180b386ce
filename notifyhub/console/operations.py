"""The API's operations, called by pages: the same views, the same rules, the same answers."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import orjson
from flask import Response, current_app, g
from marshmallow import ValidationError
from werkzeug.exceptions import Forbidden

from notifyhub.api.endpoint import Access, Endpoint, Permission, View
from notifyhub.api.http.json import encode
from notifyhub.api.http.parsing import substituted_body
from notifyhub.auth.grants import Rights
from notifyhub.notifiers.masks import secrets_masked


def may(operation: View | str) -> bool:
    """Return whether the caller may do an operation: a view of the API, or a page's endpoint."""
    if isinstance(operation, str):
        declaration: Endpoint = current_app.extensions["declarations"][operation]
    else:
        declaration = operation.declared  # type: ignore[attr-defined]
    return allows(declaration.access)


def allows(access: Permission | Access) -> bool:
    """Return whether the caller's rights suffice for what needs `access`."""
    if isinstance(access, Access):
        return True
    rights: Rights | None = g.get("rights")
    return rights is not None and rights.allow(access.code)


def call(
    operation: View,
    body: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    **path: Any,
) -> Any:
    """Return what an operation of the API answers, as its clients read it: moments are texts.

    Stored secrets are masked: they are not sent elsewhere than before for who does not give them anew. Its
    parameters are those of the page's own URL. Raises what the operation raises, and Forbidden.
    """
    if not may(operation):
        raise Forbidden("You do not have permission to perform this action.")
    with secrets_masked(), nullcontext() if body is None else substituted_body(body, idempotency_key):
        answer = operation(**path)
    if isinstance(answer, tuple):
        answer, _status = answer
    if isinstance(answer, Response):
        return answer.get_json()
    return orjson.loads(encode(answer)) if answer else None


def list_page(operation: View, **path: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a page of a list, and what is wrong with the parameters that it is filtered by.

    With something wrong, the page is empty.
    """
    try:
        return call(operation, **path), {}
    except ValidationError as error:
        empty: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
        return empty, error.normalized_messages()
