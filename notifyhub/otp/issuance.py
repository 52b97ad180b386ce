"""Issuing: a code is made and sent, or the pending one is sent again, all in one transaction.

1. Lock the recipient, and the client: requests for the same one are served one after the other.
2. Read the latest one-time password for the purpose, and where the rate limits stand.
3. Compose the message. What is wrong with it (400) is raised before a rate limit that is reached (429).
4. Renew the pending one-time password, or store a new one.
5. Store the message.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, null, select, true, update

from notifyhub import instruments
from notifyhub.api.http.errors import throttled
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import after_commit
from notifyhub.messages.models import Channel, Message, MessageStatus
from notifyhub.messages.storage import store_with_code
from notifyhub.otp import rate_limits, rules
from notifyhub.otp.codes import Row, compute_code
from notifyhub.otp.composition import CodeMessage, compose_all
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.otp.rules import Rules
from notifyhub.otp.serializers import COLUMNS, OTPRow, current_status, serialize

NONCE_BYTES = 16

_otps, _messages = table_of(OTP), table_of(Message)

_newest = (
    select(*(_otps.c[name] for name in ("id", "status", "code_len", "expires_at", "resend_at", "created_at")))
    .where(
        _otps.c.recipient == bindparam("recipient"),
        _otps.c.purpose == bindparam("purpose"),
        _otps.c.is_test == bindparam("test"),
    )
    .order_by(_otps.c.id.desc())
    .limit(1)
    .subquery()
)
_carries_newest = and_(
    _messages.c.otp_id == _newest.c.id,
    _messages.c.recipient == bindparam("recipient"),
    _messages.c.created_at >= _newest.c.created_at,
    _messages.c.status == MessageStatus.QUEUED,
)
_one_row = select(null().label("blank")).subquery()
_LATEST = select(
    *_newest.c,
    select(func.max(_messages.c.id)).where(_carries_newest).scalar_subquery().label("queued_message_id"),
    rate_limits.RECIPIENT_LIMIT.scalar_subquery().label("recipient_limit"),
).select_from(_one_row.outerjoin(_newest, true()))
"""The latest one-time password of a recipient for a purpose, or nulls where there is none.

`queued_message_id` is a message of it that no worker has claimed. Each part is found by an index: the
one-time password by ix_otps_latest, the messages by ix_messages_codes.
"""
_LATEST_OF_CLIENT = _LATEST.add_columns(rate_limits.CLIENT_LIMIT.scalar_subquery().label("client_limit"))

_CODE = select(_otps.c.id, _otps.c.nonce, _otps.c.code_len).where(_otps.c.id == bindparam("otp_id"))
_INSERT = insert(_otps).returning(*COLUMNS)
_pending = and_(_otps.c.id == bindparam("otp_id"), _otps.c.status == OTPStatus.PENDING)
_RENEW = (
    update(_otps)
    .where(_pending, _otps.c.expires_at > bindparam("now", type_=_otps.c.expires_at.type))
    .returning(*COLUMNS)
)
_EXPIRE = update(_otps).where(_pending).values(status=OTPStatus.EXPIRED)

# A worker that claims it in this moment is not waited for: then both messages go out.
_still_queued = (
    select(_messages.c.id)
    .where(_messages.c.id == bindparam("message_id"), _messages.c.status == MessageStatus.QUEUED)
    .with_for_update(skip_locked=True)
)
_CANCEL_MESSAGE = (
    update(_messages)
    .where(_messages.c.id.in_(_still_queued))
    .values(status=MessageStatus.CANCELLED, next_attempt_at=None)
)


class Issued(NamedTuple):
    """A one-time password as `OTPSchema` describes it, the code that test tokens get, and its message.

    `is_new` is false where the pending code is sent again.
    """

    response: dict[str, Any]
    code: dict[str, str]
    message_id: int
    is_new: bool


@dataclass(frozen=True)
class OTPRequest:
    """A request; `recipients` are the recipient and the fallback, if there is one, each with its channel."""

    recipients: list[tuple[Channel, str]]
    purpose: str
    client: str | None
    origin: str | None
    test: bool

    @property
    def recipient(self) -> str:
        return self.recipients[0][1]

    @property
    def channels(self) -> set[Channel]:
        return {channel for channel, _ in self.recipients}


def issue(connection: Connection, values: Mapping[str, Any], *, test: bool) -> Issued:
    """Store a code and its message, in a transaction; `values` are a body as `OTPRequestSchema` has read it.

    Raises ValidationError before anything is stored, TooManyRequests if the recipient or client has to wait.
    """
    request = OTPRequest(values["recipients"], values["purpose"], values["client"], values["origin"], test)
    row, message_id, is_new = _issue(connection, request)
    if not test:
        after_commit(lambda: instruments.count_code(row.channel, is_new=is_new))
    return Issued(serialize(row, message_id, now()), _code(row) if test else {}, message_id, is_new)


def code_to_show(connection: Connection, response: Mapping[str, Any], *, test: bool) -> dict[str, str]:
    """Return what a response holds beside what is stored of it: the code, which test tokens get."""
    if not test:
        return {}
    row = connection.execute(_CODE, {"otp_id": response["id"]}).first()
    return _code(row) if row else {}


def _code(row: Row) -> dict[str, str]:
    return {"code": compute_code(row)}


def _issue(connection: Connection, request: OTPRequest) -> tuple[OTPRow, int, bool]:
    """Return the one-time password, its message's id, and whether it is a new one."""
    policy = rules.lock(
        connection, request.recipient, request.channels, test=request.test, client=request.client
    )
    moment = now()
    latest = _latest(connection, request, policy, moment)
    is_pending = latest.id is not None and current_status(latest, moment) == OTPStatus.PENDING
    term = _term(request, policy, moment, latest.code_len if is_pending else policy.code_len)
    message, *_ = compose_all(
        [
            CodeMessage(channel, to, term["code_len"], term["expires_at"], request.origin)
            for channel, to in request.recipients
        ],
        policy,
        moment,
    )
    _check_rate_limits(latest, moment)
    renewed = _renew(connection, latest, term, moment) if is_pending else None
    row = renewed or _insert(connection, request, policy, latest, term, moment)
    message_id = store_with_code(
        connection, message, moment, test=request.test, otp_id=row.id, client=request.client
    )
    return row, message_id, renewed is None


