"""Commands about users, tokens and permissions."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager, selectinload

from notifyhub.api.endpoint import permissions
from notifyhub.auth import accounts
from notifyhub.auth.models import Role, Token, User
from notifyhub.database.commands import TEXT, Commands
from notifyhub.database.connections import orm_session

users = Commands("users", help="Users, and what they may do.")
tokens = Commands("tokens", help="The tokens that users call the API with.")

ROLE = click.Choice([role.value for role in Role])


def days(text: str) -> timedelta:
    """Return a number of days above 0, fractions too, as a span of time."""
    try:
        return accounts.lifetime(float(text))
    except ValueError:
        words = f"{text} is not a number of days above 0. At most {accounts.MAX_DAYS} are taken."
        raise click.BadParameter(words) from None


@users.command("create")
@click.argument("name")
@click.option("--role", type=ROLE, required=True)
@click.option("--permission", "codes", type=int, multiple=True, help="A permission code; may be repeated.")
def create_user(name: str, role: str, codes: tuple[int, ...]) -> None:
    """Create a user and print their token: it is shown only now."""
    checked = _checked(codes, role)
    try:
        with accounts.changes() as session:
            user = accounts.create_user(session, name, role, checked)
            key = accounts.issue_token(session, user, None, test=False)
    except IntegrityError:
        raise accounts.AccountError(f"There is a user {name} already.") from None
    click.echo(key)


@users.command("list")
def list_users() -> None:
    """List all users: name, role, state, permission codes."""
    with orm_session() as session:
        for user in session.scalars(select(User).order_by(User.name).options(selectinload(User.permissions))):
            codes = ",".join(str(code) for code in user.codes)
            click.echo("\t".join([user.name, user.role, "active" if user.is_active else "inactive", codes]))


@users.command("permit")
@click.argument("name")
@click.argument("codes", type=int, nargs=-1, required=True)
def permit(name: str, codes: tuple[int, ...]) -> None:
    """Give a member of staff permission codes."""
    with accounts.changes() as session:
        user = accounts.find_user(session, name)
        new = _checked(codes, user.role, user.codes)
        accounts.change_user(session, user, codes=new.union(user.codes))


@users.command("forbid")
@click.argument("name")
@click.argument("codes", type=int, nargs=-1, required=True)
def forbid(name: str, codes: tuple[int, ...]) -> None:
    """Take permission codes from a member of staff."""
    taken = _checked(codes)
    with accounts.changes() as session:
        user = accounts.find_user(session, name)
        accounts.change_user(session, user, codes=set(user.codes) - taken)


@users.command("role")
@click.argument("name")
@click.argument("role", type=ROLE)
def change_role(name: str, role: str) -> None:
    """Give a user another role.

    Permission codes stay: they count whenever the role is staff. The last active admin stays one.
    """
    with accounts.changes() as session:
        accounts.change_user(session, accounts.find_user(session, name), role=role)


@users.command("deactivate")
@click.argument("name")
def deactivate(name: str) -> None:
    """Refuse all tokens of a user."""
    with accounts.changes() as session:
        accounts.change_user(session, accounts.find_user(session, name), is_active=False)


@users.command("activate")
@click.argument("name")
def activate(name: str) -> None:
    """Take the tokens of a user again."""
    with accounts.changes() as session:
        accounts.change_user(session, accounts.find_user(session, name), is_active=True)


@users.command("delete")
@click.argument("name")
def delete_user(name: str) -> None:
    """Delete a user for good, with all their tokens and permission codes.

    What they have sent stays. The last active admin is not deleted.
    """
    with accounts.changes() as session:
        user = accounts.find_user(session, name)
        count = accounts.delete_user(session, user)
    click.echo(f"User {name} was deleted. Tokens that were deleted with it: {count}.")


@tokens.command("issue")
@click.argument("name")
@click.option("--expires-in", "lifetime", type=days, metavar="DAYS", help="Fractions are taken too.")
@click.option("--label", help="What it is for, to tell it from others in the list.")
@click.option("--test", is_flag=True, help="What it sends never reaches a provider.")
def issue(name: str, lifetime: timedelta | None, label: str | None, test: bool) -> None:
    """Print a further token of a user: it is shown only now."""
    with accounts.changes() as session:
        user = accounts.find_user(session, name)
        key = accounts.issue_token(session, user, lifetime, test=test, label=label)
    click.echo(key)


@tokens.command("list")
@click.argument("name", required=False)
def list_tokens(name: str | None) -> None:
    """List the tokens of a user, or of all.

    Prefix, user, state, kind, when made, by whom, when it expires, when last used, and the label if it has
    one.
    """
    query = select(Token).join(Token.user).order_by(User.name, Token.id).options(contains_eager(Token.user))
    with orm_session() as session:
        if name is not None:
            query = query.where(Token.user == accounts.find_user(session, name))
        for token in session.scalars(query):
            click.echo("\t".join(_columns(token)))


@tokens.command("revoke")
@click.argument("prefix", type=TEXT)
def revoke(prefix: str) -> None:
    """Revoke the token that begins with PREFIX."""
    with accounts.changes() as session:
        accounts.revoke(session, prefix)


@click.command("permissions")
@with_appcontext
def list_permissions() -> None:
    """List every permission code, its name and what it allows."""
    for permission in permissions(current_app):
        click.echo(f"{permission.code}\t{permission.name}\t{permission.allows}")


def _checked(codes: Iterable[int], role: str = Role.STAFF, held: Iterable[int] = ()) -> frozenset[int]:
    """Return the codes: some operation asks for each, and new ones have an effect in the role."""
    wanted = frozenset(codes)
    if unknown := wanted - {permission.code for permission in permissions(current_app)}:
        raise accounts.AccountError(f"{min(unknown)} is no permission code: see `notifyhub permissions`.")
    if wanted.difference(held) and role != Role.STAFF:
        raise accounts.AccountError("Permission codes are for staff: an admin may do all, a user nothing.")
    return wanted


def _columns(token: Token) -> list[str]:
    columns = [
        token.prefix,
        token.user.name,
        accounts.status(token),
        "test" if token.is_test else "live",
        f"made {_minute(token.created_at)} by {token.created_by}",
        f"expires {_minute(token.expires_at)}",
        f"last used {_minute(token.last_used_at)}",
    ]
    return columns if token.label is None else [*columns, token.label]


def _minute(moment: datetime | None) -> str:
    return "never" if moment is None else moment.strftime("%Y-%m-%dT%H:%MZ")
