"""How fast messages are accepted: `python -m tests.bench.accepting`.

Messages over HTTP on PostgreSQL, each stored and called for at RabbitMQ, beside patterns, which are only
stored. The two take turns, and their medians are compared.
"""

import argparse
import sys

from tests.bench.otp import beside, installation

LEAST_RATIO = 0.8
MESSAGES = "/api/notifications/messages"


def main() -> None:
    """Measure, print, and exit with 1 if the bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accepting", description=main.__doc__)
    parser.add_argument("--requests", type=int, default=1000, metavar="N")
    parser.add_argument("--turns", type=int, default=5, metavar="N")
    given = parser.parse_args()
    with installation("rabbitmq", 0, worker=False) as service:
        patterns = f"/api/notifications/notifiers/sms/{service.notifier}/patterns"

        def message(number: int) -> None:
            body = {"channel": "sms", "to": f"0912{number:07}", "text": "Your order is on its way."}
            service.post(MESSAGES, body, service.live)

        def pattern(number: int) -> None:
            body = {"name": f"pattern-{number}", "code": "1", "body": "Your login code is {0}"}
            service.post(patterns, body, service.live)

        acts = {"messages": message, "patterns": pattern}
        met = beside(acts, given.requests, given.turns, LEAST_RATIO)
    sys.exit(not met)


if __name__ == "__main__":
    main()
