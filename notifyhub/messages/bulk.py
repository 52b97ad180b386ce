"""Bulk requests: all their messages are composed, or none is and the errors are given by index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import Connection

from notifyhub.api.fields import NON_FIELD
from notifyhub.events import publish
from notifyhub.messages.composition import ComposedMessage, compose
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.references import resolve
from notifyhub.messages.request_schemas import MessageRequestSchema, RecipientSchema, SharedMessageSchema
from notifyhub.messages.storage import store_batch

MAX_INVALID = 100
"""Invalid entries after which no other is looked at: a response holds the errors of no more."""

MAX_RENDERED = 20_000_000
"""Characters that patterns may make of one request: a short one could fill the memory with a long pattern."""

MAX_CONTENT = 200_000_000
"""Characters of texts and bytes of files in one request's messages: what is common is stored with each."""

Errors = dict[int, dict[str, Any]]

_message, _recipient, _common = MessageRequestSchema(), RecipientSchema(), SharedMessageSchema()


def compose_bulk(
    connection: Connection, request: Mapping[str, Any], moment: datetime
) -> list[ComposedMessage]:
    """Return all messages of a bulk request, as `BulkSchema` has read it.

    Raises ValidationError: `{"messages": {index: {field: […]}}}`; for the other form under `recipients`,
    and under `common` for what they share.
    """
    if "messages" in request and not {"common", "recipients"} & set(request):
        messages, unread = _read(_message, request["messages"])
        composed, errors = _compose(connection, messages, moment, len(unread))
        if unread or errors:
            raise ValidationError({"messages": dict(sorted({**unread, **errors}.items()))})
        return composed
    if "recipients" in request and "messages" not in request:
        return _compose_for_all(connection, request, moment)
    raise ValidationError({NON_FIELD: ["Give `messages`, or `common` and `recipients`."]})


def accept(
    connection: Connection, messages: Sequence[ComposedMessage], moment: datetime, *, test: bool
) -> int:
    """Store messages as a batch, in a transaction, and have what is due sent; return the batch's id."""
    batch_id, due = store_batch(connection, messages, moment, test=test)
    if due:
        publish(connection, MessagesDue(due))
    return batch_id


def _compose_for_all(
    connection: Connection, request: Mapping[str, Any], moment: datetime
) -> list[ComposedMessage]:
    """Return what is common, which is read once, composed for each recipient."""
    common = request["common"] if "common" in request else _missing_common()
    recipients, unread = _read(_recipient, request["recipients"])
    messages = {index: {**common, **recipient} for index, recipient in recipients.items()}
    composed, errors = _compose(connection, messages, moment, len(unread))
    shared, own = _split(errors, common, recipients)
    found = {"common": shared, "recipients": dict(sorted({**unread, **own}.items()))}
    if shared or found["recipients"]:
        raise ValidationError({name: wrong for name, wrong in found.items() if wrong})
    return composed


def _missing_common() -> dict[str, Any]:
    """Raise the errors of a `common` that holds nothing."""
    try:
        common: dict[str, Any] = _common.load({})
    except ValidationError as error:
        raise ValidationError({"common": error.messages}) from None
    return common


def _read(schema: Schema, entries: Sequence[Any]) -> tuple[dict[int, dict[str, Any]], Errors]:
    """Return the valid entries, and the errors of the others, by index."""
    read: dict[int, dict[str, Any]] = {}
    errors: Errors = {}
    for index, entry in enumerate(entries):
        try:
            read[index] = _loaded(schema, entry)
        except ValidationError as error:
            errors[index] = error.messages_dict
            if len(errors) >= MAX_INVALID:
                break
    return read, errors


def _loaded(schema: Schema, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        kind = type(entry).__name__
        raise ValidationError({NON_FIELD: [f"Invalid data. Expected a dictionary, but got {kind}."]})
    loaded: dict[str, Any] = schema.load(entry)
    return loaded


def _compose(
    connection: Connection, messages: Mapping[int, Mapping[str, Any]], moment: datetime, invalid: int
) -> tuple[list[ComposedMessage], Errors]:
    """Return the messages that could be composed, and the errors of the others by index.

    `invalid` is how many others are known to be invalid already.
    """
    composed: list[ComposedMessage] = []
    errors: Errors = {}
    if invalid >= MAX_INVALID:
        return composed, errors
    references = resolve(connection, messages.values())
    rendered = content = 0
    for index, message in messages.items():
        try:
            composed.append(compose(message, references, moment))
        except ValidationError as error:
            errors[index] = error.messages_dict
            if invalid + len(errors) >= MAX_INVALID:
                break
            continue
        rendered += _rendered(composed[-1])
        if rendered > MAX_RENDERED:
            words = f"The texts that patterns make have more than {MAX_RENDERED} characters from here on: "
            errors[index] = {"args": [f"{words}send the rest in a request of its own."]}
            break
        content += composed[-1].size
        if content > MAX_CONTENT:
            words = f"Texts and files have more than {MAX_CONTENT} characters and bytes from here on: "
            errors[index] = {NON_FIELD: [f"{words}send the rest in a request of its own."]}
            break
    return composed, errors


def _rendered(message: ComposedMessage) -> int:
    """Return how many characters a pattern has made."""
    return len(message.text or "") + len(message.html or "") if message.pattern else 0


def _split(
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