def _latest(connection: Connection, request: OTPRequest, policy: Rules, moment: datetime) -> OTPRow:
    to, test, client = request.recipient, request.test, request.client
    parameters = rate_limits.parameters(policy, to, moment, test=test, client=client)
    statement = _LATEST if client is None else _LATEST_OF_CLIENT
    return connection.execute(statement, {**parameters, "purpose": request.purpose}).one()


def _term(request: OTPRequest, policy: Rules, moment: datetime, code_len: int) -> dict[str, Any]:
    """Return what each request sets, whether its one-time password is a new one or not."""
    (channel, _), *others = request.recipients
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


def _check_rate_limits(latest: OTPRow, moment: datetime) -> None:
    """Raise TooManyRequests while a code may not be sent again, or a rate limit is reached."""
    limits = (latest.recipient_limit, getattr(latest, "client_limit", None))
    until = [latest.resend_at or moment, *(reached + rate_limits.WINDOW for reached in limits if reached)]
    if max(until) > moment:
        raise throttled((max(until) - moment).total_seconds())


def _renew(connection: Connection, latest: OTPRow, term: dict[str, Any], moment: datetime) -> OTPRow | None:
    """Give the pending one-time password a new term; None if it is pending no more."""
    if latest.queued_message_id is not None:
        connection.execute(_CANCEL_MESSAGE, {"message_id": latest.queued_message_id})
    return connection.execute(_RENEW.values(term), {"otp_id": latest.id, "now": moment}).first()


def _insert(
    connection: Connection,
    request: OTPRequest,
    policy: Rules,
    latest: OTPRow,
    term: dict[str, Any],
    moment: datetime,
) -> OTPRow:
    """Store a new one-time password; the latest is stored as expired if it is over and does not say so."""
    if latest.status == OTPStatus.PENDING:
        connection.execute(_EXPIRE, {"otp_id": latest.id})
    values = {
        **term,
        "recipient": request.recipient,
        "purpose": request.purpose,
        "is_test": request.test,
        "status": OTPStatus.PENDING,
        "nonce": secrets.token_bytes(NONCE_BYTES),
        "attempts_left": policy.max_attempts,
        "created_at": moment,
    }
    return connection.execute(_INSERT, values).one()
