"""The command that sends one message and follows it."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import click
from flask.cli import with_appcontext
from marshmallow import ValidationError
from sqlalchemy import Row, bindparam, select

from notifyhub.database.base import now, table_of
from notifyhub.database.commands import TEXT, Command, CommandError
from notifyhub.database.connections import autocommit, transaction
from notifyhub.events import publish
from notifyhub.messages.composition import compose
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.messages.references import resolve
from notifyhub.messages.request_schemas import MessageRequestSchema
from notifyhub.messages.storage import store
from notifyhub.text.lines import as_line

POLL_SECONDS = 0.2
UNTAKEN_SECONDS = 10.0
"""After which a message that no worker takes is remarked on."""
REPORT_SECONDS = 120.0
"""How long a delivery report is waited for."""

_OPTIONS = {"to": "TO", "pattern": "--pattern", "args": "--arg", "text": "--text", "subject": "--subject"}
_ARRIVED = {MessageStatus.SENT, MessageStatus.DELIVERED}
_UNDER_WAY = {MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.SENDING}

_messages = table_of(Message).c
_STATE = select(
    *(_messages[name] for name in ("status", "error_code", "error_detail", "notifier_name", "report_due_at"))
).where(_messages.id == bindparam("id"))


@click.command("send", cls=Command)
@click.argument("to", type=TEXT)
@click.option("--pattern", type=TEXT, metavar="NAME", help="A pattern of the default notifier.")
@click.option(
    "--arg",
    "args",
    type=TEXT,
    metavar="V",
    multiple=True,
    help="What fills the pattern, in order; repeat it.",
)
@click.option("--text", type=TEXT, metavar="T", help="The text, where no pattern makes it.")
@click.option("--subject", type=TEXT, metavar="S", help="An email's subject, where no pattern makes it.")
@with_appcontext
def send(to: str, pattern: str | None, args: tuple[str, ...], text: str | None, subject: str | None) -> None:
    """Send one message to TO, a number or an address, through the default notifier, and follow it to its end.

    Ends with status 0 if it was sent, else with 1. A worker has to run; Ctrl-C stops the following alone.
    """
    given = {"pattern": pattern, "args": list(args) or None, "text": text, "subject": subject}
    channel = Channel.EMAIL if "@" in to else Channel.SMS
    request = {"to": to, "channel": channel, **{key: each for key, each in given.items() if each is not None}}
    message_id = _store(request)
    click.echo(f"Message {message_id}")
    last, said = None, ""
    for last in _follow(message_id):
        if (line := _line(last)) != said:
            click.echo(line)
        said = line
    if last is None or last.status not in _ARRIVED:
        raise SystemExit(1)


def _store(request: Mapping[str, Any]) -> int:
    moment = now()
    try:
        with transaction() as connection:
            loaded = MessageRequestSchema().load(request)
            composed = compose(loaded, resolve(connection, [loaded]), moment)
            message_id, _ = store(connection, composed, moment, test=False)
            publish(connection, MessagesDue([message_id]))
    except ValidationError as error:
        raise CommandError(_words(error.messages_dict)) from None
    return message_id


def _words(errors: Mapping[str, Any]) -> str:
    """Return a request's errors in one line, by the options that they are about."""
    return " ".join(f"{_OPTIONS.get(name, name)}: {_first(words)}" for name, words in errors.items())


def _first(words: Any) -> str:
    while isinstance(words, Mapping | list):
        words = next(iter(words.values() if isinstance(words, Mapping) else words))
    return str(words)


def _follow(message_id: int) -> Iterator[Row[Any]]:
    """Yield a message's state each time that it has changed, up to its end."""
    begun, sent, last = time.monotonic(), 0.0, None
    while True:
        state = autocommit().execute(_STATE, {"id": message_id}).one()
        moment = time.monotonic()
        if state != last:
            yield state
            last = state
        if state.status == MessageStatus.SENT:
            sent = sent or moment
            if state.report_due_at is None or moment > sent + REPORT_SECONDS:
                return
        elif state.status not in _UNDER_WAY:
            return
        if begun and state.status == MessageStatus.QUEUED and moment > begun + UNTAKEN_SECONDS:
            click.echo("No worker takes it: does `notifyhub up` or `notifyhub worker` run?", err=True)
            begun = 0.0
        time.sleep(POLL_SECONDS)


def _line(state: Row[Any]) -> str:
    status = f"{state.status} ({state.notifier_name})" if state.status in _ARRIVED else state.status
    error = f": {state.error_code}: {state.error_detail}" if state.error_code else ""
    return as_line(f"{status}{error}")
