"""Run the simulated providers by hand: `python -m tests.simulators`."""
# ruff: noqa: T201 - it is a command

import argparse
import logging
import threading
from collections.abc import Callable

from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, ippanel, melipayamak, smtp
from tests.simulators.journal import Received


def main() -> None:
    """Start all three, print where they are and what comes in, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=main.__doc__)
    parser.add_argument("--ippanel-port", type=int, default=0, metavar="P")
    parser.add_argument("--melipayamak-port", type=int, default=0, metavar="P")
    parser.add_argument("--smtp-port", type=int, default=0, metavar="P")
    given = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of a property that itself sets
    with (
        IPPanelSimulator(given.ippanel_port) as edge,
        MeliPayamakSimulator(given.melipayamak_port) as console,
        SMTPSimulator(given.smtp_port) as mail,
    ):
        codes = ", ".join(f"{code} ({pattern.body})" for code, pattern in edge.patterns.items())
        bodies = ", ".join(f"{number} ({pattern.body})" for number, pattern in console.patterns.items())
        lines = [
            f"export NOTIFYHUB_IPPANEL_URL={edge.url}",
            f"export NOTIFYHUB_MELIPAYAMAK_URL={console.url}",
            "export NOTIFYHUB_SMTP_VERIFY=0",
            f"# ippanel: token {edge.token}, from_number {ippanel.LINE}; patterns {codes}",
            f"# melipayamak: token {console.token}, number {melipayamak.NUMBER}; patterns {bodies}",
            f"# smtp: 127.0.0.1 port {mail.port} (plain, STARTTLS) and {mail.tls_port} (implicit TLS),",
            f"#   username {smtp.USERNAME}, password {smtp.PASSWORD}",
            *(f"# control: {url}" for url in (edge.control_url, console.control_url, mail.control_url)),
        ]
        print("\n".join(lines), flush=True)
        for name, simulator in (("ippanel", edge), ("melipayamak", console), ("smtp", mail)):
            simulator.journal.listener = _printer(name)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


def _printer(name: str) -> Callable[[Received], None]:
    def show(message: Received) -> None:
        text = " / ".join(message.text.split("\n"))
        print(f"{name}  to {message.recipient}  id {message.id}  {text.strip(' /')}", flush=True)

    return show


if __name__ == "__main__":
    main()
