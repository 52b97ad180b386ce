"""The URLs of one-time passwords."""

from typing import Any

from flask import Blueprint, g
from sqlalchemy import Connection

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.http.parsing import body
from notifyhub.api.idempotency import IdempotentResult
from notifyhub.database.connections import autocommit
from notifyhub.events import publish
from notifyhub.messages.events import MessagesDue
from notifyhub.otp import cancellation
from notifyhub.otp.issuance import code_to_show, issue
from notifyhub.otp.pages import listing
from notifyhub.otp.schemas import (
    IssuedOTPSchema,
    OTPRequestSchema,
    OTPSchema,
    VerificationRequestSchema,
    VerificationSchema,
)
from notifyhub.otp.serializers import read_otp
from notifyhub.otp.verification import verify

blueprint = Blueprint("otp", __name__, url_prefix="/api/notifications/otp")

TAG = "One-time passwords"
NAME = "OTPPermission"
SEND = Permission(7821, NAME, "Send one-time passwords")
VIEW = Permission(7822, NAME, "View one-time passwords")
VERIFY = Permission(7823, NAME, "Verify one-time passwords")
CANCEL = Permission(7824, NAME, "Cancel one-time passwords")

EXAMPLES = {
    "A code by SMS": {
        "to": "09121234567",
        "client": "203.0.113.7",
        "origin": "https://example.com",
        "fallback": {"channel": "email", "to": "customer@example.com"},
    },
    "A code by email": {"channel": "email", "to": "customer@example.com"},
}
GUESSES = {
    "Of a recipient": {"to": "09121234567", "code": "12345"},
    "Of an id": {"id": 1, "code": "12345"},
}

_request, _guess, _issued = OTPRequestSchema(), VerificationRequestSchema(), IssuedOTPSchema()
_responses = {200: OTPSchema()}


@blueprint.post("")
@endpoint(
    Endpoint(
        SEND,
        "Send a one-time password",
        TAG,
        body=_request,
        responses={200: _issued, 201: _issued},
        examples=EXAMPLES,
        idempotent=True,
        restore=lambda connection, response: code_to_show(connection, response, test=g.caller.test),
    )
)
def send(connection: Connection, values: dict[str, Any]) -> IdempotentResult:
    """Send a new code (201), or the pending one again (200)."""
    issued = issue(connection, values, test=g.caller.test)
    status = 201 if issued.is_new else 200
    publish(connection, MessagesDue([issued.message_id], urgent=True))
    return IdempotentResult(issued.response, status, issued.code)


@blueprint.post("/verify")
@endpoint(
    Endpoint(
        VERIFY,
        "Verify a one-time password",
        TAG,
        body=_guess,
        responses={200: VerificationSchema()},
        examples=GUESSES,
    )
)
def check() -> dict[str, Any]:
    """Take a guess."""
    return verify(body(_guess), test=g.caller.test)


@blueprint.get("")
@endpoint(
    Endpoint(
        VIEW,
        "List one-time passwords",
        TAG,
        query=listing.query,
        responses={200: listing.response},
        errors=(404,),
    )
)
def list_otps() -> dict[str, Any]:
    """Give a page of the list."""
    return listing.page(is_test=g.caller.test)


@blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a one-time password", TAG, responses=_responses, errors=(404,)))
def show(id: int) -> dict[str, Any]:
    """Give a one-time password, without its code."""
    return read_otp(autocommit(), id, test=g.caller.test)


@blueprint.post("/<id:id>/cancel")
@endpoint(Endpoint(CANCEL, "Cancel a one-time password", TAG, responses=_responses, errors=(404, 409)))
def cancel(id: int) -> dict[str, Any]:
    """Take a pending code back."""
    return cancellation.cancel(autocommit(), id, test=g.caller.test)
