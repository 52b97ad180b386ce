"""Mail through an SMTP server (RFC 5321), with STARTTLS, implicit TLS or neither."""

import smtplib
from collections.abc import Mapping, Sequence

from notifyhub.providers.base import Accepted, Credit, Email, EmailProvider
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Uncertain, quote
from notifyhub.providers.smtp.envelope import Envelope, RefusedCopy, read_envelope
from notifyhub.providers.smtp.mime import compose
from notifyhub.providers.smtp.rejection_rules import Stage, classify_reply
from notifyhub.providers.smtp.sessions import (
    MailServer,
    NotAReply,
    Session,
    connection_failure,
    reply_text,
    session_pool,
)
from notifyhub.providers.sockets import TIMEOUTS, Timeouts, exchange
from notifyhub.text.addresses import InvalidAddress, to_ascii
from notifyhub.text.hosts import AllowedHosts

SEND_SECONDS = 45.0  # for a whole mail: below the lease of an attempt
CHECK_SECONDS = 10.0
FINAL_REPLY_SECONDS = (
    30.0  # for the last reply, before which servers look for spam (RFC 5321 4.5.3.2.6 allows more)
)
MAX_REPLY_BYTES = 1024 * 1024

_TAKEN = {250, 251, 252}  # replies to a recipient (RFC 5321, 4.3.2)


class SMTP(EmailProvider):
    """A mail account.

    `settings` are those of an email notifier: `host`, `port`, `username`, `password`, `use_tls`, `use_ssl`.
    Without a port it is 465 with `use_ssl`, 587 with `use_tls`, else 25. `use_ssl` (implicit TLS) wins over
    `use_tls` (STARTTLS, without which nothing is sent). `verify` checks the server's certificate by the
    system's store; of `hosts`, where they are given, it must be one.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        *,
        verify: bool = True,
        hosts: AllowedHosts | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        implicit, starttls = bool(settings.get("use_ssl")), bool(settings.get("use_tls"))
        port = settings.get("port")
        self._server = MailServer(
            host=_host(str(settings.get("host") or "")),
            port=port if isinstance(port, int) else 465 if implicit else 587 if starttls else 25,
            security="tls" if implicit else "starttls" if starttls else "none",
            username=str(settings.get("username") or ""),
            password=str(settings.get("password") or ""),
            verify=verify,
            timeouts=timeouts,
            hosts=hosts,
        )
        if "\0" in self._server.username + self._server.password:
            raise NotifierTrouble("bad_settings", "User name and password can't hold a NUL (RFC 4616).")

    def send(self, email: Email) -> Accepted:
        envelope = read_envelope(email)
        message = compose(email, envelope.sender, envelope.to, envelope.cc)
        with exchange(SEND_SECONDS, MAX_REPLY_BYTES):
            result = self._send(message, envelope)
        if isinstance(result, Failure):
            words = self._quote(envelope.quotable(result.detail), email.secrets)
            raise type(result)(result.code, words)
        refusal = envelope.refusal(result)
        if refusal:
            refusal.detail = self._quote(refusal.detail, email.secrets)
        return Accepted(email.message_id, refusal)

    def check(self) -> Credit | None:
        """Open a new session, log-in included."""
        with exchange(CHECK_SECONDS, MAX_REPLY_BYTES):
            session = self._session(fresh=True)
        if isinstance(session, Failure):
            raise type(session)(session.code, self._quote(session.detail))
        session_pool().release(self._server, session)
        return None

    def _send(self, message: bytes, envelope: Envelope) -> list[RefusedCopy] | Failure:
        """Hand a message over; return which copies were refused."""
        session = self._session()
        if isinstance(session, Failure):
            return session
        result = self._hand_over(session, message, envelope)
        if not (session.is_reused and session.has_ended):
            return result
        # It was the session that had come to its end, not the account: RFC 5321 4.5.3.2 and 3.8 let servers
        # leave idle ones.
        session = self._session(fresh=True)
        if isinstance(session, Failure):
            return session
        return self._hand_over(session, message, envelope)

    def _hand_over(self, session: Session, message: bytes, envelope: Envelope) -> list[RefusedCopy] | Failure:
        utf8 = not (message.isascii() and envelope.is_ascii)
        if utf8 and not session.has_extn("smtputf8"):
            session_pool().release(self._server, session)
            return NotServedHere("not_offered", "The mail server takes no addresses beyond ASCII (SMTPUTF8).")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        result = _converse(session, envelope, options, message)
        if session.has_ended or isinstance(result, NotifierTrouble | Uncertain):
            session.close()
        else:
            session_pool().release(self._server, session)
        return result

    def _session(self, *, fresh: bool = False) -> Session | Failure:
        try:
            return Session(self._server) if fresh else session_pool().acquire(self._server)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return connection_failure(error, self._server)

    def _quote(self, words: str, secrets: Sequence[str] = ()) -> str:
        plain = f"\0{self._server.username}\0{self._server.password}"  # as AUTH PLAIN sends it
        return quote(words, (plain if self._server.password else "", self._server.password, *secrets))


def _host(given: str) -> str:
    """Return the name to look up: Python would map it by IDNA 2003, which leads some to another's server."""
    if not given:  # which would mean this machine
        raise NotifierTrouble("bad_settings", "The notifier's settings hold no host.")
    try:
        return given if given.isascii() else to_ascii(given)
    except InvalidAddress:
        raise NotifierTrouble("bad_settings", f"{given} can't be the name of a host.") from None


