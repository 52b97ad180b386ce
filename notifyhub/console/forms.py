"""Forms: WTForms' fields, whose values go to the API's operations, and the API's words back to the fields.

The rules are the API's schemas'; a form has none of its own. Its fields have the names of a body's keys.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import BadRequest, Conflict, Forbidden
from wtforms import (  # type: ignore[attr-defined]  # the types know no SelectChoice yet
    BooleanField,
    Field,
    FormField,
    PasswordField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget

from notifyhub.api.endpoint import View
from notifyhub.api.fields import NON_FIELD
from notifyhub.api.http import violations
from notifyhub.console import moments
from notifyhub.console.formats import number
from notifyhub.console.operations import call
from notifyhub.console.translation import api_words

ABSENT = object()
"""The value of a field that a body leaves out."""


class Text(StringField):
    """A line of text; a number, too, which the API reads from its text."""

    def value(self) -> Any:
        """Return what goes into the body."""
        return self.data or ""


class OptionalText(Text):
    """A line of text, or null."""

    def value(self) -> Any:
        return self.data or None


class LongText(TextAreaField):
    """A text of several lines, whose line ends are `\\n` (browsers send `\\r\\n`)."""

    def value(self) -> Any:
        """Return what goes into the body."""
        return (self.data or "").replace("\r\n", "\n")


class OptionalLongText(LongText):
    """A text of several lines, or null."""

    def value(self) -> Any:
        return super().value() or None


class Secret(PasswordField):
    """A secret, which no page shows: left empty it stays as it is."""

    def value(self) -> Any:
        """Return what goes into the body."""
        return self.data or ABSENT


class Flag(BooleanField):
    """A box to tick."""

    def value(self) -> Any:
        """Return what goes into the body."""
        return bool(self.data)


Offered = Iterable[tuple[Any, Any] | SelectChoice]


def options(offered: Offered) -> list[SelectChoice]:
    """Return what a field offers, given the values with their names, or more of them."""
    return [one if isinstance(one, SelectChoice) else SelectChoice(*one) for one in offered]


class Choice(SelectField):
    """One of some values; the empty one is null. What is none of them is the API's to refuse."""

    def __init__(self, *args: Any, choices: Offered = (), **others: Any) -> None:
        super().__init__(*args, **{"validate_choice": False, **others})
        self.offer(choices)

    def offer(self, choices: Offered) -> None:
        """Have these choices: values and what they are called."""
        self.choices = options(choices)

    def value(self) -> Any:
        """Return what goes into the body."""
        return self.data or None


class Lines(TextAreaField):
    """A list, one entry a line."""

    def process_data(self, value: Any) -> None:
        """Show a list."""
        self.data = "\n".join(str(entry) for entry in value or ())

    def value(self) -> Any:
        """Return what goes into the body."""
        return [line.strip() for line in (self.data or "").splitlines() if line.strip()]


class Boxes(SelectMultipleField):
    """Some of a few values, each with a box to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def value(self) -> Any:
        """Return what goes into the body."""
        return list(self.data or [])


class MomentText(StringField):
    """A moment by the clock of the chosen time zone, or null; what is none goes to the API as it is."""

    def value(self) -> Any:
        """Return what goes into the body."""
        typed = (self.data or "").strip()
        return moments.first_moment(typed) if typed else None


class LastMomentText(MomentText):
    """A moment likewise, but that a day stands for its last one."""

    def value(self) -> Any:
        typed = (self.data or "").strip()
        return moments.last_moment(typed) if typed else None


class ApiForm(FlaskForm):  # type: ignore[misc]
    """A form whose fields are those of a body. Its token against forgery is checked before any page."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = False

    def document(self) -> dict[str, Any]:
        """Return the body that the form stands for."""
        return body_of(self)

    def refuse(self, messages: Mapping[str, Any]) -> None:
        """Put the API's words at their fields, translated; those of no field over all."""
        _put(self, messages, self.form_errors)


def body_of(form: Any, includes: Callable[[Any], bool] = lambda _field: True) -> dict[str, Any]:
    """Return the body that those fields of a form stand for that are to be included."""
    values = {
        field.short_name: body_of(field.form, includes) if isinstance(field, FormField) else field.value()
        for field in form
        if isinstance(field, FormField) or (hasattr(field, "value") and includes(field))
    }
    return {name: value for name, value in values.items() if value is not ABSENT}


def _put(form: Any, messages: Mapping[str, Any], others: list[str]) -> None:
    for name, words in messages.items():
        field: Field | None = form._fields.get(name)
        if isinstance(field, FormField) and isinstance(words, Mapping):
            _put(field.form, words, others)
        elif field is None:
            prefix = "" if name in {NON_FIELD, "detail", "_schema"} else f"{name}: "
            others += [f"{prefix}{line}" for line in _lines(words)]
        else:
            field.errors = [*field.errors, *_lines(words)]


def _lines(words: Any) -> list[str]:
    """Return the messages of a field; of those of a list's entries which entry it is, from 1."""
    if isinstance(words, Mapping):
        return [f"{_place(key)}: {line}" for key, inner in words.items() for line in _lines(inner)]
    return [api_words(str(line)) for line in words]


def _place(key: Any) -> str:
    return _("Entry %(number)s", number=number(key + 1)) if isinstance(key, int) else str(key)


def submit(form: ApiForm, operation: View, *, idempotency_key: str | None = None, **path: Any) -> Any:
    """Return what an operation answers to the form; None if it refuses it, with its words at the fields."""
    try:
        return call(operation, form.document(), idempotency_key=idempotency_key, **path)
    except ValidationError as error:
        form.refuse(error.normalized_messages())
    except IntegrityError as error:
        answer = violations.answer(error)
        if not isinstance(answer, ValidationError | Conflict):
            raise
        words = answer.normalized_messages() if isinstance(answer, ValidationError) else _detail(answer)
        form.refuse(words)
    except (BadRequest, Conflict, Forbidden) as error:
        form.refuse(_detail(error))
    return None


def _detail(error: Any) -> dict[str, list[str]]:
    return {"detail": [str(error.description)]}
