"""Issuing: a code is made and sent, or the pending one is sent again, all in one transaction."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import Connection, Row, exists, insert, null, select, true, update

from notifyhub.api.errors import throttled
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import transaction
from notifyhub.messages.models import Channel, Message
from notifyhub.messages.models import Status as MessageStatus
from notifyhub.messages.signals import announce
from notifyhub.messages.storing import store
from notifyhub.otp import rules
from notifyhub.otp.codes import code_of
from notifyhub.otp.composing import Wanted, compose_all
from notifyhub.otp.models import OTP, Status
from notifyhub.otp.recipients import canonical
from notifyhub.otp.representation import COLUMNS, shown, status_of
from notifyhub.otp.rules import HOUR, Rules

NONCE_BYTES = 16

_otps, _messages = table_of(OTP), table_of(Message)
_nothing = select(null().label("nothing")).subquery()
_INSERT = insert(_otps).returning(*COLUMNS)


class Issued(NamedTuple):
    """A one-time password as the client is shown it, and whether it is a new one."""

    answer: dict[str, Any]
    is_new: bool


def issue(asked: Mapping[str, Any], *, test: bool) -> Issued:
    """Send a code as a request, read by its schema, asks for; test tokens are told it.

    Raises ValidationError before anything is stored, TooManyRequests if the recipient has to wait.
    """
    to, fallback = canonical(asked["channel"], asked["to"]), _fallback(asked)
    with transaction() as session:
        connection = session.connection()
        policy = rules.lock(connection, to, test=test)
        moment = now()
        latest = _latest(connection, policy, to, asked["purpose"], moment, test=test)
        pending = latest.id is not None and status_of(latest, moment) == Status.PENDING
        code_len, expires_at = latest.code_len if pending else policy.code_len, moment + policy.ttl
        wanted = [Wanted(Channel(asked["channel"]), to, code_len, expires_at, asked["origin"])]
        wanted += [Wanted(*one, code_len, expires_at, asked["origin"]) for one in fallback]
        draft, *_ = compose_all(connection, wanted, policy, moment)
        _hold_back(latest, moment)
        values = _requested(asked, fallback, policy, moment)
        row = _renew(connection, latest, values, moment) if pending else None
        is_new = row is None
        if row is None:
            _close(connection, latest)
            row = _make(connection, values, policy, to, asked["purpose"], test=test)
        message = store(connection, draft, moment, test=test, otp_id=row.id)
    announce([message.id], urgent=True)
    told = {"code": code_of(row)} if test else {}
    return Issued({**shown(row, message.id, moment), **told}, is_new)
