"""The whole service under load for long: `python -m tests.bench.soak --minutes 20`.

`notifyhub up` with simulated providers and a receiver of webhooks, by default on SQLite without a broker; the
variables, such as `NOTIFYHUB_DATABASE_URL`, choose others. Its capacity is what it sends in a first minute of
clients that wait for their answers alone; it then gets half of that. A line a minute shows what could grow.
"""
# ruff: noqa: T201 - it is a command

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.simulators import MeliPayamakSimulator, SMTPSimulator, melipayamak, smtp
from tests.support.load import MESSAGES, Answered, Call, Callers, recipient
from tests.support.service import Service, until
from tests.webhooks.receiver import Receiver

CLIENTS = 8
CALIBRATION_SECONDS = 60
SHARE_OF_CAPACITY = 0.5
AFTER_CALIBRATION = 1_000_000
API = "/api/notifications"
TEXT = {"channel": "sms", "text": "سفارش شما ارسال شد"}
MAIL = {"channel": "email", "to": "customer@example.com", "subject": "سفارش شما", "text": "ارسال شد"}


def request(number: int) -> Call:
    """Of ten requests: six texts, a mail, a code, a page of the list, a message that is looked at."""
    match number % 10:
        case 0:
            return MESSAGES, MAIL
        case 1:
            return f"{API}/otp", {"to": recipient(number)}
        case 2:
            return f"{MESSAGES}?limit=50", None
        case 3:
            return f"{MESSAGES}/1", None
        case _:
            return MESSAGES, {**TEXT, "to": recipient(number)}


class Soak:
    """A running service, its simulated surroundings, and what has been counted of them so far."""

    def __init__(self, service: Service, console: MeliPayamakSimulator, mail: SMTPSimulator) -> None:
        self.service, self.console, self.mail, self.key = service, console, mail, service.key

    def set_up(self, hook: str) -> None:
        """Make the default notifiers, and a webhook."""
        settings = {"token": self.console.token, "number": melipayamak.NUMBER}
        sms = {"name": "console", "backend": "melipayamak", "settings": settings}
        login = {"host": "127.0.0.1", "port": self.mail.port, "username": smtp.USERNAME}
        email = {"name": "mail", **login, "password": smtp.PASSWORD, "from_email": "info@example.com"}
        made = {
            f"notifications_{kind}_notifier": self.service.post(f"{API}/notifiers/{kind}", body, self.key)[
                "id"
            ]
            for kind, body in (("sms", sms), ("email", email))
        }
        assert self.service.request("PATCH", "/api/settings/notifications", made, self.key)[0] == 200
        self.service.post(f"{API}/webhooks", {"url": hook, "events": ["message.sent"]}, self.key)

    def sent(self) -> int:
        """How many messages the providers have taken."""
        return len(self.console.journal.messages()) + len(self.mail.journal.messages())

    def load(self, first: int, per_second: float | None = None) -> Callers:
        """Return clients whose requests are numbered from `first` on."""
        port = self.service.port
        return Callers(port, self.key, request, count=CLIENTS, per_second=per_second, first=first)

    def capacity(self) -> float:
        """Return how many messages a second it takes and sends: those of clients who ask for all they can."""
        began = time.monotonic()
        with self.load(0) as callers:
            time.sleep(CALIBRATION_SECONDS)
        stored = sum(answer.status == 201 for answer in callers.answers)
        until(lambda: self.sent() == stored, "what is left of the calibration is sent", 600)
        seconds = time.monotonic() - began
        print(f"{stored} stored in {CALIBRATION_SECONDS} s, sent in {seconds:.0f} s", flush=True)
        return stored / seconds

    def processes(self) -> str:
        """Return what each process takes, by its name."""
        named = {"supervisor": self.service.process.pid, **self.service.parts()}
        others = sorted(self.service.living() - set(named.values()))
        named |= {f"server-{number}": process for number, process in enumerate(others, 1)}
        return "; ".join(f"{name} {observe(process)}" for name, process in named.items())

    def queues(self) -> str:
        """Return how many rows wait in each queue, and for how long the oldest."""
        _, health = self.service.request("GET", f"{API}/health", key=self.key)
        depths = [
            f"{queue['name']} {queue['waiting']} {queue['oldest_seconds'] or 0} s"
            for queue in health["queues"]
        ]
        return f"{health['status']}; " + ", ".join(depths)

    def lags(self, answers: Sequence[Answered]) -> list[float]:
        """Return how long texts took from their requests to the provider, in order of length."""
        posted = {answer.recipient: answer.at for answer in answers if answer.number % 10 > 3}
        received = self.console.journal.messages()
        return sorted(one.at - posted[one.recipient] for one in received if one.recipient in posted)


