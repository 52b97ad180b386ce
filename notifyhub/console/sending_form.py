"""The form of one message: its fields go by channel, and by whether a pattern makes it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from wtforms import Form, FormField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the types know none yet

from notifyhub.console import account_names, moments
from notifyhub.console.formats import code
from notifyhub.console.forms import ApiForm, Choice, LongText, OptionalText, Text
from notifyhub.messages.choices import Account, PatternChoice
from notifyhub.messages.models import Channel

EXAMPLES = {Channel.SMS: "+989120000000", Channel.EMAIL: "somebody@example.com"}
"""Recipients that a message is looked at with, before its own is given."""
MAX_ID_DIGITS = 18


class Shape(NamedTuple):
    """Which fields the form has, and what can be chosen in them.

    `placeholders` are those of the chosen pattern; None: none is chosen.
    """

    channel: Channel
    by_pattern: bool
    accounts: Sequence[Account] = ()
    patterns: Sequence[PatternChoice] = ()
    placeholders: Sequence[str] | None = None


class Time(Text):
    """A moment as people write it: none is at once."""

    def value(self) -> Any:
        return moments.first_moment(self.data) if self.data else None


class Value(Text):
    """A text that fills a placeholder, taken as it is."""


class IdChoice(Choice):
    """One of some objects, by its id."""

    def value(self) -> Any:
        chosen = super().value()
        return int(chosen) if is_id(chosen) else chosen


def is_id(text: str | None) -> bool:
    """Return whether a text is an id that a database can have."""
    return text is not None and text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS


class MessageForm(ApiForm):
    """What all messages have."""

    shape: Shape

    to = Text()
    send_at = Time(_("When"))
    reference = OptionalText(_("Reference"))

    def document(self) -> dict[str, Any]:
        """Return the body that the form stands for: a list fills the placeholders, in their order."""
        body = super().document()
        args = body.pop("args", None)
        if args is not None:
            body["args"] = list(args.values())
        return {**body, "channel": self.shape.channel}

    def refuse(self, messages: Mapping[str, Any]) -> None:
        """Put the API's words at their fields; those of an argument at the placeholder's."""
        words = dict(messages)
        args = words.pop("args", None)
        if isinstance(args, Mapping):
            words["args"] = {_value_name(int(place)): each for place, each in args.items()}
        elif args:
            words["non_field_errors"] = [*words.get("non_field_errors", []), *args]
        if self.shape.by_pattern and self["pattern"].value() is None:  # the API asks for a text then, too
            words = {name: each for name, each in words.items() if name not in {"text", "subject"}}
            words["pattern"] = ["This field is required."]
        super().refuse(words)


def _value_name(place: int) -> str:
    return f"value{place}"


def make_form(shape: Shape) -> Any:
    """Return the form of a shape, with what was sent."""
    fields: dict[str, Any] = {"shape": shape}
    if shape.by_pattern:
        fields["pattern"] = IdChoice(_("Pattern"), choices=_patterns(shape.patterns))
        if shape.placeholders:
            values = {_value_name(n): Value(code(name)) for n, name in enumerate(shape.placeholders)}
            fields["args"] = FormField(type("Values", (Form,), values))
    else:
        if shape.channel is Channel.EMAIL:
            fields["subject"] = Text(_("Subject"))
        fields["text"] = LongText(_("Text"))
        if shape.accounts:
            fields["notifier"] = IdChoice(_("Account"), choices=_accounts(shape.accounts))
    form = type("Form", (MessageForm,), fields)()
    form.to.label.text = _("Mobile number") if shape.channel is Channel.SMS else _("Mail address")
    return form


def _accounts(accounts: Sequence[Account]) -> list[SelectChoice]:
    """Return what can be chosen: first the default one, which is no matter of an id."""
    names = account_names.of_accounts(accounts)
    default = next((one for one in accounts if one.is_default), None)
    others = [SelectChoice(str(one.id), names[one.channel, one.id]) for one in accounts if one is not default]
    if default is None:
        return [SelectChoice("", _("Choose an account")), *others]
    name = names[default.channel, default.id]
    return [SelectChoice("", _("%(name)s (the default one)", name=name)), *others]


def _patterns(patterns: Sequence[PatternChoice]) -> list[SelectChoice]:
    """Return what can be chosen, by the account that it belongs to."""
    names = account_names.of_patterns(patterns)
    chosen = [SelectChoice(str(one.id), one.name, optgroup=names[one.notifier_id]) for one in patterns]
    return [SelectChoice("", _("Choose a pattern")), *chosen]