def _converse(
    session: Session, envelope: Envelope, options: Sequence[str], message: bytes
) -> list[RefusedCopy] | Failure:
    stage: Stage = "mail"
    refused: list[RefusedCopy] = []
    try:
        reply = session.mail(envelope.sender.address, options)
        if reply[0] == 250:
            stage, reply = "rcpt", session.rcpt(envelope.to.address)
        if stage == "rcpt" and reply[0] in _TAKEN:
            reply, refused = _name_copies(session, envelope.copies, reply)
        if stage == "rcpt" and reply[0] in _TAKEN:
            stage, reply = "data", session.docmd("DATA")
        if stage != "data" or reply[0] != 354:
            session.has_ended = _leaves(*reply)
            return classify_reply(stage, reply[0], reply_text(reply[1]))
        session.send(message.replace(b"\r\n.", b"\r\n.."))  # RFC 5321 4.5.2
        stage = "end"  # until its last dot is out, a message can't be taken
        if session.sock:
            session.sock.settimeout(FINAL_REPLY_SECONDS)
        session.send(b".\r\n")
        reply = session.getreply()
        if session.sock:
            session.sock.settimeout(session.timeout)
        session.has_ended = reply[0] == 421
    except (smtplib.SMTPException, OSError) as error:
        session.has_ended = stage != "end" and not isinstance(error, TimeoutError | NotAReply)
        return _lost(stage, error)
    return refused if reply[0] == 250 else classify_reply(stage, reply[0], reply_text(reply[1]))


def _name_copies(
    session: Session, addresses: Sequence[str], reply: tuple[int, bytes]
) -> tuple[tuple[int, bytes], list[RefusedCopy]]:
    """Name those who get a copy, after the recipient was taken with a reply.

    Return that reply, or the one with which the server leaves, and those that it refuses.
    """
    refused: list[RefusedCopy] = []
    for address in addresses:
        code, words = session.rcpt(address)
        if _leaves(code, words):
            return (code, words), refused
        if code not in _TAKEN:
            refused.append(RefusedCopy(address, classify_reply("rcpt", code, reply_text(words))))
    return reply, refused


def _leaves(code: int, words: bytes) -> bool:
    """Return whether a reply is a server's last (RFC 5321 3.8, or 4.4.2: it has waited for too long)."""
    return code == 421 or (code < 500 and words.startswith(b"4.4.2 "))


def _lost(stage: Stage, error: Exception) -> Failure:
    if isinstance(error, NotAReply):
        code, words = "not_understood", "What the mail server answered is not an SMTP reply."
        return Uncertain(code, words) if stage == "end" else NotifierTrouble(code, words)
    code = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
    if stage == "end":
        return Uncertain(code, "The mail server did not confirm the message.")
    return NotifierTrouble(code, "The mail server was lost before the message was handed over.")
