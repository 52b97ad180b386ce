"""Mail through an SMTP server (RFC 5321), with STARTTLS, implicit TLS or neither."""

import smtplib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from notifyhub.providers.base import Accepted, Credit, Email, Report
from notifyhub.providers.errors import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    Refused,
    Uncertain,
    quote,
)
from notifyhub.providers.smtp.mime import compose, read_mailbox
from notifyhub.providers.smtp.rejection_rules import Stage, judge
from notifyhub.providers.smtp.sessions import (
    NotAReply,
    Server,
    Session,
    reply_text,
    sessions,
    trouble,
)
from notifyhub.providers.sockets import TIMEOUTS, Timeouts, exchange
from notifyhub.text.addresses import InvalidAddress, Mailbox, to_ascii
from notifyhub.text.hosts import AllowedHosts

TOTAL_SECONDS = 45.0  # for a whole mail: below the lease of an attempt
CHECK_SECONDS = 10.0
END_SECONDS = 30.0  # for the last reply, before which servers look for spam (RFC 5321 4.5.3.2.6 allows more)
REPLY_LIMIT = 1024 * 1024


class SMTP:
    """A mail account.

    `settings` are those of an email notifier: `host`, `port`, `username`, `password`, `use_tls`, `use_ssl`.
    Without a port it is 465 with `use_ssl`, 587 with `use_tls`, else 25. `use_ssl` (implicit TLS) wins over
    `use_tls` (STARTTLS, without which nothing is sent). `verify` checks the server's certificate by the
    system's store; of `hosts`, where they are given, it must be one.
    """

    report_batch: ClassVar[int] = 0

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
        self._server = Server(
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
        with exchange(CHECK_SECONDS, REPLY_LIMIT):
            session = self._session(fresh=True)
        if isinstance(session, Failure):
            raise type(session)(session.code, self._quote(session.detail))
        sessions().give_back(self._server, session)
        return None

    def _send(self, message: bytes, sender: Mailbox, recipient: Mailbox) -> Failure | None:
        session = self._session()
        if isinstance(session, Failure):
            return session
        failure = self._hand_over(session, message, sender, recipient)
        if not (session.kept and session.left):
            return failure
        # It was the session that had come to its end, not the account: RFC 5321 4.5.3.2 and 3.8 let servers
        # leave idle ones.
        session = self._session(fresh=True)
        if isinstance(session, Failure):
            return session
        return self._hand_over(session, message, sender, recipient)

    def _hand_over(
        self, session: Session, message: bytes, sender: Mailbox, recipient: Mailbox
    ) -> Failure | None:
        utf8 = not message.isascii()
        if utf8 and not session.has_extn("smtputf8"):
            sessions().give_back(self._server, session)
            return NotServedHere("not_offered", "The mail server takes no addresses beyond ASCII (SMTPUTF8).")
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        failure = _converse(session, sender.address, recipient.address, options, message)
        if session.left or isinstance(failure, NotifierTrouble | Uncertain):
            session.close()
        else:
            sessions().give_back(self._server, session)
        return failure

    def _session(self, *, fresh: bool = False) -> Session | Failure:
        try:
            return Session(self._server) if fresh else sessions().take(self._server)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return trouble(error, self._server)

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
    session: Session, sender: str, recipient: str, options: Sequence[str], message: bytes
) -> Failure | None:
    stage: Stage = "mail"
    try:
        reply = session.mail(sender, options)
        if reply[0] == 250:
            stage, reply = "rcpt", session.rcpt(recipient)
        if stage == "rcpt" and reply[0] in {250, 251, 252}:
            stage, reply = "data", session.docmd("DATA")
        if stage != "data" or reply[0] != 354:
            session.left = _leaves(*reply)
            return judge(stage, reply[0], reply_text(reply[1]))
        session.send(message.replace(b"\r\n.", b"\r\n.."))  # RFC 5321 4.5.2
        stage = "end"  # until its last dot is out, a message can't be taken
        if session.sock:
            session.sock.settimeout(END_SECONDS)
        session.send(b".\r\n")
        reply = session.getreply()
        if session.sock:
            session.sock.settimeout(session.timeout)
        session.left = reply[0] == 421
    except (smtplib.SMTPException, OSError) as error:
        session.left = stage != "end" and not isinstance(error, TimeoutError | NotAReply)
        return _lost(stage, error)
    return None if reply[0] == 250 else judge(stage, reply[0], reply_text(reply[1]))


def _leaves(code: int, words: bytes) -> bool:
    """Tell whether a reply is a server's last (RFC 5321 3.8, or 4.4.2: it has waited for too long)."""
    return code == 421 or (code < 500 and words.startswith(b"4.4.2 "))


def _lost(stage: Stage, error: Exception) -> Failure:
    if isinstance(error, NotAReply):
        code, words = "not_understood", "What the mail server answered is not an SMTP reply."
        return Uncertain(code, words) if stage == "end" else NotifierTrouble(code, words)
    code = "timeout" if isinstance(error, TimeoutError) else "connection_lost"
    if stage == "end":
        return Uncertain(code, "The mail server did not confirm the message.")
    return NotifierTrouble(code, "The mail server was lost before the message was handed over.")
