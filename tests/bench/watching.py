"""What the metrics and the access log cost a request: `python -m tests.bench.watching 2> /dev/null`.

A page of 50 patterns and the creation of a pattern, on PostgreSQL, in this process, by the time that all its
threads have the processor. Requests with and without take turns in groups, and the medians of the groups are
compared; it fails if one is dearer by more than `--most` percent. What a server adds is left out: in practice
they are a smaller share.
"""

import argparse
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from flask import Flask

from notifyhub import instruments, shared_instruments
from notifyhub.api.http import requests
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from tests.bench.messages import installation
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory, UserFactory

PATTERNS = "/api/notifications/notifiers/sms/{}/patterns"
Act = Callable[[int], None]


def fill(app: Flask, _url: str, rows: int) -> str:
    """Store a notifier with so many patterns and one without, and return the token of an admin."""
    with app.app_context():
        notifier = SMSNotifierFactory()
        SMSNotifierFactory()
        for _ in range(rows):
            SMSPatternFactory(notifier_id=notifier.id)
        token = issue_token(db.session(), UserFactory(), None, test=False)
        db.session.commit()
    return token


def ask(app: Flask, token: str, path: str, body: dict[str, str] | None = None) -> None:
    """Make a request as a server hands it over, and read the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET" if body is None else "POST",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Token {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": sys.stderr,
    }
    statuses: list[str] = []
    answer = app.wsgi_app(environ, lambda status, *_: statuses.append(status))  # type: ignore[arg-type]
    for _ in answer:
        pass
    answer.close()  # type: ignore[attr-defined]
    if not statuses[0].startswith("20"):
        sys.exit(f"{path}: {statuses[0]}")


@contextmanager
def unwatched() -> Iterator[None]:
    """Have requests neither counted nor logged."""
    with (
        patch.object(instruments, "count_request", lambda *_: None),
        patch.object(requests, "_log", lambda *_: None),
    ):
        yield


def milliseconds(act: Act, numbers: range) -> float:
    """Return the processor's time for an act."""
    begun = time.process_time()
    for number in numbers:
        act(number)
    return 1000 * (time.process_time() - begun) / len(numbers)


def shares(act: Act, turns: int, group: int) -> tuple[float, float]:
    """Return the medians of an act's times with all and without."""
    with_all, without = [], []
    for turn in range(turns):
        first = range(2 * turn * group, (2 * turn + 1) * group)
        second = range(first.stop, first.stop + group)
        if turn % 2:
            first, second = second, first
        with_all.append(milliseconds(act, first))
        with unwatched():
            without.append(milliseconds(act, second))
    return statistics.median(with_all), statistics.median(without)


def main() -> None:
    """Measure, print, and fail if they cost too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--group", type=int, default=100, help="requests that are timed together")
    parser.add_argument("--most", type=float, default=3.0, help="the greatest cost that passes, in percent")
    given = parser.parse_args()
    costs = []
    with installation(200, fill) as place:
        app = place.client.application
        shared_instruments.share(Path(app.instance_path))

        def page(_: int) -> None:
            ask(app, place.token, f"{PATTERNS.format(1)}?limit=50")

        def create(number: int) -> None:
            ask(
                app, place.token, PATTERNS.format(2), {"name": f"p-{number}", "code": "1", "body": "code {0}"}
            )

        for name, act in {"list 50": page, "create": create}.items():
            with_all, without = shares(act, given.turns, given.group)
            costs.append(100 * (with_all / without - 1))
            print(f"{name:8}{without:8.3f} ms{with_all:8.3f} ms{costs[-1]:6.1f} %")  # noqa: T201
    sys.exit(max(costs) > given.most)


if __name__ == "__main__":
    main()
