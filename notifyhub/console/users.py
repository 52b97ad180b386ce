"""Users and their tokens."""

from typing import Any

from flask import Blueprint, current_app, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from notifyhub.api.endpoint import permissions
from notifyhub.api.resource import or_404
from notifyhub.auth import accounts, user_views
from notifyhub.auth.models import Role
from notifyhub.auth.user_views import users
from notifyhub.console import once
from notifyhub.console.blueprint import page
from notifyhub.console.change_forms import ChangeForm, Number
from notifyhub.console.confirmation import confirm
from notifyhub.console.form_pages import fill_in, say
from notifyhub.console.formats import code
from notifyhub.console.forms import ApiForm, Boxes, Choice, Flag, OptionalText, Text, options
from notifyhub.console.operations import call, list_page, may
from notifyhub.console.rendering import render
from notifyhub.console.translation import api_words
from notifyhub.database.connections import autocommit

blueprint = Blueprint("users", __name__, url_prefix="/users")

HOME = "console.overview.show"
"""The page of those who may see no user."""

ROLES = {
    Role.ADMIN: lazy_gettext("Admin: may do all"),
    Role.STAFF: lazy_gettext("Staff: may do what is ticked below"),
    Role.USER: lazy_gettext("User: may do nothing"),
}
ROLE_NAMES = {
    Role.ADMIN: lazy_gettext("Admin"),
    Role.STAFF: lazy_gettext("Staff"),
    Role.USER: lazy_gettext("User"),
}


class UserForm(ChangeForm):
    """A user. What the boxes say depends on the application: `choose` fills them in."""

    name = Text(lazy_gettext("Name"))
    role = Choice(lazy_gettext("Role"), choices=options(ROLES.items()))
    permissions = Boxes(lazy_gettext("Permissions of staff"), coerce=int, validate_choice=False)
    is_active = Flag(lazy_gettext("Active: tokens of this user are taken"), default=True)

    def choose(self) -> "UserForm":
        """Offer every permission that some operation asks for."""
        self.permissions.choices = options(
            (permission.code, api_words(permission.allows)) for permission in permissions(current_app)
        )
        return self


class TokenForm(ApiForm):
    """A new token."""

    label = OptionalText(lazy_gettext("What it is for"))
    expires_in_days = Number(lazy_gettext("Days that it works"), render_kw={"inputmode": "decimal"})
    test = Flag(lazy_gettext("For tests: what it sends never reaches a provider"))


@blueprint.get("")
@page(users.operations["list"])
def list_users() -> str:
    """List the users."""
    found, wrong = list_page(users.operations["list"])
    return render("users/list.html", page=found, wrong=wrong, roles=ROLE_NAMES)


@blueprint.route("/new", methods=["GET", "POST"])
@page(users.operations["create"])
def create() -> Any:
    """Make a user, who has no token yet."""
    form = UserForm(is_new=True).choose()
    if request.method == "GET":
        form.role.data = Role.STAFF.value
    return fill_in(
        form,
        users.operations["create"],
        show=lambda: render("users/edit.html", form=form, user=None),
        done=lambda made: say(
            _("The user was made. Now issue a token."),
            url_for(".show", id=made["id"]) if may(users.operations["read"]) else url_for(HOME),
        ),
    )


@blueprint.get("/<id:id>")
@page(users.operations["read"])
def show(id: int) -> str:
    """Show a user with the tokens that work."""
    user = call(users.operations["read"], id=id)
    tokens, wrong = list_page(user_views.list_tokens, id=id)
    names = {permission.code: api_words(permission.allows) for permission in permissions(current_app)}
    return render("users/show.html", user=user, page=tokens, wrong=wrong, roles=ROLE_NAMES, names=names)


@blueprint.route("/<id:id>/edit", methods=["GET", "POST"])
@page(users.operations["update"])
def edit(id: int) -> Any:
    """Change a user."""
    user = call(users.operations["read"], id=id)
    form = UserForm(data=user).choose()
    return fill_in(
        form,
        users.operations["update"],
        id=id,
        show=lambda: render("users/edit.html", form=form, user=user),
        done=lambda _user: say(_("The user was saved."), url_for(".show", id=id)),
    )


@blueprint.route("/<id:id>/delete", methods=["GET", "POST"])
@page(users.operations["delete"])
def delete(id: int) -> Any:
    """Delete a user, with their tokens."""
    user = call(users.operations["read"], id=id)
    return confirm(
        lambda: call(users.operations["delete"], id=id),
        title=_("Delete the user"),
        question=_("The user and all their tokens are deleted: programs that use one are refused at once."),
        lines=[user["name"]],
        action=_("Delete"),
        done=_("The user was deleted."),
        back=url_for(".show", id=id),
        target=url_for(".list_users"),
    )


@blueprint.route("/<id:id>/tokens/new", methods=["GET", "POST"])
@page(user_views.issue_token)
def issue(id: int) -> Any:
    """Issue a token; its key is on the page that follows, and on no other."""
    user = call(users.operations["read"], id=id)
    form = TokenForm()
    if once.is_used():
        return once.lead_on(url_for(".show", id=id))

    def show_key(token: Any) -> str:
        once.use()
        return render("users/key.html", token=token, user=user)

    return fill_in(
        form,
        user_views.issue_token,
        id=id,
        show=lambda: render("users/issue.html", form=form, user=user),
        done=show_key,
    )


@blueprint.route("/<id:id>/tokens/<id:token_id>/revoke", methods=["GET", "POST"])
@page(user_views.revoke_token)
def revoke(id: int, token_id: int) -> Any:
    """Refuse a token from now on."""
    user = call(users.operations["read"], id=id)
    token = or_404(accounts.find_working_token(autocommit(), id, token_id))
    return confirm(
        lambda: call(user_views.revoke_token, id=id, token_id=token_id),
        title=_("Revoke the token"),
        question=_("Programs that use this token are refused at once, and whoever has signed in with it."),
        lines=[user["name"], code(f"{token.prefix}…"), *filter(None, [token.label])],
        action=_("Revoke"),
        done=_("The token was revoked."),
        back=url_for(".show", id=id),
        target=url_for(".show", id=id),
    )