def observe(process: int) -> str:
    """Return the memory and the number of open files of a process (proc(5))."""
    place = Path(f"/proc/{process}")
    pages = int((place / "statm").read_text().split()[1])
    return f"{pages * 4096 / 2**20:.1f} MiB {len(list((place / 'fd').iterdir()))} files"


def quantile(values: Sequence[float], share: float) -> float:
    return values[round(share * (len(values) - 1))] if values else float("nan")


def report(soak: Soak, name: str, answers: Sequence[Answered], seconds: float) -> None:
    """Print one line about what was answered in some seconds, and how the service is now."""
    lags = soak.lags(answers)
    files = sum(file.stat().st_size for file in soak.service.folder.rglob("instance/*.db*")) / 2**20
    shown = [
        f"{len(answers) / seconds:.1f} requests/s",
        f"answers {dict(Counter(answer.status for answer in answers))}",
        f"lag p50 {quantile(lags, 0.5):.2f} p95 {quantile(lags, 0.95):.2f} s",
        f"longest answer {max((answer.seconds for answer in answers), default=0):.2f} s",
        soak.queues(),
        soak.processes(),
        f"database {files:.0f} MiB",
    ]
    print(f"{name}: " + " | ".join(shown), flush=True)


@contextmanager
def running() -> Iterator[Soak]:
    """Run the service in a folder of its own."""
    with (
        tempfile.TemporaryDirectory() as place,
        MeliPayamakSimulator() as console,
        SMTPSimulator() as mail,
        Receiver() as receiver,
    ):
        folder = Path(place) / "service"
        folder.mkdir()
        variables = {
            "NOTIFYHUB_INSTANCE": str(folder / "instance"),
            "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
            "NOTIFYHUB_SMTP_VERIFY": "0",
            "NOTIFYHUB_WEBHOOK_ALLOW": "127.0.0.1",
        }
        service = Service(folder, variables, "up", "--workers", "2")
        try:
            service.wait_until_it_serves()
            service.wait_until_it_delivers()
            soak = Soak(service, console, mail)
            soak.set_up(receiver.url)
            yield soak
        finally:
            service.stop()
            lines = [line for line in service.err.splitlines() if "[error" in line or "[warning" in line]
            print(f"{len(lines)} warnings and errors in the log", *lines[:10], sep="\n")


def main() -> None:
    """Run, print, and exit with 1 if a request failed or a message was lost or sent twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=main.__doc__)
    parser.add_argument("--minutes", type=int, default=20, metavar="N")
    given = parser.parse_args()
    with running() as soak:
        rate = soak.capacity() * SHARE_OF_CAPACITY / 0.8  # of ten requests eight are messages
        report(soak, "at rest", [], 1)
        soak.console.journal.clear()
        soak.mail.journal.clear()
        began = time.monotonic()
        with soak.load(AFTER_CALIBRATION, rate) as callers:
            seen = 0
            for minute in range(1, given.minutes + 1):
                time.sleep(max(began + 60 * minute - time.monotonic(), 0))
                upto = len(callers.answers)
                report(soak, f"minute {minute}", callers.answers[seen:upto], 60)
                seen = upto
        stored = [answer for answer in callers.answers if answer.status == 201]
        until(lambda: soak.sent() >= len(stored), "all messages are sent", 300)
        report(soak, "in all", callers.answers, time.monotonic() - began)
        twice = sum(count > 1 for count in soak.console.journal.counts().values())
        print(f"stored {len(stored)}, sent {soak.sent()}, sent twice {twice}, failed {len(callers.refused)}")
    sys.exit(bool(callers.refused or twice or soak.sent() != len(stored)))


if __name__ == "__main__":
    main()
