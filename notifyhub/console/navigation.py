"""The ways through the console: its sections, of which each sees those that they may use."""

from typing import NamedTuple

from flask import request
from flask_babel import lazy_gettext as _

from notifyhub.api.endpoint import View
from notifyhub.console.channels import KINDS
from notifyhub.console.operations import may


class Section(NamedTuple):
    """A section: the endpoint of its first page, and its name.

    `any_of` are operations of which one suffices to see it, where the page itself does not say who may.
    """

    endpoint: str
    name: str
    any_of: tuple[View, ...] = ()


SECTIONS = (
    Section("console.overview.show", _("Overview")),
    Section("console.messages.list_messages", _("Messages")),
    Section("console.sending.send", _("Send")),
    Section("console.campaigns.list_campaigns", _("Campaigns")),
    Section(
        "console.accounts.list_accounts",
        _("Accounts"),
        any_of=tuple(kind.notifiers.operations["list"] for kind in KINDS),
    ),
    Section("console.webhooks.list_webhooks", _("Webhooks")),
    Section("console.settings.show", _("Settings")),
    Section("console.users.list_users", _("Users")),
    Section("console.audit.list_entries", _("Audit")),
)


def sections() -> list[Section]:
    """Return those that the caller may use."""
    return [section for section in SECTIONS if _is_seen(section)]


def _is_seen(section: Section) -> bool:
    return may(section.endpoint) and (not section.any_of or any(may(one) for one in section.any_of))


def is_current(section: Section) -> bool:
    """Return whether the page belongs to a section: to its blueprint, or one within that."""
    blueprint = section.endpoint.rpartition(".")[0]
    return (request.endpoint or "").startswith(f"{blueprint}.")
