"""Placeholders in a pattern's body, and the arguments that fill them.

`{0}`, `{1}`, … are positional (MeliPayamak's form), `%name%` is named (IPPanel's form, EDGE
docs/pattern/create-pattern.md). A name is made of letters and digits of any script, `_`, and the zero-width
non-joiner of Persian words after its first character; it is not digits alone, so that the percentages in
"10%20%" stay text. Mails have positional ones alone.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Self

from notifyhub.text.digits import ascii_digits
from notifyhub.text.letters import persian_letters
from notifyhub.text.truncation import MAX_QUOTED_CHARACTERS, truncate

_NUMBER, _NAME = r"\{(?P<number>\d+)\}", r"%(?!\d+%)(?P<name>\w[\w\u200c]*)%"
_POSITIONAL, _PLACEHOLDER = re.compile(_NUMBER), re.compile(f"{_NUMBER}|{_NAME}")

_MAX_NAMED_IN_ERROR = 100


class InvalidArguments(ValueError):
    """The arguments do not fill the placeholders; its words are for the client."""


@dataclass(frozen=True)
class Placeholder:
    """One placeholder of a body, equal to another spelling of itself.

    `key` is what it is known by: the number in ASCII digits without leading zeros, or the name in Persian
    letters and ASCII digits. `spelling` is the key of a positional one and the exact name of a named one.
    """

    key: str
    spelling: str = field(compare=False)

    @property
    def is_positional(self) -> bool:
        """Whether it is a number in braces."""
        return self.key.isdecimal()

    def __str__(self) -> str:
        """Return it as a body has it."""
        return f"{{{self.key}}}" if self.is_positional else f"%{self.spelling}%"


@dataclass(frozen=True)
class Template:
    """A parsed body: its literal texts and placeholders, in order."""

    pieces: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, body: str, *, named: bool = True) -> Self:
        """Parse `body`. Every text is a template: what is no placeholder is literal.

        Where no `named` ones are taken, `%name%` is literal, too.
        """
        pieces: list[str | Placeholder] = []
        end = 0
        for match in (_PLACEHOLDER if named else _POSITIONAL).finditer(body):
            pieces += body[end : match.start()], _placeholder(match)
            end = match.end()
        return cls((*pieces, body[end:]))

    @cached_property
    def literal_length(self) -> int:
        """The number of characters outside of placeholders."""
        return sum(len(piece) for piece in self.pieces if isinstance(piece, str))

    @cached_property
    def occurrences(self) -> Mapping[Placeholder, int]:
        """How often each placeholder appears."""
        return Counter(piece for piece in self.pieces if isinstance(piece, Placeholder))

    @cached_property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The distinct placeholders, in the order of their first appearance."""
        return tuple(self.occurrences)

    @cached_property
    def list_order(self) -> tuple[Placeholder, ...]:
        """The distinct placeholders in the order in which a list fills them.

        Positional ones by their number, then named ones as they first appear: item i fills `{i}`, and where
        numbers are left out, as in "{1} {2}", the items fill those that there are.
        """
        positional = [placeholder for placeholder in self.placeholders if placeholder.is_positional]
        named = [placeholder for placeholder in self.placeholders if not placeholder.is_positional]
        return (*sorted(positional, key=lambda placeholder: (len(placeholder.key), placeholder.key)), *named)

    def fill(self, args: object) -> "FilledTemplate":
        """Give every placeholder its value.

        `args` is a list with one item for each of `list_order`, or a mapping from each name, for bodies
        without positional placeholders; names match in Persian or Arabic letters and digits of any script.
        Values are strings, taken as they are, or numbers, taken as their text. Raise `InvalidArguments` when
        a placeholder is left without a value, a value without a placeholder, or a value is something else.
        """
        if isinstance(args, Mapping):
            values = self._from_mapping(args)
        elif isinstance(args, list | tuple):
            values = self._from_list(args)
        else:
            raise InvalidArguments("Arguments must be a list or an object.")
        return FilledTemplate(
            self, {placeholder: _text(placeholder, value) for placeholder, value in values.items()}
        )

    def _from_list(self, args: Sequence[object]) -> dict[Placeholder, object]:
        if len(args) != len(self.list_order):
            raise InvalidArguments(_mismatch(self.list_order, len(args)))
        return dict(zip(self.list_order, args, strict=True))

    def _from_mapping(self, args: Mapping[str, object]) -> dict[Placeholder, object]:
        if positional := [placeholder for placeholder in self.list_order if placeholder.is_positional]:
            raise InvalidArguments(f"{_enumerate(positional)} must be filled by a list, not by an object.")
        values: dict[Placeholder, object] = {}
        for name, value in args.items():
            placeholder = Placeholder(_key(name), name)
            if placeholder in values:
                raise InvalidArguments(f"{_enumerate([placeholder])} is given twice.")
            values[placeholder] = value
        if missing := [placeholder for placeholder in self.placeholders if placeholder not in values]:
            raise InvalidArguments(f"No value is given for {_enumerate(missing)}.")
        known = set(self.placeholders)
        if unknown := [placeholder.spelling for placeholder in values if placeholder not in known]:
            raise InvalidArguments(f"The body has no placeholder named {_enumerate(unknown)}.")
        return values


