"""Checking: each row of a file is composed by the rules that messages have, and nothing is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import Connection

from notifyhub.campaigns.recipient_files import columns
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.campaigns.storage import Settings
from notifyhub.messages.bulk import MAX_RENDERED
from notifyhub.messages.composition import ComposedMessage, compose
from notifyhub.messages.models import Channel
from notifyhub.messages.references import resolve
from notifyhub.messages.request_schemas import MAX_BULK, RecipientSchema, SharedMessageSchema

SHOWN = 5
"""Messages that are shown as they will read."""
_OWN = ("to", "args")
"""The fields that come from a row; all others are common, and wrong in all rows or in none."""

_EXAMPLES = {Channel.SMS: "09121234567", Channel.EMAIL: "customer@example.com"}

_recipient, _common = RecipientSchema(), SharedMessageSchema()


class RowError(NamedTuple):
    """What is wrong with a row: its number in the file, the column, what that holds, and words of the API."""

    number: int
    column: str
    value: str
    words: str


class Repeated(NamedTuple):
    """A row whose recipient an earlier row has, too."""

    number: int
    recipient: str
    first: int


class Checked(NamedTuple):
    """A row that can be sent: its place among the file's rows, and what its message takes."""

    place: int
    segments: int
    characters: int


@dataclass
class CheckedFile:
    """What has come of a check. `wrong` are errors of what is common to all rows, by field."""

    messages: list[Checked] = field(default_factory=list)
    shown: list[tuple[int, ComposedMessage]] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    wrong: dict[str, Any] = field(default_factory=dict)

    @property
    def segments(self) -> int:
        """The segments of all messages together."""
        return sum(message.segments for message in self.messages)

    @property
    def bad_rows(self) -> int:
        """The number of rows with an error."""
        return len({error.number for error in self.errors})


class RowComposer:
    """Composes a campaign's messages. What they share is read once, and what that names looked up once.

    Raises ValidationError for what is wrong with that.
    """

    def __init__(
        self, connection: Connection, campaign_id: int, settings: Settings, moment: datetime
    ) -> None:
        self._campaign_id = str(campaign_id)
        self._settings = settings
        self._moment = moment
        self._common: dict[str, Any] = _common.load(settings.common)
        self._references = resolve(connection, [self._common])

    def compose(self, row: Row) -> ComposedMessage:
        """Return the message of a row; raises ValidationError."""
        own: dict[str, Any] = {"to": columns.recipient_text(row.cells[self._settings.recipient or 0])}
        if "pattern" in self._common:
            own["args"] = [row.cells[column] for column in self._settings.args]
        metadata = {"campaign": self._campaign_id, "row": str(row.number)}
        message = {**self._common, **_recipient.load(own), "client_metadata": metadata}
        return compose(message, self._references, self._moment)


def wrong_in_common(connection: Connection, common: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return what is wrong with what all messages share, by field, whatever the rows hold."""
    try:
        loaded = _common.load(common)
        references = resolve(connection, [loaded])
        compose({**loaded, "to": _EXAMPLES[loaded["channel"]]}, references, moment)
    except ValidationError as error:
        return {name: words for name, words in error.messages_dict.items() if name not in _OWN}
    return {}


def placeholders(connection: Connection, common: Mapping[str, Any]) -> list[str]:
    """Return the placeholders of the pattern that is sent, in its list order; none without one."""
    if "pattern" not in common:
        return []
    loaded = _common.load(common)
    pattern = resolve(connection, [loaded]).patterns[Channel(loaded["channel"])].get(loaded["pattern"])
    return [placeholder.spelling for placeholder in pattern.template.list_order] if pattern else []


def check(
    connection: Connection, campaign_id: int, settings: Settings, rows: Sequence[Row], moment: datetime
) -> CheckedFile:
    """Compose all rows of a file; return what could be, and what is wrong with the others."""
    checked = CheckedFile()
    names = columns.names(rows, header=settings.header)
    first_rows: dict[str, int] = {}
    try:
        composer = RowComposer(connection, campaign_id, settings, moment)
        for place in range(1 if settings.header else 0, len(rows)):
            row = rows[place]
            try:
                message = composer.compose(row)
            except ValidationError as error:
                checked.errors += _row_errors(error.messages_dict, row, names, settings)
            else:
                _take(checked, message, place, row.number, first_rows, once=settings.once)
    except ValidationError as error:
        checked.wrong = error.messages_dict
    return checked


def _take(
    checked: CheckedFile,
    message: ComposedMessage,
    place: int,
    number: int,
    first_rows: dict[str, int],
    *,
    once: bool,
) -> None:
    first = first_rows.setdefault(message.recipient, number)
    if first != number:
        checked.repeated.append(Repeated(number, message.recipient, first))
        if once:
            return
    characters = sum(len(part or "") for part in (message.subject, message.text, message.html))
    checked.messages.append(Checked(place, message.segments or 0, characters))
    if len(checked.shown) < SHOWN:
        checked.shown.append((number, message))


def _row_errors(
    messages: Mapping[str, Any], row: Row, names: Sequence[str], settings: Settings
) -> Iterator[RowError]:
    """Give the errors of a row; raises ValidationError for those that are common to all rows."""
    common = {name: words for name, words in messages.items() if name not in _OWN}
    if common:
        raise ValidationError(common)
    for name, found in messages.items():
        for column, words in _at_columns(name, found, settings):
            value = "" if column is None else row.cells[column]
            yield RowError(row.number, "" if column is None else names[column], value, words)


def _at_columns(name: str, found: Any, settings: Settings) -> Iterator[tuple[int | None, str]]:
    if isinstance(found, Mapping):
        for place, words in found.items():
            yield settings.args[int(place)], str(words[0])
    else:
        for words in found:
            yield (settings.recipient if name == "to" else None), str(words)


def divide(messages: Sequence[Checked]) -> list[list[int]]:
    """Return the places of rows by the batch that they go in, none larger than a bulk request may be."""
    batches: list[list[int]] = []
    characters = 0
    for message in messages:
        characters += message.characters
        if not batches or len(batches[-1]) == MAX_BULK or characters > MAX_RENDERED:
            batches.append([])
            characters = message.characters
        batches[-1].append(message.place)
    return batches
