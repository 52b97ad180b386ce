"""The log-in at a mail server (RFC 4954): user names and passwords are UTF-8 (RFC 4616), in smtplib ASCII."""

import hmac
import smtplib
from base64 import b64decode, b64encode
from collections.abc import Callable

MAX_CHALLENGES = 5  # more than any mechanism has

Responses = tuple[bytes | None, Callable[[bytes], bytes]]
"""The initial response, if there is one, and the answer to a challenge."""


def log_in(session: smtplib.SMTP, username: str, password: str) -> None:
    """Log in by the first mechanism that the server offers and that succeeds.

    Raises SMTPAuthenticationError with the last refusal, SMTPNotSupportedError if no mechanism is offered.
    """
    offered = session.esmtp_features.get("auth", "").upper().split()
    refusal: smtplib.SMTPException = smtplib.SMTPNotSupportedError("The mail server offers no log-in.")
    for mechanism, responses in MECHANISMS.items():
        if mechanism not in offered:
            continue
        code, words = _converse(session, mechanism, *responses(username.encode(), password.encode()))
        if code in {235, 503}:  # 503: logged in already
            return
        refusal = smtplib.SMTPAuthenticationError(code, words)
        if code < 500:  # not now, by whatever mechanism
            break
    raise refusal


def _converse(
    session: smtplib.SMTP, mechanism: str, initial: bytes | None, respond: Callable[[bytes], bytes]
) -> tuple[int, bytes]:
    reply = session.docmd("AUTH", mechanism if initial is None else f"{mechanism} {_base64(initial)}")
    for _ in range(MAX_CHALLENGES):
        if reply[0] != 334:
            break
        reply = session.docmd(_base64(respond(_challenge(reply[1]))))
    return reply


def _plain(username: bytes, password: bytes) -> Responses:
    response = b"\0%b\0%b" % (username, password)
    return response, lambda _: response


def _login(username: bytes, password: bytes) -> Responses:
    return username, lambda _: password


def _cram_md5(username: bytes, password: bytes) -> Responses:  # RFC 2195
    return None, lambda challenge: username + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()


MECHANISMS: dict[str, Callable[[bytes, bytes], Responses]] = {
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
    "LOGIN": _login,
}
"""The first that a server offers is tried first."""


def _challenge(text: bytes) -> bytes:
    try:
        return b64decode(text)
    except ValueError:
        raise smtplib.SMTPException("The mail server's challenge is not in base64.") from None


def _base64(response: bytes) -> str:
    return b64encode(response).decode()
