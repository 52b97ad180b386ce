"""Issuing: a code is made and sent, or the pending one is sent again, all in one transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, null, select, true, update

from notifyhub.api.http.errors import throttled
from notifyhub.database.base import now, table_of
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.messages.storage import insertion_with_code, store_with_code, values_with_code
from notifyhub.otp import rules
from notifyhub.otp.codes import Row, code_of
from notifyhub.otp.composition import Wanted, compose_all
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.rules import CLIENT_CROWDED, CROWDED, HOUR, Rules
from notifyhub.otp.serializers import COLUMNS, OTPRow, shown, status_of

NONCE_BYTES = 16

_otps, _messages = table_of(OTP), table_of(Message)

_none = select(null().label("blank")).subquery()
_newest = (
    select(*(_otps.c[name] for name in ("id", "status", "code_len", "expires_at", "resend_at", "created_at")))
    .where(
        _otps.c.recipient == bindparam("to"),
        _otps.c.purpose == bindparam("for_purpose"),
        _otps.c.is_test == bindparam("test"),
    )
    .order_by(_otps.c.id.desc())
    .limit(1)
    .subquery()
)
_carries_it = and_(
    _messages.c.otp_id == _newest.c.id,
    _messages.c.recipient == bindparam("to"),
    _messages.c.created_at >= _newest.c.created_at,
    _messages.c.status == MessageStatus.QUEUED,
)
_LATEST = select(
    *_newest.c,
    select(func.max(_messages.c.id)).where(_carries_it).scalar_subquery().label("waiting"),
    CROWDED.scalar_subquery().label("crowded"),
).select_from(_none.outerjoin(_newest, true()))
"""The latest one-time password of a recipient for a purpose, or nulls where there is none.

