"""Mail through an SMTP server (RFC 5321), with STARTTLS, implicit TLS or neither."""

import re
import smtplib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from notifyhub.delivery.backends.failures import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    Refused,
    Temporary,
    Uncertain,
    quote,
)
from notifyhub.delivery.backends.interface import Accepted, Credit, Email, Report
from notifyhub.delivery.backends.mime import compose, read_mailbox
from notifyhub.delivery.backends.smtp_sessions import Server, Session, reply_text, sessions, trouble
from notifyhub.delivery.backends.wire import TIMEOUTS, Timeouts, exchange
from notifyhub.text.addresses import Mailbox

TOTAL_SECONDS = 45.0  # for a whole mail: below the lease of an attempt
END_SECONDS = 30.0  # for the last reply, before which servers look for spam (RFC 5321 4.5.3.2.6 allows more)
REPLY_LIMIT = 1024 * 1024

# (stages, reply code and text, failure, code); the first that fits decides. Codes: RFC 5321 4.2, 4954, 3463.
RULES: tuple[tuple[str, str, type[Failure], str], ...] = (
    (r".*", r"421", NotifierTrouble, "unavailable"),
    (r".*", r"5(30|34|35|38)", NotifierTrouble, "bad_credentials"),
    (r"mail", r"4", NotifierTrouble, "unavailable"),
    (r"mail", r"5", NotServedHere, "sender_refused"),
    (r"rcpt", r"4", Temporary, "deferred"),  # grey-listing, a full mailbox
    (r"rcpt", r"5.*relay", NotServedHere, "relay_denied"),
    (r"rcpt", r"5", Refused, "invalid_recipient"),
    (r"data|end", r"4", Temporary, "deferred"),
    (r"data|end", r"552|5.*\b5\.3\.4\b", NotServedHere, "too_large"),
    (r"data|end", r"5", Refused, "content_refused"),
    (r"end", r".*", Uncertain, "not_understood"),
    (r".*", r".*", NotifierTrouble, "not_understood"),
)


class SMTP:
    """A mail account.

    `settings` are those of an email notifier: `host`, `port`, `username`, `password`, `use_tls`, `use_ssl`.
    Without a port it is 465 with `use_ssl`, 587 with `use_tls`, else 25. `use_ssl` (implicit TLS) wins over
    `use_tls` (STARTTLS, without which nothing is sent). `verify` checks the server's certificate by the
    system's store.
    """

    report_batch: ClassVar[int] = 0

    def __init__(
        self, settings: Mapping[str, object], *, verify: bool = True, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        implicit, starttls = bool(settings.get("use_ssl")), bool(settings.get("use_tls"))
        host, port = str(settings.get("host") or ""), settings.get("port")
        if not host:  # which would mean this machine
            raise NotifierTrouble("bad_settings", "The notifier's settings hold no host.")
        self._server = Server(
            host=host,
            port=port if isinstance(port, int) else 465 if implicit else 587 if starttls else 25,
            security="tls" if implicit else "starttls" if starttls else "none",
            username=str(settings.get("username") or ""),
            password=str(settings.get("password") or ""),
            verify=verify,
            timeouts=timeouts,
        )

    def send(self, email: Email) -> Accepted:
        sender, recipient = read_mailbox(email.from_email), read_mailbox(email.to)
        if not sender:
            raise NotifierTrouble("bad_settings", "The notifier's from_email is not an e-mail address.")
        if not recipient:
            raise Refused("invalid_recipient", "It is not an e-mail address.")
        message = compose(email, sender, recipient)
        with exchange(TOTAL_SECONDS, REPLY_LIMIT):
            failure = self._send(message, sender, recipient)
        if failure:
            raise type(failure)(failure.code, self._quote(failure.detail, email.secrets))
        return Accepted(email.message_id)

    def reports(self, _ids: Sequence[str], /) -> dict[str, Report]:
        """Nothing: SMTP tells nothing later on."""
        return {}

    def check(self) -> Credit | None:
        """Open a new session, log-in included."""
        with exchange(TOTAL_SECONDS, REPLY_LIMIT):
            session = self._session(fresh=True)
        if isinstance(session, Failure):
            raise type(session)(session.code, self._quote(session.detail))
        sessions().give_back(self._server, session)
        return None

    def _send(self, message: bytes, sender: Mailbox, recipient: Mailbox) -> Failure | None:
        session = self._session()
        if isinstance(session, Failure):
            return session
        utf8 = not message.isascii()
        if utf8 and not session.has_extn("smtputf8"):
            sessions().give_back(self._server, session)
            return NotServedHere("not_offered", "The mail server takes no addresses beyond ASCII (SMTPUTF8).")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        failure = _converse(session, sender.address, recipient.address, options, message)
        if isinstance(failure, NotifierTrouble | Uncertain):
            session.close()
        else:
            sessions().give_back(self._server, session)
        return failure

    def _session(self, *, fresh: bool = False) -> Session | Failure:
        try:
            return Session(self._server) if fresh else sessions().take(self._server)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            return trouble(error, self._server.host)

    def _quote(self, words: str, secrets: Sequence[str] = ()) -> str:
        plain = f"\0{self._server.username}\0{self._server.password}"  # as AUTH PLAIN sends it
        return quote(words, (plain if self._server.password else "", self._server.password, *secrets))


def _converse(
    session: Session, sender: str, recipient: str, options: Sequence[str], message: bytes
) -> Failure | None:
    stage = "mail"
    try:
        reply = session.mail(sender, options)
        if reply[0] == 250:
            stage, reply = "rcpt", session.rcpt(recipient)
        if stage == "rcpt" and reply[0] in {250, 251, 252}:
            stage, reply = "data", session.docmd("DATA")
        if stage != "data" or reply[0] != 354:
            return _refusal(stage, reply)
        session.send(message.replace(b"\r\n.", b"\r\n.."))  # RFC 5321 4.5.2
        stage = "end"  # until its last dot is out, a message can't be taken
        if session.sock:
            session.sock.settimeout(END_SECONDS)
        session.send(b".\r\n")
        reply = session.getreply()
        if session.sock:
            session.sock.settimeout(session.timeout)
    except (smtplib.SMTPException, OSError) as error:
        return _lost(stage, error)
    return None if reply[0] == 250 else _refusal(stage, reply)


def _refusal(stage: str, reply: tuple[int, bytes]) -> Failure:
    words = reply_text(*reply)
    return next(
        failure(code, words)
        for stages, pattern, failure, code in RULES
        if re.fullmatch(stages, stage) and re.match(pattern, words, re.IGNORECASE | re.DOTALL)
    )


def _lost(stage: str, error: Exception) -> Failure:
    # smtplib turns a time-out while it reads into SMTPServerDisconnected, with the words of the first.
    code = "timeout" if isinstance(error, TimeoutError) or "timed out" in str(error) else "connection_lost"
    if stage == "end":
        return Uncertain(code, "The mail server did not confirm the message.")
    return NotifierTrouble(code, "The mail server was lost before the message was handed over.")
