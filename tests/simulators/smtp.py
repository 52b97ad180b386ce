"""A mail server: plain and STARTTLS on one port, implicit TLS on another, a control endpoint on a third."""
# ruff: noqa: ARG002, N802 - aiosmtpd names the hooks and what they are given

import asyncio
import email
import email.policy
import hmac
import threading
from typing import Any, ClassVar, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.simulators.certificate import Certificate
from tests.simulators.control import PATH, Controlled
from tests.simulators.journal import Received
from tests.simulators.server import Reply, Request, Server

MECHANISMS = {"PLAIN", "LOGIN", "CRAM-MD5"}
USERNAME, PASSWORD = "simulated", "simulated-mail-password"

MAIL_TROUBLES = {
    "sender_refused": "550 5.1.8 Sender not allowed",
    "login_demanded": "530 5.7.0 Authentication required",
    "no_room": "452 4.3.1 Insufficient system storage",
    "leaving": "421 4.4.2 Idle for too long",
    "left": "421 4.4.2 Idle for too long",
}
RCPT_TROUBLES = {
    "greylisted": "451 4.7.1 Greylisted, try again later",
    "unknown_recipient": "550 5.1.1 No such user here",
    "relay_denied": "554 5.7.1 Relay access denied",
    "unavailable": "421 4.3.2 Service shutting down",
    "reset": "421 gone",
    "sending_limit": "550 5.4.5 Daily user sending limit exceeded",
    "unknown_by_name": "550-5.1.1 <{address}>: Recipient address rejected\r\n"
    "550 5.1.1 {local} is no user of {domain}, {upper}",
}
DATA_TROUBLES = {
    "content_refused": "554 5.6.0 Message looks like spam",
    "deferred": "451 4.3.0 Try again later",
    "leaving_at_the_end": "421 4.3.2 Service shutting down",
    "too_many": "550 5.7.0 Requested action not taken: too many emails per second",
    "limit_exceeded": "554 5.7.0 The hourly limit of this account is exceeded. Try again later",
    "unknown_identity": "550 The from address does not match a verified Sender Identity",
    "send_as": "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "unverified": "554 Message rejected: Email address is not verified",
    "too_large": "552 5.3.4 Message too big",
    "silly_reply": "299 Whatever",
    "timeout_after_accepting": "250 OK",
    "reset_after_accepting": "250 OK",
    "slow": "250 OK",
}


class SMTPSimulator(Controlled):
    """`port` speaks plain and STARTTLS, `tls_port` TLS from the start; log-in is `USERNAME`, `PASSWORD`.

    Clients need not log in. The attributes of the constructor are what the plain port offers.
    """

    kinds = frozenset({"bad_credentials", *MAIL_TROUBLES, *RCPT_TROUBLES, *DATA_TROUBLES})
    switches: ClassVar = {"password": str}

    def __init__(
        self,
        port: int = 0,
        *,
        starttls: bool = True,
        login: bool = True,
        mechanism: str = "PLAIN",
        smtputf8: bool = True,
    ) -> None:
        super().__init__()
        self.port, self.tls_port = port, 0
        self.password = PASSWORD
        self.certificate = Certificate()
        self.connections = 0
        self.transports: set[asyncio.Transport] = set()
        self.names: list[str] = []  # as clients gave them with EHLO
        self._mechanism = mechanism if login else ""
        self._offers = {"starttls": starttls, "login": login, "smtputf8": smtputf8}
        self._control = Server(self._answer)
        self._loop: asyncio.AbstractEventLoop
        self._servers: list[asyncio.Server] = []
        self._thread: threading.Thread | None = None

    @property
    def control_url(self) -> str:
        return f"{self._control.address}{PATH}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._control.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        self._control.stop()
        if self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._thread = None

    def drop_connections(self) -> None:
        """Close every connection, as a server does with idle ones."""

        async def drop() -> None:
            for transport in list(self.transports):
                transport.abort()

        asyncio.run_coroutine_threadsafe(drop(), self._loop).result(10)

    async def _listen(self) -> None:
        plain = await self._loop.create_server(lambda: self._protocol(tls=False), "127.0.0.1", self.port)
        tls = await self._loop.create_server(
            lambda: self._protocol(tls=True), "127.0.0.1", self.tls_port, ssl=self.certificate.context
        )
        self._servers = [plain, tls]
        self.port, self.tls_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def _hang_up(self) -> None:
        for server in self._servers:
            server.close()
        for transport in list(self.transports):
            transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _protocol(self, *, tls: bool) -> SMTP:
        offers = self._offers
        return _Protocol(
            self,
            loop=self._loop,
            hostname="localhost",
            enable_SMTPUTF8=offers["smtputf8"],
            tls_context=self.certificate.context if offers["starttls"] and not tls else None,
            authenticator=self._log_in if offers["login"] else None,
            auth_require_tls=False,
            auth_exclude_mechanism=MECHANISMS - {self._mechanism},
            data_size_limit=20 * 1024 * 1024,
        )

    def _log_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        if self.troubles.take(kinds={"bad_credentials"}) is None and isinstance(data, LoginPassword):
            given = (data.login.decode(), data.password.decode())
            if given == (USERNAME, self.password):
                return AuthResult(success=True)
        return AuthResult(success=False, handled=False)

    def _answer(self, request: Request) -> Reply:
        return self.control(request) if request.path.startswith(PATH) else Reply(404, {})


