"""The form that filters messages: its fields, with what the page's address says in them."""

from typing import Any, NamedTuple

from flask import request
from flask_babel import gettext as _

from notifyhub.console import account_names, statuses, visible
from notifyhub.console.formats import is_persian
from notifyhub.console.message_search import ACCOUNT
from notifyhub.console.moments import as_written

Choices = list[tuple[str, Any]]


class FilterField(NamedTuple):
    """A field: its name and label, its value, the choices of a select or None, whether it is a rare one."""

    name: str
    label: Any
    value: str
    choices: Choices | None = None
    rare: bool = True
    ltr: bool = False


def filter_fields() -> list[FilterField]:
    """Return the fields but that of the states."""
    given = request.args
    days = [
        FilterField(name, label, as_written(given.get(name, "")), rare=False, ltr=True)
        for name, label in (("created_from", _("From day")), ("created_to", _("To day")))
    ]
    account = f"{given.get('channel', '')}:{given['notifier']}" if given.get("notifier") else ""
    listed = visible.accounts()
    names = account_names.of_accounts(listed)
    accounts: Choices = [
        (f"{one.channel}:{one.id}", f"{names[one.channel, one.id]} ({statuses.CHANNELS[one.channel]})")
        for one in listed
    ]
    if account and account not in dict(accounts):
        accounts.append((account, given["notifier"]))
    yes_or_no: Choices = [("false", _("Real ones")), ("true", _("Those of test tokens"))]
    return [
        FilterField("to", _("Recipient"), given.get("to", ""), rare=False, ltr=True),
        *days,
        FilterField(
            "channel", _("Channel"), given.get("channel", ""), list(statuses.CHANNELS.items()), rare=False
        ),
        FilterField(ACCOUNT, _("Account"), account, accounts),
        FilterField("reference", _("Reference"), given.get("reference", "")),
        FilterField("batch", _("Batch"), given.get("batch", ""), ltr=True),
        FilterField("pattern", _("Pattern's id"), given.get("pattern", ""), ltr=True),
        FilterField("test", _("Test messages"), given.get("test", ""), yes_or_no),
        FilterField("id_min", _("From id"), given.get("id_min", ""), ltr=True),
        FilterField("id_max", _("To id"), given.get("id_max", ""), ltr=True),
    ]


def hidden_filters() -> dict[str, str]:
    """Return the parameters that the form keeps as they are."""
    return {name: request.args[name] for name in ("limit",) if name in request.args}


def filter_in_words() -> list[tuple[Any, str]]:
    """Return what the page's address asks for, as people say it: the fields' names and values."""
    given = request.args.get("status", "").split(",")
    chosen = [str(state.words) for status, state in statuses.MESSAGES.items() if status in given]
    words = [(_("State"), ("، " if is_persian() else ", ").join(chosen))]
    for field in filter_fields():
        value = dict(field.choices).get(field.value, "") if field.choices else field.value
        words.append((field.label, str(value)))
    return [(name, value) for name, value in words if value]
