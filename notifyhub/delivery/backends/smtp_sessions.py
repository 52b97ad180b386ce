"""Sessions with mail servers, kept open between messages within one process."""

import os
import smtplib
import socket
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast

from notifyhub.delivery.backends.failures import NotifierTrouble
from notifyhub.delivery.backends.wire import TIMEOUTS, Timeouts, Wire, connect

IDLE_SECONDS = 30.0
IDLE_SESSIONS = 32


@dataclass(frozen=True)
class Server:
    """A mail server and how to log in there; a blank `username` means not at all."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str = ""
    password: str = field(default="", repr=False)
    verify: bool = True
    timeouts: Timeouts = TIMEOUTS


class Session(smtplib.SMTP):
    """A connection to `server`, greeted and, where that is asked for, encrypted and logged in.

    Opening it raises smtplib.SMTPException, OSError or UnicodeError.
    """

    _host: str

    def __init__(self, server: Server) -> None:
        super().__init__(local_hostname=_own_name(), timeout=server.timeouts.read)
        self._server = server
        self._host = server.host  # for the certificate's check in starttls()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def alive(self) -> bool:
        """Whether the server still listens; the last message's remains are cleared."""
        try:
            return self.docmd("RSET")[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _open(self) -> None:
        server = self._server
        code, words = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if server.security == "starttls":
            self.starttls(context=_context(verify=server.verify))
            self.sock = cast("Any", Wire(cast("ssl.SSLSocket", self.sock)))
            self.sock.settimeout(server.timeouts.read)
        self.ehlo_or_helo_if_needed()
        if server.username:
            self.login(server.username, server.password)

    def _get_socket(self, host: str, port: int, timeout: float) -> Wire:  # smtplib's connect() calls it
        connected = connect(host, port, self._server.timeouts.connect)
        try:
            # The end of a message is a small packet after big ones: it must not wait until those are
            # acknowledged.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._server.security == "tls":
                connected = _context(verify=self._server.verify).wrap_socket(connected, server_hostname=host)
            connected.settimeout(timeout)
        except BaseException:
            connected.close()
            raise
        return Wire(connected)


class Sessions:
    """Idle sessions by server; a session is used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: defaultdict[Server, list[tuple[float, Session]]] = defaultdict(list)

    def take(self, server: Server) -> Session:
        """Return an idle session that still answers, else a new one (which may raise what `Session` does)."""
        while (session := self._pop(server)) is not None:
            if session.alive():
                return session
            session.close()
        return Session(server)

    def give_back(self, server: Server, session: Session) -> None:
        """Keep a session for the next message."""
        with self._lock:
            if sum(map(len, self._idle.values())) < IDLE_SESSIONS:
                self._idle[server].append((time.monotonic(), session))
                return
        session.close()

    def _pop(self, server: Server) -> Session | None:
        oldest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            expired = [session for kept in self._idle.values() for since, session in kept if since < oldest]
            self._idle = defaultdict(
                list,
                {
                    other: fresh
                    for other, kept in self._idle.items()
                    if (fresh := [entry for entry in kept if entry[0] >= oldest])
                },
            )
            kept = self._idle.get(server)
            session = kept.pop()[1] if kept else None
        for old in expired:
            old.close()
        return session


def trouble(error: smtplib.SMTPException | OSError | UnicodeError, host: str) -> NotifierTrouble:
    """What a failure to open a session means."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # RFC 4954: 454 is a temporary failure of the server, the others are a refusal.
        code = "unavailable" if error.smtp_code == 454 else "bad_credentials"
        return NotifierTrouble(code, reply_text(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPResponseException):
        code = "blocked" if error.smtp_code >= 500 else "unavailable"
        return NotifierTrouble(code, reply_text(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        return NotifierTrouble("not_offered", str(error))  # STARTTLS or AUTH: words of smtplib
    if isinstance(error, UnicodeError):
        return NotifierTrouble("bad_settings", "Host, username and password must be ASCII.")
    reason = error.strerror or str(error) or type(error).__name__
    return NotifierTrouble("unreachable", f"No connection to {host}: {reason}.")


def reply_text(code: int, words: bytes | str) -> str:
    """A server's reply as text, its code first."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {text}"


@lru_cache(2)
def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(1)
def _own_name() -> str:
    """The name for EHLO (RFC 5321 4.1.1.1); smtplib would ask the DNS for it at every connection."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


@lru_cache(1)
def sessions() -> Sessions:
    """The process's idle sessions."""
    return Sessions()


# A forked worker must not share its parent's sockets.
os.register_at_fork(after_in_child=sessions.cache_clear)