class _Protocol(SMTP):
    """aiosmtpd's protocol, which is its own handler here."""

    def __init__(self, simulator: SMTPSimulator, **offers: Any) -> None:
        self.simulator = simulator
        super().__init__(self, **offers)

    def connection_made(self, transport: Any) -> None:
        self.simulator.connections += 1
        self.simulator.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.simulator.transports.discard(cast("asyncio.Transport", self.transport))
        super().connection_lost(error)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, name: str, responses: list[str]
    ) -> list[str]:
        session.host_name = name
        self.simulator.names.append(name)
        return responses

    async def auth_CRAM__MD5(self, server: SMTP, arguments: list[str]) -> AuthResult:
        challenge = b"<1896.697170952@localhost>"
        answer = await self.challenge_auth(challenge)
        digest = hmac.new(self.simulator.password.encode(), challenge, "md5").hexdigest()
        given = answer.decode() if isinstance(answer, bytes) else ""
        return AuthResult(success=given == f"{USERNAME} {digest}", handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if trouble := self.simulator.troubles.take(kinds=MAIL_TROUBLES):
            if trouble.kind == "left":
                self._abort()
            return MAIL_TROUBLES[trouble.kind]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if trouble := self.simulator.troubles.take(address, kinds=RCPT_TROUBLES):
            if trouble.kind == "reset":
                self._abort()
            local, _, domain = address.rpartition("@")
            named = {"address": address, "local": local, "domain": domain, "upper": address.upper()}
            return RCPT_TROUBLES[trouble.kind].format(**named)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        trouble = self.simulator.troubles.take(envelope.rcpt_tos[0], kinds=DATA_TROUBLES)
        if trouble and trouble.kind == "slow":
            await asyncio.sleep(trouble.seconds)
        if trouble is None or DATA_TROUBLES[trouble.kind] == "250 OK":
            self.simulator.journal.add(_received(envelope))
        if trouble and trouble.kind == "timeout_after_accepting":
            await asyncio.sleep(trouble.seconds)
        elif trouble and trouble.kind == "reset_after_accepting":
            self._abort()
        return DATA_TROUBLES[trouble.kind] if trouble else "250 OK"

    def _abort(self) -> None:
        cast("asyncio.Transport", self.transport).abort()


def _received(envelope: Envelope) -> Received:
    content = cast("bytes", envelope.original_content)
    message = email.message_from_bytes(content, policy=email.policy.default)
    part = message.get_body(("plain", "html"))
    text = f"{message['Subject']}\n{part.get_content() if part else ''}"
    return Received(
        str(message["Message-ID"]),
        envelope.rcpt_tos[0],
        text,
        sender=str(envelope.mail_from),
        recipients=tuple(envelope.rcpt_tos),
        content=content,
    )
