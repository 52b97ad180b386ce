"""A mail with placeholders: subject, text and HTML, which one list of arguments fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Self

from notifyhub.text.lines import as_line
from notifyhub.text.placeholders import FilledTemplate, InvalidArguments, Placeholder, Template


@dataclass(frozen=True)
class MailTemplate:
    """A parsed mail. Its placeholders are positional, and numbered over all its parts."""

    subject: Template
    text: Template
    html: Template | None

    @classmethod
    def parse(cls, subject: str, text: str, html: str | None) -> Self:
        """Parse the parts of a mail; one whose HTML is empty has none."""
        return cls(
            Template.parse(subject, named=False),
            Template.parse(text, named=False),
            Template.parse(html, named=False) if html else None,
        )

    @property
    def pieces(self) -> tuple[str | Placeholder, ...]:
        """The literal texts and placeholders of all parts."""
        return self._whole.pieces

    @property
    def list_order(self) -> tuple[Placeholder, ...]:
        """The distinct placeholders of all parts, in the order in which a list fills them."""
        return self._whole.list_order

    def fill(self, args: object) -> dict[str, FilledTemplate]:
        """Return the parts by name: `subject`, `text`, and `html` if there is any.

        Values are HTML-escaped in `html`, and in `subject` of one line, so that none begins another header.
        Raise `InvalidArguments` unless `args` is a list with one item for each placeholder.
        """
        if not isinstance(args, Sequence) or isinstance(args, str):
            raise InvalidArguments("Arguments must be a list: a mail's placeholders are positional.")
        values = self._whole.fill(args).values
        in_line = {placeholder: as_line(value) for placeholder, value in values.items()}
        filled = {
            "subject": FilledTemplate(self.subject, in_line),
            "text": FilledTemplate(self.text, values),
        }
        if self.html:
            escaped = {placeholder: escape(value) for placeholder, value in values.items()}
            filled["html"] = FilledTemplate(self.html, escaped)
        return filled

    @cached_property
    def _whole(self) -> Template:
        parts = (self.subject, self.text, self.html)
        return Template(tuple(piece for part in parts if part for piece in part.pieces))