`waiting` is a message of it that no worker has taken up, `crowded` as in `rules`.
"""
_LATEST_OF_CLIENT = _LATEST.add_columns(CLIENT_CROWDED.scalar_subquery().label("client_crowded"))

_CODE = select(_otps.c.id, _otps.c.nonce, _otps.c.code_len).where(_otps.c.id == bindparam("this"))
_INSERT = insert(_otps).returning(*COLUMNS)
_given: dict[str, Any] = {name: bindparam(f"otp_{name}") for name in _otps.c.keys() if name != "id"}  # noqa: SIM118 - no dict
_made = insert(_otps).values(_given).returning(*COLUMNS).cte("made")
_stored = insertion_with_code(_made)
_INSERT_BOTH = select(_made, _stored.c.id.label("message")).select_from(_made.join(_stored, true()))
"""The one-time password and its message in one statement, where the database can: it saves a round trip."""
_RENEW = (
    update(_otps)
    .where(
        _otps.c.id == bindparam("this"),
        _otps.c.status == OTPStatus.PENDING,
        _otps.c.expires_at > bindparam("at", type_=_otps.c.expires_at.type),
    )
    .returning(*COLUMNS)
)
_EXPIRE = (
    update(_otps)
    .where(_otps.c.id == bindparam("this"), _otps.c.status == OTPStatus.PENDING)
    .values(status=OTPStatus.EXPIRED)
)

# A worker that takes it up in this moment is not waited for: then both go out.
_still_waiting = (
    select(_messages.c.id)
    .where(_messages.c.id == bindparam("message"), _messages.c.status == MessageStatus.QUEUED)
    .with_for_update(skip_locked=True)
)
_CANCEL = (
    update(_messages)
    .where(_messages.c.id.in_(_still_waiting))
    .values(status=MessageStatus.CANCELLED, next_attempt_at=None)
)


class Issued(NamedTuple):
    """A one-time password as the client is shown it, the code that test tokens are told, and how it is sent.

    `message` is the id of the message that is due; `is_new` tells a new code from one that is sent again.
    """

    shown: dict[str, Any]
    code: dict[str, str]
    message: int
    is_new: bool


@dataclass(frozen=True)
class Request:
    """A request; `reached` holds the recipient and the fallback, if there is one, each with its channel."""

    reached: list[tuple[Channel, str]]
    purpose: str
    client: str | None
    origin: str | None
    test: bool

    @property
    def to(self) -> str:
        return self.reached[0][1]


def issue(connection: Connection, asked: Mapping[str, Any], *, test: bool) -> Issued:
    """Store a code and its message, in a transaction; `asked` is a body as its schema has read it.

    Raises ValidationError before anything is stored, TooManyRequests if the recipient or client has to wait.
    """
    request = Request(asked["reached"], asked["purpose"], asked["client"], asked["origin"], test)
    row, message, is_new = _issue(connection, request)
    return Issued(shown(row, message, now()), _code(row) if test else {}, message, is_new)


def code_to_show(connection: Connection, answer: Mapping[str, Any], *, test: bool) -> dict[str, str]:
    """Return what an answer holds beside what is stored of it: the code, which test tokens are shown."""
    if not test:
        return {}
    row = connection.execute(_CODE, {"this": answer["id"]}).first()
    return _code(row) if row else {}


def _code(row: Row) -> dict[str, str]:
    return {"code": code_of(row)}


def _issue(connection: Connection, request: Request) -> tuple[OTPRow, int, bool]:
    """Make or renew the one-time password, and store its message; tell whether it is a new one."""
    policy = rules.lock(connection, request.to, test=request.test, client=request.client)
    moment = now()
    crowd = rules.crowd(policy, request.to, moment, test=request.test, client=request.client)
    statement = _LATEST if request.client is None else _LATEST_OF_CLIENT
    latest = connection.execute(statement, {"for_purpose": request.purpose, **crowd}).one()
    pending = latest.id is not None and status_of(latest, moment) == OTPStatus.PENDING
    values = _values(request, policy, moment, latest.code_len if pending else policy.code_len)
    wanted = [
        Wanted(*one, values["code_len"], values["expires_at"], request.origin) for one in request.reached
    ]
    draft, *_ = compose_all(wanted, policy, moment)
    _hold_back(latest, moment)

    def store(otp_id: int) -> int:
        test, client = request.test, request.client
        return store_with_code(connection, draft, moment, test=test, otp_id=otp_id, client=client)

    if pending and (row := _renew(connection, latest, values, moment)):
        return row, store(row.id), False
    if latest.status == OTPStatus.PENDING:
        connection.execute(_EXPIRE, {"this": latest.id})
    values |= _new(request, policy, moment)
    if connection.dialect.name == "postgresql":
        both = {f"otp_{name}": value for name, value in values.items()}
        both |= values_with_code(draft, moment, test=request.test, client=request.client)
        row = connection.execute(_INSERT_BOTH, both).one()
        return row, row.message, True
    row = connection.execute(_INSERT, values).one()
    return row, store(row.id), True


def _values(request: Request, policy: Rules, moment: datetime, code_len: int) -> dict[str, Any]:
    """Return what each request sets, whether its one-time password is a new one or not."""
    (channel, _), *others = request.reached
    fallback_channel, fallback_to = others[0] if others else (None, None)
    return {
        "channel": channel,
        "origin": request.origin,
        "fallback_channel": fallback_channel,
        "fallback_to": fallback_to,
        "fallback_used": False,
        "code_len": code_len,
        "expires_at": moment + policy.ttl,
        "resend_at": moment + policy.cooldown,
        "updated_at": moment,
    }


def _hold_back(latest: OTPRow, moment: datetime) -> None:
    """Raise TooManyRequests if a recipient has to wait, for a purpose or for all, or a client."""
    crowded = (latest.crowded, getattr(latest, "client_crowded", None))
    until = [latest.resend_at or moment, *(sent + HOUR for sent in crowded if sent)]
    if max(until) > moment:
        raise throttled((max(until) - moment).total_seconds())


def _renew(connection: Connection, latest: OTPRow, values: dict[str, Any], moment: datetime) -> OTPRow | None:
    """Give the pending one-time password a new term; None if it is pending no more."""
    if latest.waiting is not None:
        connection.execute(_CANCEL, {"message": latest.waiting})
    return connection.execute(_RENEW.values(values), {"this": latest.id, "at": moment}).first()


def _new(request: Request, policy: Rules, moment: datetime) -> dict[str, Any]:
    """Return what only a new one-time password is given."""
    return {
        "recipient": request.to,
        "purpose": request.purpose,
        "is_test": request.test,
        "status": OTPStatus.PENDING,
        "nonce": secrets.token_bytes(NONCE_BYTES),
        "attempts_left": policy.max_attempts,
        "created_at": moment,
    }
