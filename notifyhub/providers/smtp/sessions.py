"""Sessions with mail servers, kept open between messages within one process."""

import logging
import os
import re
import smtplib
import socket
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, cast

from notifyhub.providers.errors import Failure, NotifierTrouble
from notifyhub.providers.smtp.login import log_in
from notifyhub.providers.smtp.rejection_rules import Stage, classify_reply
from notifyhub.providers.sockets import TIMEOUTS, Timeouts, Wire, connect, in_time
from notifyhub.text.hosts import Address, AllowedHosts, HostNotAllowed

log = logging.getLogger(__name__)

MAX_IDLE_SECONDS = 30.0
MAX_IDLE_SESSIONS = 32
OWN_NAME_SECONDS = 2.0
MAX_LINE_BYTES = 8192

# The end of a message is a small packet after big ones: it must not wait until those are acknowledged.
SOCKET_OPTIONS = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n")  # RFC 5321 4.2
# A domain of RFC 5321, 2.3.5, that is no machine's own.
_FULL_NAME = re.compile(
    r"(?!.*\.(localdomain|localhost|arpa)$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class MailServer:
    """A mail server and how to log in there; a blank `username` means not at all.

    `hosts` are those that may be connected to; None: any.
    """

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str = ""
    password: str = field(default="", repr=False)
    verify: bool = True
    timeouts: Timeouts = TIMEOUTS
    hosts: AllowedHosts | None = None


class NotAReply(smtplib.SMTPException):
    """What came is not a reply of SMTP; it is not shown, as it may be anything's."""


class Session(smtplib.SMTP):
    """A connection to `server`, greeted and, where that is asked for, encrypted and logged in.

    Opening it raises smtplib.SMTPException, OSError or ValueError. `is_reused` tells whether it
    served before, `has_ended` whether the server ended it and can't have taken the message.
    """

    _host: str

    def __init__(self, server: MailServer) -> None:
        super().__init__(local_hostname="localhost", timeout=server.timeouts.read)
        self._server = server
        self._host = server.host  # for the certificate's check in starttls()
        self.is_reused = self.has_ended = False
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def is_alive(self) -> bool:
        """Return whether the server still answers, after the rest of the last message is cleared."""
        try:
            return self.docmd("RSET")[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply's code and text, its lines put together; raises NotAReply or OSError."""
        if self.file is None and self.sock:
            self.file = self.sock.makefile("rb")
        lines: list[re.Match[bytes]] = []
        try:
            while not lines or lines[-1][2] == b"-":
                lines.append(self._line(lines[0][1] if lines else b""))
        except BaseException:
            self.close()
            raise
        return int(lines[0][1]), b"\n".join((line[3] or b"").strip() for line in lines)

    def _line(self, code: bytes) -> re.Match[bytes]:
        """Read a line of a reply, which begins with `code` if its first line has come."""
        text: bytes = self.file.readline(MAX_LINE_BYTES + 1) if self.file else b""
        if not text:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        line = _REPLY_LINE.fullmatch(text)
        if not line or len(text) > MAX_LINE_BYTES or code not in {b"", line[1]}:
            raise NotAReply
        return line

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
            log_in(self, server.username, server.password)

    def _get_socket(self, host: str, port: int, timeout: float) -> Wire:  # smtplib's connect() calls it
        connected = connect(
            host, port, self._server.timeouts.connect, options=SOCKET_OPTIONS, permit=self._permit
        )
        self.local_hostname = _own_name() or _literal(connected.getsockname()[0])
        wire = Wire(connected)
        wire.settimeout(timeout)
        return self._encrypted(wire) if self._server.security == "tls" else wire

    def _encrypted(self, wire: Wire) -> Wire:
        try:
            context = _context(verify=self._server.verify)
            encrypted = Wire(context.wrap_socket(cast("socket.socket", wire), server_hostname=self._host))
        except BaseException:
            wire.close()
            raise
        encrypted.settimeout(self.timeout)
        return encrypted

    def _permit(self, address: Address) -> None:
        hosts = self._server.hosts
        if hosts and not (hosts.has_name(self._server.host) or hosts.has(address)):
            raise HostNotAllowed


class SessionPool:
    """Idle sessions by server; a session is used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: defaultdict[MailServer, list[tuple[float, Session]]] = defaultdict(list)

    def acquire(self, server: MailServer) -> Session:
        """Return an idle session that still answers, else a new one (which may raise what `Session` does)."""
        while (session := self._pop(server)) is not None:
            if session.is_alive():
                return session
            session.close()
        return Session(server)

    def release(self, server: MailServer, session: Session) -> None:
        """Keep a session for the next message."""
        session.is_reused = True
        with self._lock:
            if sum(map(len, self._idle.values())) < MAX_IDLE_SESSIONS:
                self._idle[server].append((time.monotonic(), session))
                return
        session.close()

    def _pop(self, server: MailServer) -> Session | None:
        oldest = time.monotonic() - MAX_IDLE_SECONDS
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


def connection_failure(error: Exception, server: MailServer) -> Failure:
    """Return what an error at opening a session means."""
    if isinstance(error, smtplib.SMTPResponseException):
        stage: Stage = "auth" if isinstance(error, smtplib.SMTPAuthenticationError) else "open"
        return classify_reply(stage, error.smtp_code, reply_text(error.smtp_error))
    code, words = _meaning(error, server.host)
    if words:
        return NotifierTrouble(code, words)
    # Whether the port is closed, silent or another protocol's is for the operator: who may have a notifier
    # checked must not explore the network with it.
    reason = getattr(error, "strerror", None) or type(error).__name__
    log.info("No session with the mail server at port %s of %r: %s", server.port, server.host, reason)
    return NotifierTrouble("unreachable", f"No mail server answers at port {server.port} of {server.host}.")


def _meaning(error: Exception, host: str) -> tuple[str, str]:
    """Return a code, and words for what the notifier's settings are to blame for; none for others."""
    match error:
        case HostNotAllowed():
            return "host_not_allowed", f"{host} is not one of the hosts that NOTIFYHUB_MAIL_HOSTS allows."
        case ssl.SSLCertVerificationError():  # a ValueError, too
            return "unreachable", f"The certificate of {host} is not accepted: {error.verify_message}."
        case socket.gaierror():
            return "unreachable", f"The host {host} is not found."
        case ValueError():
            return "bad_settings", f"{host} can't be the name of a host."
        case smtplib.SMTPException() if not isinstance(error, smtplib.SMTPServerDisconnected | NotAReply):
            return "not_offered", str(error)  # STARTTLS or AUTH: words of ours and of smtplib
    return "unreachable", ""


def reply_text(words: bytes | str) -> str:
    """Return the text of a server's reply."""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words


@lru_cache(2)
def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(1)
def _own_name() -> str:
    """Return this machine's full name, the one for EHLO (RFC 5321 4.1.1.1); blank if it has none.

    It is asked for once, as the DNS may have to tell it.
    """
    try:
        name = in_time(socket.getfqdn, OWN_NAME_SECONDS)
    except TimeoutError:
        return ""
    return name if _FULL_NAME.fullmatch(name) else ""


def _literal(address: str) -> str:
    """Return an address as EHLO names a host without a name (RFC 5321 4.1.3)."""
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return f"[{found}]"
    return f"[IPv6:{IPv6Address(int(found))}]"  # without the zone, which is this machine's own


@lru_cache(1)
def session_pool() -> SessionPool:
    """Return the pool of this process."""
    return SessionPool()


# A forked worker must not share its parent's sockets.
os.register_at_fork(after_in_child=session_pool.cache_clear)
