"""The whole service as operators start it, with simulated providers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, melipayamak, smtp
from tests.support.processes import free_port
from tests.support.service import Service, until

ENDED = {"sent", "delivered", "undelivered", "failed", "cancelled", "expired"}


@dataclass
class Live:
    """`notifyhub up`, with an SMS notifier at MeliPayamak and an email notifier, both the default ones."""

    service: Service
    key: str
    ippanel: IPPanelSimulator
    melipayamak: MeliPayamakSimulator
    smtp: SMTPSimulator
    sms_notifier: int = 0
    email_notifier: int = 0

    def call(
        self, method: str, path: str, body: Any = None, key: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Return the status and the JSON that a request below `/api/` is answered with."""
        return self.service.request(method, f"/api/{path}", body, key or self.key, **headers)

    def make(self, path: str, body: Any) -> Any:
        """Return what a request makes."""
        status, made = self.call("POST", path, body)
        assert status == 201, made
        return made

    def send(self, **message: Any) -> Any:
        """Send a message, and return it as it is when it has ended."""
        made = self.make("notifications/messages", message)
        return self.ended(made["id"])

    def ended(self, id: int) -> Any:
        """Return a message as soon as it has ended."""

        def message() -> Any:
            found = self.call("GET", f"notifications/messages/{id}")[1]
            return found if found["status"] in ENDED else None

        return until(message, f"message {id} ends")


@contextmanager
def live_service(folder: Path, *options: str, **variables: str) -> Iterator[Live]:
    """Run the service, on SQLite and without a broker, in a folder that it makes."""
    folder.mkdir()
    with IPPanelSimulator() as edge, MeliPayamakSimulator() as console, SMTPSimulator() as mail:
        known = {
            "NOTIFYHUB_INSTANCE": str(folder / "instance"),
            "NOTIFYHUB_IPPANEL_URL": edge.url,
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_SMTP_VERIFY": "0",
            "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
        }
        service = Service(folder, {**known, **variables}, "up", *options, port=free_port())
        try:
            service.wait_until_it_serves()
            service.wait_until_it_delivers()
            yield _set_up(Live(service, service.key, edge, console, mail))
        finally:
            service.stop()


def _set_up(live: Live) -> Live:
    settings = {"token": live.melipayamak.token, "number": melipayamak.NUMBER}
    sms = {"name": "console", "backend": "melipayamak", "settings": settings}
    email = {
        "name": "mail",
        "host": "127.0.0.1",
        "port": live.smtp.port,
        "username": smtp.USERNAME,
        "password": smtp.PASSWORD,
        "from_email": "NotifyHub <info@example.com>",
    }
    live.sms_notifier = live.make("notifications/notifiers/sms", sms)["id"]
    live.email_notifier = live.make("notifications/notifiers/email", email)["id"]
    defaults = {
        "notifications_sms_notifier": live.sms_notifier,
        "notifications_email_notifier": live.email_notifier,
    }
    assert live.call("PATCH", "settings/notifications", defaults)[0] == 200
    return live
