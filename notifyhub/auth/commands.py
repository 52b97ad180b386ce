"""Commands about users, tokens and permissions."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import contains_eager, selectinload

from notifyhub.api.endpoint import permissions
from notifyhub.auth import accounts
from notifyhub.auth.models import Role, Token, User
from notifyhub.database.base import now
from notifyhub.database.commands import Commands
from notifyhub.database.connections import orm_session

users = Commands("users", help="Users, and what they may do.")
tokens = Commands("tokens", help="The tokens that users call the API with.")

ROLE = click.Choice([role.value for role in Role])


def days(text: str) -> timedelta:
    """Return a number of days above 0, fractions too, as a span of time."""
    try:
        lifetime = timedelta(days=float(text))
        _ = now() + lifetime
    except (ValueError, OverflowError):
        lifetime = timedelta()
    if lifetime <= timedelta():
        raise click.BadParameter(f"{text} is not a number of days above 0.")
    return lifetime


@users.command("create")
@click.argument("name")
@click.option("--role", type=ROLE, required=True)
@click.option("--permission", "codes", type=int, multiple=True, help="A permission code; may be repeated.")
def create_user(name: str, role: str, codes: tuple[int, ...]) -> None:
    """Create a user and print their token: it is shown only now."""
    with orm_session() as session:
        key = accounts.create_user(session, name, Role(role), _checked(codes))
    click.echo(key)


@users.command("list")
def list_users() -> None:
    """List all users: name, role, state, permission codes."""
    with orm_session() as session:
        for user in session.scalars(select(User).order_by(User.name).options(selectinload(User.permissions))):
            codes = ",".join(str(permission.code) for permission in user.permissions)
            click.echo("\t".join([user.name, user.role, "active" if user.is_active else "inactive", codes]))


@users.command("permit")
@click.argument("name")
@click.argument("codes", type=int, nargs=-1, required=True)
def permit(name: str, codes: tuple[int, ...]) -> None:
    """Give a member of staff permission codes."""
    with orm_session() as session:
        accounts.permit(accounts.find_user(session, name), _checked(codes))


@users.command("forbid")
@click.argument("name")
@click.argument("codes", type=int, nargs=-1, required=True)
def forbid(name: str, codes: tuple[int, ...]) -> None:
    """Take permission codes from a member of staff."""
    with orm_session() as session:
        accounts.forbid(accounts.find_user(session, name), _checked(codes))


@users.command("role")
@click.argument("name")
@click.argument("role", type=ROLE)
def change_role(name: str, role: str) -> None:
    """Give a user another role.

    Permission codes stay: they count whenever the role is staff. The last active admin stays one.
    """
    with orm_session() as session:
        accounts.change_role(session, accounts.find_user(session, name), Role(role))


@users.command("deactivate")
@click.argument("name")
def deactivate(name: str) -> None:
    """Refuse all tokens of a user."""
    with orm_session() as session:
        accounts.find_user(session, name).is_active = False


@users.command("activate")
@click.argument("name")
def activate(name: str) -> None:
    """Take the tokens of a user again."""
    with orm_session() as session:
        accounts.find_user(session, name).is_active = True


@users.command("delete")
@click.argument("name")
def delete_user(name: str) -> None:
    """Delete a user for good, with all their tokens and permission codes.

    What they have sent stays. The last active admin is not deleted.
    """
    with orm_session() as session:
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
    with orm_session() as session:
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
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Revoke the token that begins with PREFIX."""
    with orm_session() as session:
        accounts.revoke(session, prefix)


@click.command("permissions")
@with_appcontext
def list_permissions() -> None:
    """List every permission code, its name and what it allows."""
    for permission in permissions(current_app):
        click.echo(f"{permission.code}\t{permission.name}\t{permission.allows}")


def _checked(codes: Iterable[int]) -> set[int]:
    """Return the codes, all of which some operation asks for."""
    wanted = set(codes)
    if unknown := wanted - {permission.code for permission in permissions(current_app)}:
        raise accounts.AccountError(f"{min(unknown)} is no permission code: see `notifyhub permissions`.")
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
