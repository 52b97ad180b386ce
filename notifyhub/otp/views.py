"""The URLs of one-time passwords, and what they have the delivery do."""

from typing import Any

from flask import Blueprint, Flask, g
from sqlalchemy import Connection

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.http.parsing import body
from notifyhub.api.idempotency import Result
from notifyhub.database.connections import autocommit
from notifyhub.delivery import one_time_codes
from notifyhub.events import publish, subscribe
from notifyhub.messages.events import MessageChanged, MessagesDue
from notifyhub.otp import cancellation, fallback, tasks  # noqa: F401 - the tasks are there with the views
from notifyhub.otp.codes import code_to_send
from notifyhub.otp.issuance import code_to_show, issue
from notifyhub.otp.schemas import (
    IssuedOTPSchema,
    OTPRequestSchema,
    OTPSchema,
    VerificationRequestSchema,
    VerificationSchema,
)
from notifyhub.otp.serializers import read
from notifyhub.otp.verification import verify

blueprint = Blueprint("otp", __name__, url_prefix="/api/notifications/otp")

TAG = "One-time passwords"
NAME = "OTPPermission"
SEND = Permission(7821, NAME, "Send one-time passwords")
VIEW = Permission(7822, NAME, "View one-time passwords")
VERIFY = Permission(7823, NAME, "Verify one-time passwords")
CANCEL = Permission(7824, NAME, "Cancel one-time passwords")

_request, _guess, _issued = OTPRequestSchema(), VerificationRequestSchema(), IssuedOTPSchema()
_shown = {200: OTPSchema()}


def init_app(app: Flask) -> None:
    """Have the delivery ask here for codes, and tell when one could not be sent."""
    one_time_codes.register(app, code_to_send)
    subscribe(MessageChanged, fallback.on_changed)


@blueprint.post("")
@endpoint(
    Endpoint(
        SEND,
        "Send a one-time password",
        TAG,
        body=_request,
        responses={200: _issued, 201: _issued},
        idempotent=True,
        restore=lambda connection, answer: code_to_show(connection, answer, test=g.caller.test),
    )
)
def send(connection: Connection, asked: dict[str, Any]) -> Result:
    """Send a new code (201), or the pending one again (200)."""
    issued = issue(connection, asked, test=g.caller.test)
    status = 201 if issued.is_new else 200
    publish(connection, MessagesDue([issued.message], urgent=True))
    return Result(issued.shown, status, issued.code)


@blueprint.post("/verify")
@endpoint(
    Endpoint(VERIFY, "Verify a one-time password", TAG, body=_guess, responses={200: VerificationSchema()})
)
def check() -> dict[str, Any]:
    """Take a guess."""
    return verify(body(_guess), test=g.caller.test)


@blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a one-time password", TAG, responses=_shown, errors=(404,)))
def show(id: int) -> dict[str, Any]:
    """Give a one-time password, without its code."""
    return read(autocommit(), id, test=g.caller.test)


@blueprint.post("/<id:id>/cancel")
@endpoint(Endpoint(CANCEL, "Cancel a one-time password", TAG, responses=_shown, errors=(404, 409)))
def cancel(id: int) -> dict[str, Any]:
    """Take a pending code back."""
    return cancellation.cancel(autocommit(), id, test=g.caller.test)
