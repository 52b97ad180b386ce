"""Many messages in one request: all are right, or none is stored and the errors are told by index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import Connection

from notifyhub.api.fields import NON_FIELD
from notifyhub.messages.composing import Draft, compose
from notifyhub.messages.schemas import MessageRequestSchema
from notifyhub.messages.sources import look_up

_OWN = ("to", "args")
"""What a recipient has of its own, beside what all have in common."""

_schema: Schema = MessageRequestSchema()


def compose_all(connection: Connection, request: Mapping[str, Any], moment: datetime) -> list[Draft]:
    """Return the drafts of all messages of a bulk request, as `BulkSchema` has read it.

    Raises ValidationError: `{"messages": {index: {field: […]}}}`; for the other form `recipients`, and
    `common` for what is wrong in that.
    """
    if "messages" in request and not {"common", "recipients"} & set(request):
        drafts, errors = _compose(connection, request["messages"], moment)
        if errors:
            raise ValidationError({"messages": errors})
        return drafts
    if "recipients" in request and "messages" not in request:
        common, recipients = request.get("common", {}), request["recipients"]
        drafts, errors = _compose(
            connection, [_merged(common, recipient) for recipient in recipients], moment
        )
        if errors:
            raise ValidationError(_told_apart(errors, common, recipients))
        return drafts
    raise ValidationError({NON_FIELD: ["Give `messages`, or `common` and `recipients`."]})


def _compose(
    connection: Connection, entries: Sequence[Any], moment: datetime
) -> tuple[list[Draft], dict[int, dict[str, Any]]]:
    """Return the drafts of those entries that are right, and the errors of the others by index."""
    messages: dict[int, dict[str, Any]] = {}
    drafts: list[Draft] = []
    errors: dict[int, dict[str, Any]] = {}
    for index, entry in enumerate(entries):
        try:
            messages[index] = _read(entry)
        except ValidationError as error:
            errors[index] = error.messages_dict
    sources = look_up(connection, messages.values())
    for index, message in messages.items():
        try:
            drafts.append(compose(message, sources, moment))
        except ValidationError as error:
            errors[index] = error.messages_dict
    return drafts, dict(sorted(errors.items()))


def _read(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        kind = type(entry).__name__
        raise ValidationError({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
    message: dict[str, Any] = _schema.load(entry)
    return message


def _merged(common: Mapping[str, Any], recipient: Any) -> Any:
    """Return a recipient's whole message; what is no object stays as it is, to be refused."""
    if not isinstance(recipient, dict):
        return recipient
    shared = {name: value for name, value in common.items() if name != "to"}
    return {**shared, **{name: recipient[name] for name in _OWN if name in recipient}}


def _told_apart(
    errors: Mapping[int, Mapping[str, Any]], common: Mapping[str, Any], recipients: Sequence[Any]
) -> dict[str, Any]:
    """Return the errors with those of common fields under `common`, once."""
    shared: dict[str, Any] = {}
    own: dict[int, dict[str, Any]] = {}
    for index, wrong in errors.items():
        given = recipients[index] if isinstance(recipients[index], dict) else {}
        for name, words in wrong.items():
            if name in {"to", NON_FIELD} or (name == "args" and ("args" in given or "args" not in common)):
                own.setdefault(index, {})[name] = words
            else:
                shared[name] = words
    return {name: found for name, found in (("common", shared), ("recipients", own)) if found}
