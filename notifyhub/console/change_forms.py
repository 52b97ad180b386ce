"""Forms that change what is stored: what was not changed in them is not sent.

So nobody undoes what somebody else has changed meanwhile, and the audit tells what was meant. A form knows it
by fingerprints of what it showed at first, which come back with it: values that no page shows have none.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from markupsafe import Markup
from wtforms import Field, FormField, HiddenField

from notifyhub.console.forms import ABSENT, ApiForm, Boxes, Lines, Text, body_of
from notifyhub.text.digits import ascii_digits

SPARE_PLACES = 3
"""Empty places that a list of choices has at its end."""

_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?")
_INTEGER, _DECIMAL = re.compile(r"[+-]?[0-9]{1,18}"), re.compile(r"[+-]?[0-9]{1,18}[.][0-9]{1,18}")


_PERSIAN_SEPARATORS = str.maketrans("٫", ".", "٬")


class Number(Text):
    """A number, whose digits may be Persian, and grouped as pages show them; left empty it is null.

    What is none is the API's to refuse.
    """

    def value(self) -> Any:
        """Return what goes into the body."""
        typed = ascii_digits(str(self.data if self.data is not None else ""))
        text = typed.translate(_PERSIAN_SEPARATORS).strip()
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text or None


class Numbers(Lines):
    """A list of numbers, one a line, whose digits may be Persian."""

    def value(self) -> Any:
        return [ascii_digits(line) for line in super().value()]


class Ranking(Field):
    """A list of choices in an order: a numbered choice for each place, and some empty ones behind."""

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.choices = list(choices)

    def process_data(self, value: Any) -> None:
        """Show a list."""
        self.data = [str(one) for one in value or ()]

    def process_formdata(self, values: list[Any]) -> None:
        """Take the places that are not empty."""
        self.data = [str(value) for value in values if value]

    def value(self) -> Any:
        """Return what goes into the body."""
        return self.data

    def widget(self, _field: Field, **attributes: Any) -> Markup:  # type: ignore[override]
        """Return the numbered choices."""
        described = attributes.get("aria-describedby", "")
        places = [*self.data, *[""] * SPARE_PLACES]
        return Markup('<ol class="places" id="{}">{}</ol>').format(
            self.id, Markup().join(self._place(n, chosen, described) for n, chosen in enumerate(places, 1))
        )

    def _place(self, number: int, chosen: str, described: str) -> Markup:
        known = {value for value, _ in self.choices}
        choices = [*self.choices, *([] if chosen in {*known, ""} else [(chosen, f"#{chosen}")])]
        options = Markup().join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if value == chosen else "", words
            )
            for value, words in [("", "–"), *choices]
        )
        return Markup(
            '<li><select name="{}" aria-label="{} {}" aria-describedby="{}">{}</select></li>'
        ).format(self.name, self.label.text, number, described, options)


class ChangeForm(ApiForm):
    """A form that is filled with what is stored, and whose body has what was changed in it alone.

    That of what `is_new` has all.
    """

    shown = HiddenField()

    def __init__(self, *args: Any, is_new: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if is_new:
            self.shown.data = ""
        elif not self.is_submitted():
            prints = {field.name: _fingerprint(field) for field in _leaves(self)}
            self.shown.data = orjson.dumps(prints).decode()

    def document(self) -> dict[str, Any]:
        """Return the body that the form stands for."""
        shown = _read(self.shown.data)
        body = body_of(self, lambda field: shown.get(field.name) != _fingerprint(field))
        return {name: value for name, value in body.items() if value != {}}


def _leaves(form: Any) -> Iterator[Any]:
    for field in form:
        if isinstance(field, FormField):
            yield from _leaves(field.form)
        elif hasattr(field, "value"):
            yield field


def _fingerprint(field: Any) -> str | None:
    value = field.value()
    if isinstance(field, Boxes):  # whose order says nothing: browsers send that of the page
        value = sorted(value)
    return None if value is ABSENT else hashlib.sha256(orjson.dumps(value)).hexdigest()[:16]


def _read(text: str | None) -> dict[str, Any]:
    """Return the fingerprints that a browser has sent; of others than ours none, so that all is sent."""
    try:
        read = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
