"""Accounts at SMS providers and mail servers."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from notifyhub.console.account_forms import (
    EmailAccountForm,
    NewEmailAccountForm,
    UnservedAccountForm,
    further_settings,
    line_of,
    setting_facts,
    sms_account_form,
)
from notifyhub.console.account_state import health_line, roles
from notifyhub.console.blueprint import SIGNED_IN, page
from notifyhub.console.change_forms import ChangeForm
from notifyhub.console.channels import EMAIL, KINDS, SMS, Kind, page_of_each
from notifyhub.console.confirmation import confirm
from notifyhub.console.form_pages import fill_in, say
from notifyhub.console.formats import number, sentence
from notifyhub.console.operations import call, list_page, may
from notifyhub.console.rendering import render
from notifyhub.database.connections import autocommit
from notifyhub.messages.usage import count_of_notifier
from notifyhub.notifiers.names import name_of
from notifyhub.notifiers.provider_settings import merged_settings
from notifyhub.patterns.names import count_of, newest
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import sms_provider_names

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")

SHOWN_PATTERNS = 10
COUNTED_MESSAGES = 10_000


@blueprint.get("")
@page(SIGNED_IN)
def list_accounts() -> str:
    """Give the list of the first channel whose accounts the caller may see."""
    kinds = [kind for kind in KINDS if may(kind.notifiers.operations["list"])]
    return _list(kinds[0]) if kinds else abort(403)


@page_of_each(blueprint, "", lambda kind: kind.notifiers.operations["list"])
def list_of(kind: Kind) -> str:
    """Give the list of a channel's accounts."""
    return _list(kind)


def _list(kind: Kind) -> str:
    accounts, wrong = list_page(kind.notifiers.operations["list"])
    return render(
        "accounts/list.html",
        kind=kind,
        tabs=[one.channel for one in KINDS if may(one.notifiers.operations["list"])],
        page=accounts,
        wrong=wrong,
        roles=roles(kind),
        providers=sms_provider_names(),
        line_of=line_of,
    )


@page_of_each(blueprint, "/<id:id>", lambda kind: kind.notifiers.operations["read"])
def show(kind: Kind, id: int) -> str:
    """Give an account's page."""
    return _page(kind, id)


def _page(kind: Kind, id: int, found: Any = None) -> str:
    account = call(kind.notifiers.operations["read"], id=id)
    sees_patterns = may(kind.patterns.operations["list"])
    return render(
        "accounts/show.html",
        kind=kind,
        account=account,
        settings=setting_facts(account) if kind is SMS else [],
        found=found,
        line=health_line(kind, id),
        patterns=newest(autocommit(), kind.pattern_model, id, SHOWN_PATTERNS) if sees_patterns else [],
        pattern_count=count_of(autocommit(), kind.pattern_model, id) if sees_patterns else 0,
        roles=roles(kind).get(id, []),
    )


@page_of_each(blueprint, "/<id:id>/check", lambda kind: kind.check, "POST")
def check(kind: Kind, id: int) -> str:
    """Have an account checked at its provider, and show what came of it above the account."""
    found = call(kind.check, id=id)
    if not may(kind.notifiers.operations["read"]):
        abort(403)
    return _page(kind, id, found)


@page_of_each(blueprint, "/new", lambda kind: kind.notifiers.operations["create"], "GET", "POST")
def create(kind: Kind) -> Any:
    """Give the form of a new account, at the provider that the query names, or store what it says."""
    backend = request.args.get("backend") or sms_provider_names()[0]
    try:
        form = (
            NewEmailAccountForm(use_tls=True, is_new=True)
            if kind is EMAIL
            else sms_account_form(backend, None)
        )
    except UnknownProvider:
        abort(404)
    with merged_settings():
        return fill_in(
            form,
            kind.notifiers.operations["create"],
            show=lambda: _form_page(kind, form, backend),
            done=lambda made: say(_("The account was created."), _url(kind, made["id"])),
        )


@page_of_each(blueprint, "/<id:id>/edit", lambda kind: kind.notifiers.operations["update"], "GET", "POST")
def edit(kind: Kind, id: int) -> Any:
    """Give the form of an account, or store what was changed in it: a secret that is left empty stays."""
    account = call(kind.notifiers.operations["read"], id=id)
    backend = request.args.get("backend") or account.get("backend", "")
    form = _filled_form(kind, backend, account)
    with merged_settings():
        return fill_in(
            form,
            kind.notifiers.operations["update"],
            id=id,
            show=lambda: _form_page(kind, form, backend, account),
            done=lambda _account: say(_("The account was saved."), _url(kind, id)),
        )


def _filled_form(kind: Kind, backend: str, account: dict[str, Any]) -> ChangeForm:
    if kind is EMAIL:
        return EmailAccountForm(data=account)
    try:
        return sms_account_form(backend, account)
    except UnknownProvider:
        return UnservedAccountForm(data=account) if backend == account["backend"] else abort(404)


def _form_page(kind: Kind, form: ChangeForm, backend: str, account: dict[str, Any] | None = None) -> str:
    providers = sms_provider_names() if kind is SMS else []
    moves = account is not None and backend != account.get("backend", "")
    return render(
        "accounts/form.html",
        kind=kind,
        form=form,
        backend=backend,
        account=account,
        providers=providers,
        back=_url(kind, account["id"] if account else None),
        kept=further_settings(backend, account.get("settings")) if account and not moves else [],
        moves=moves,
    )


@page_of_each(blueprint, "/<id:id>/delete", lambda kind: kind.notifiers.operations["delete"], "GET", "POST")
def delete(kind: Kind, id: int) -> Any:
    """Ask once, naming what goes with the account, and delete it."""
    name = name_of(autocommit(), kind.notifiers.model, id)
    return confirm(
        lambda: call(kind.notifiers.operations["delete"], id=id),
        title=sentence(_("Delete the account %(name)s"), name=name),
        question=sentence(_("Do you want to delete the account “%(name)s”?"), name=name),
        lines=list(_what_goes(kind, id)),
        action=_("Delete the account"),
        done=_("The account was deleted."),
        back=_url(kind, id),
        target=_url(kind),
    )


def _what_goes(kind: Kind, id: int) -> Iterator[str]:
    """Say what is deleted with an account, and what stays."""
    count = count_of(autocommit(), kind.pattern_model, id)
    if count:
        yield ngettext(
            "%(count)s pattern is deleted with it.",
            "%(count)s patterns are deleted with it.",
            count,
            count=number(count),
        )
    messages = count_of_notifier(autocommit(), kind.channel, id, COUNTED_MESSAGES)
    if messages >= COUNTED_MESSAGES:
        yield _("Its messages, more than %(count)s, stay readable.", count=number(COUNTED_MESSAGES))
    elif messages:
        yield ngettext(
            "Its %(count)s message stays readable.",
            "Its %(count)s messages stay readable.",
            messages,
            count=number(messages),
        )
    yield _("This can't be undone.")


def _url(kind: Kind, id: int | None = None) -> str:
    """Return the address of an account, or of the list; that of the first page to who may not see them."""
    if not may(kind.notifiers.operations["list"]):
        return url_for("console.overview.show")
    return url_for(f".list_of_{kind.channel}") if id is None else url_for(f".show_{kind.channel}", id=id)