@dataclass(frozen=True)
class FilledTemplate:
    """A template with a text for each of its placeholders; the texts, maybe secret, are not in its repr."""

    template: Template
    values: Mapping[Placeholder, str] = field(repr=False)

    @property
    def text(self) -> str:
        """The body with the values in place; what a value holds is never expanded."""
        return "".join(
            self.values[piece] if isinstance(piece, Placeholder) else piece for piece in self.template.pieces
        )

    @property
    def length(self) -> int:
        """The number of characters of `text`, known without making it: it may be far longer than its body."""
        repeated = self.template.occurrences.items()
        return self.template.literal_length + sum(count * len(self.values[each]) for each, count in repeated)

    def as_list(self) -> list[str]:
        """Return the values in `list_order`, as providers of positional patterns take them."""
        return [self.values[placeholder] for placeholder in self.template.list_order]

    def as_mapping(self) -> dict[str, str]:
        """Return the values by the names in the body's own spelling, as providers of named ones take them.

        A positional placeholder goes by its number in ASCII digits. A name that the body spells in two ways
        is there in both.
        """
        pieces = self.template.pieces
        return {piece.spelling: self.values[piece] for piece in pieces if isinstance(piece, Placeholder)}

    def carry_to(self, template: Template) -> "FilledTemplate":
        """Fill another template with these values.

        The placeholders of both stand for each other by key where both have the same ones, else in the order
        of their first appearance. Raise `InvalidArguments` if there are not as many in both.
        """
        own, other = self.template.placeholders, template.placeholders
        if len(own) != len(other):
            raise InvalidArguments(_mismatch(other, len(own)))
        if set(own) == set(other):
            return FilledTemplate(template, self.values)
        values = (self.values[placeholder] for placeholder in own)
        return FilledTemplate(template, dict(zip(other, values, strict=True)))


def _placeholder(match: re.Match[str]) -> Placeholder:
    if name := match.groupdict().get("name"):
        return Placeholder(_key(name), name)
    number = ascii_digits(match["number"]).lstrip("0") or "0"
    return Placeholder(number, number)


def _key(name: str) -> str:
    return ascii_digits(persian_letters(name))


def _text(placeholder: Placeholder, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidArguments(f"The value of {_enumerate([placeholder])} must be a string or a number.")
    return str(value)


def _mismatch(placeholders: Sequence[Placeholder], given: int) -> str:
    needed = f"{len(placeholders)} ({_enumerate(placeholders)})" if placeholders else "none"
    return f"Arguments needed: {needed}; given: {given}."


def _enumerate(names: Iterable[object]) -> str:
    return ", ".join(
        truncate(str(name), MAX_QUOTED_CHARACTERS) for name in islice(names, _MAX_NAMED_IN_ERROR)
    )
