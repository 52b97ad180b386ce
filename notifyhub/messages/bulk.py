"""Many messages in one request: all are right, or none is stored and the errors are told by index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import Connection

from notifyhub.api.fields import NON_FIELD
from notifyhub.messages.composition import Draft, compose
from notifyhub.messages.references import resolve
from notifyhub.messages.schemas import MessageRequestSchema, RecipientSchema, SharedMessageSchema

MOST_WRONG = 100
"""The wrong entries after which no other is looked at: an answer tells of no more."""

Errors = dict[int, dict[str, Any]]

_message, _recipient, _common = MessageRequestSchema(), RecipientSchema(), SharedMessageSchema()


def compose_all(connection: Connection, request: Mapping[str, Any], moment: datetime) -> list[Draft]:
    """Return the drafts of all messages of a bulk request, as `BulkSchema` has read it.

    Raises ValidationError: `{"messages": {index: {field: […]}}}`; for the other form `recipients`, and
    `common` for what is wrong in that.
    """
    if "messages" in request and not {"common", "recipients"} & set(request):
        messages, unread = _read(_message, request["messages"])
        drafts, errors = _compose(connection, messages, moment, len(unread))
        if unread or errors:
            raise ValidationError({"messages": dict(sorted({**unread, **errors}.items()))})
        return drafts
    if "recipients" in request and "messages" not in request:
        return _compose_for_all(connection, request, moment)
    raise ValidationError({NON_FIELD: ["Give `messages`, or `common` and `recipients`."]})


def _compose_for_all(connection: Connection, request: Mapping[str, Any], moment: datetime) -> list[Draft]:
    """Return the drafts of what is common, which is read once, for each recipient."""
    common = request["common"] if "common" in request else _without_common()
    recipients, unread = _read(_recipient, request["recipients"])
    messages = {index: {**common, **recipient} for index, recipient in recipients.items()}
    drafts, errors = _compose(connection, messages, moment, len(unread))
    shared, own = _told_apart(errors, common, recipients)
    told = {"common": shared, "recipients": dict(sorted({**unread, **own}.items()))}
    if shared or told["recipients"]:
        raise ValidationError({name: wrong for name, wrong in told.items() if wrong})
    return drafts


def _without_common() -> dict[str, Any]:
    """Raise the error that tells what is missing."""
    try:
        common: dict[str, Any] = _common.load({})
    except ValidationError as error:
        raise ValidationError({"common": error.messages}) from None
    return common


def _read(schema: Schema, entries: Sequence[Any]) -> tuple[dict[int, dict[str, Any]], Errors]:
    """Return those entries that the schema takes, and the errors of others, by index."""
    read: dict[int, dict[str, Any]] = {}
    errors: Errors = {}
    for index, entry in enumerate(entries):
        try:
            read[index] = _loaded(schema, entry)
        except ValidationError as error:
            errors[index] = error.messages_dict
            if len(errors) >= MOST_WRONG:
                break
    return read, errors


def _loaded(schema: Schema, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        kind = type(entry).__name__
        raise ValidationError({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
    loaded: dict[str, Any] = schema.load(entry)
    return loaded


def _compose(
    connection: Connection, messages: Mapping[int, Mapping[str, Any]], moment: datetime, wrong: int
) -> tuple[list[Draft], Errors]:
    """Return the drafts of those messages that are right, and the errors of others by index.

    So many are known to be `wrong` already.
    """
    drafts: list[Draft] = []
    errors: Errors = {}
    if wrong >= MOST_WRONG:
        return drafts, errors
    sources = resolve(connection, messages.values())
    for index, message in messages.items():
        try:
            drafts.append(compose(message, sources, moment))
        except ValidationError as error:
            errors[index] = error.messages_dict
            if wrong + len(errors) >= MOST_WRONG:
                break
    return drafts, errors


def _told_apart(
    errors: Errors, common: Mapping[str, Any], recipients: Mapping[int, Mapping[str, Any]]
) -> tuple[dict[str, Any], Errors]:
    """Return the errors of common fields, once, and those of the recipients' own by index."""
    shared: dict[str, Any] = {}
    own: Errors = {}
    for index, wrong in errors.items():
        for name, words in wrong.items():
            has_args = "args" in recipients[index] or "args" not in common
            if name in {"to", NON_FIELD} or (name == "args" and has_args):
                own.setdefault(index, {})[name] = words
            else:
                shared[name] = words
    return shared, own
