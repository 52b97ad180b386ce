"""The forms of a campaign's steps: the file, the message, the columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import FileField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]

from notifyhub.campaigns.recipient_files import columns
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.campaigns.storage import Settings
from notifyhub.console import account_names
from notifyhub.console.forms import ApiForm, Choice, Flag, LongText, Text
from notifyhub.messages.choices import Account, PatternChoice
from notifyhub.messages.models import Channel

ONCE, EACH = "once", "each"


class FileForm(ApiForm):
    """A file of recipients."""

    file = FileField(lazy_gettext("File"), render_kw={"accept": ".xlsx,.xlsm,.csv,.txt,.tsv"})


class MessageForm(ApiForm):
    """What is sent to all: by a pattern, or a text of one's own."""

    name = Text(lazy_gettext("Name of the campaign"), render_kw={"maxlength": 255})
    content = Choice(lazy_gettext("What to send"))
    notifier = Choice(lazy_gettext("Account"))
    subject = Text(lazy_gettext("Subject"), render_kw={"maxlength": 255})
    text = LongText(lazy_gettext("Text"))

    def offer(self, accounts: Sequence[Account], patterns: Mapping[Channel, Sequence[PatternChoice]]) -> None:
        """Have the fields offer what there is."""
        own = _("A text of my own")
        kinds = {Channel.SMS: _("SMS patterns"), Channel.EMAIL: _("Email patterns")}
        owners = {channel: account_names.of_patterns(patterns[channel]) for channel in kinds}
        self.content.choices = [
            SelectChoice("sms", _("SMS with a text of my own"), optgroup=own),
            SelectChoice("email", _("Email with a text of my own"), optgroup=own),
            *(
                SelectChoice(
                    f"{channel}:{one.id}", f"{one.name} – {owners[channel][one.notifier_id]}", optgroup=title
                )
                for channel, title in kinds.items()
                for one in patterns[channel]
            ),
        ]
        names = account_names.of_accounts(accounts)
        titles = {Channel.SMS: _("SMS accounts"), Channel.EMAIL: _("Email accounts")}
        self.notifier.choices = [
            SelectChoice("", _("The default account"), optgroup=_("By default")),
            *(
                SelectChoice(f"{channel}:{one.id}", names[channel, one.id], optgroup=title)
                for channel, title in titles.items()
                for one in accounts
                if one.channel is channel and one.sends_texts
            ),
        ]

    def common(self) -> dict[str, Any]:
        """Return what all messages share, as the API takes it."""
        channel, _colon, pattern = (self.content.data or "").partition(":")
        if pattern:
            return {"channel": channel, "pattern": _id(pattern)}
        common: dict[str, Any] = {"channel": channel, "text": self.text.value()}
        if channel == "email":
            common["subject"] = self.subject.value()
        of_channel, _colon, notifier = (self.notifier.data or "").partition(":")
        if notifier:
            common["notifier"] = _id(notifier) if of_channel == channel else -1
        return common

    def refuse_common(self, wrong: Mapping[str, Any]) -> None:
        """Put the API's words about what is common at the fields that stand for it."""
        self.refuse(
            {{"channel": "content", "pattern": "content"}.get(name, name): wrong[name] for name in wrong}
        )


def _id(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def values_of(name: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message's form shows of a draft."""
    channel = common.get("channel", "sms")
    pattern, notifier = common.get("pattern"), common.get("notifier")
    return {
        "name": name,
        "content": f"{channel}:{pattern}" if pattern else channel,
        "notifier": f"{channel}:{notifier}" if notifier else "",
        "subject": common.get("subject", ""),
        "text": common.get("text", ""),
    }


def columns_form(
    rows: Sequence[Row], settings: Settings, placeholders: Sequence[str], given: Mapping[str, Any] | None
) -> Any:
    """Return a form with a choice of the column for the recipient, and for each placeholder.

    On the first visit (`given` is None) it shows what the settings say, or a guess.
    """
    names, filled = columns.names(rows, header=settings.header), columns.filled(rows)
    choices = [
        SelectChoice("", _("Choose a column")),
        *(SelectChoice(str(place), _named(names, place)) for place in filled),
    ]
    args = {
        f"arg_{index}": Choice(_placeholder(placeholder), choices=choices)
        for index, placeholder in enumerate(placeholders)
    }
    fields: dict[str, Any] = {
        "header": Flag(lazy_gettext("The first row has the names of the columns")),
        "recipient": Choice(lazy_gettext("Recipient"), choices=choices),
        **args,
        "duplicates": Choice(
            lazy_gettext("If a recipient is in the file more than once"),
            choices=[
                SelectChoice(ONCE, _("Send one message, that of the first row")),
                SelectChoice(EACH, _("Send a message for each row")),
            ],
        ),
    }
    form = type("ColumnsForm", (ApiForm,), fields)
    return form(data=_shown(rows, settings, placeholders, names, filled)) if given is None else form()


def _named(names: Sequence[str], place: int) -> str:
    letter = columns.letter(place)
    return letter if names[place] == letter else f"{names[place]} ({letter})"


def _placeholder(spelling: str) -> str:
    return f"{{{spelling}}}" if spelling.isdecimal() else f"%{spelling}%"


def _shown(
    rows: Sequence[Row],
    settings: Settings,
    placeholders: Sequence[str],
    names: Sequence[str],
    filled: Sequence[int],
) -> dict[str, Any]:
    recipient: int | None = settings.recipient
    args: Sequence[int | None] = settings.args
    if recipient is None:
        data = rows[1:] if settings.header else rows
        recipient = columns.guess_recipient(names, data, settings.common["channel"])
    if len(args) != len(placeholders):
        args = columns.guess_args(placeholders, names, [place for place in filled if place != recipient])
    chosen = {f"arg_{index}": "" if place is None else str(place) for index, place in enumerate(args)}
    return {
        "header": settings.header,
        "recipient": "" if recipient is None else str(recipient),
        "duplicates": ONCE if settings.once else EACH,
        **chosen,
    }


def read_columns(form: Any, width: int, count: int) -> dict[str, Any] | None:
    """Return the settings that the form stands for; None, with words at its fields, if one lacks."""
    fields = [form.recipient, *(form[f"arg_{index}"] for index in range(count))]
    places = []
    for field in fields:
        text = field.data or ""
        if text.isdecimal() and int(text) < width:
            places.append(int(text))
        else:
            field.errors = [_("Choose a column of the file.")]
    if len(places) < len(fields):
        return None
    return {
        "header": form.header.data,
        "recipient": places[0],
        "args": places[1:],
        "once": form.duplicates.data != EACH,
    }
