"""The ways through the console: its sections, of which each sees those that they may use."""

from typing import NamedTuple

from flask import request
from flask_babel import lazy_gettext as _

from notifyhub.console.operations import may


class Section(NamedTuple):
    """A section: the endpoint of its first page, and its name."""

    endpoint: str
    name: str


SECTIONS = (
    Section("console.overview.show", _("Overview")),
    Section("console.campaigns.list_campaigns", _("Campaigns")),
)


def sections() -> list[Section]:
    """Return those that the caller may use."""
    return [section for section in SECTIONS if may(section.endpoint)]


def is_current(section: Section) -> bool:
    """Return whether the page belongs to a section."""
    return (request.endpoint or "").rpartition(".")[0] == section.endpoint.rpartition(".")[0]
