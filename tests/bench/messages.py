"""Any page of the list of messages, with each filter, at many rows beside the same page at few.

    python -m tests.bench.messages --rows 2000000

Two databases on the PostgreSQL server of the tests are filled with what a service has after some months: few
recipients get most messages, most messages end well, some kinds occurred only long ago. Each page is asked
for through the application, in this process, from both databases by turns; the medians are printed, and it
fails if one page takes more than `--most` times as long. Both databases are dropped at the end.
"""

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from psycopg import sql

from notifyhub.api.pagination.cursor import Cursor
from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from tests.support.environment import ENCRYPTION_KEY, POSTGRESQL, SECRET_KEY
from tests.support.factories import UserFactory

FEW = 10_000
LIST = "/api/notifications/messages"

# `n` counts the rows, `a` to `e` are random. What is old only: emails, failures, notifier 9, pattern 99.
FILL = """
INSERT INTO messages (channel, status, recipient, notifier_id, notifier_name, home_notifier_id, pattern_id,
    pattern_name, args, text, encoding, segments, reference, client_metadata, batch_id, is_test, expires_at,
    sent_at, provider_message_id, rounds, next_attempt_at, reports_asked, created_at, updated_at)
SELECT channel, status, CASE WHEN n %% (%(rows)s / 80) = 0 THEN '+989350000000'
        WHEN channel = 'sms' THEN '+9891' || lpad(who::text, 8, '0') ELSE 'user' || who || '@example.com' END,
    notifier, 'notifier', notifier, pattern, CASE WHEN pattern IS NOT NULL THEN 'otp' END, '["12345"]',
    'Your login code is 12345. Do not give it to anybody.', 'gsm7', 1,
    CASE WHEN c < 0.1 THEN 'newsletter' WHEN c < 0.3 THEN 'order-' || n END, '{}',
    CASE WHEN d < 0.1 THEN 1 + n / 1000 END, e < 0.02, created + interval '1 day', created,
    (1000000000 + n)::text, 1, CASE status WHEN 'queued' THEN created END, 1, created, created
FROM (
    SELECT *, (10000000 * c ^ 4)::bigint AS who,
        timestamptz '2025-06-01' + n * interval '90 days' / %(rows)s AS created,
        CASE WHEN a < 0.05 AND n < %(rows)s * 0.6 THEN 'email' ELSE 'sms' END AS channel,
        CASE WHEN n > %(rows)s - 80 THEN 'queued' WHEN n <= 160 THEN 'expired'
            WHEN n %% (%(rows)s / 120) = 1 THEN 'cancelled' WHEN b < 0.2 AND n < %(rows)s / 2 THEN 'failed'
            WHEN b < 0.8 THEN 'delivered' WHEN b < 0.85 THEN 'sent' ELSE 'undelivered' END AS status,
        CASE WHEN d < 0.3 AND n < %(rows)s / 3 THEN 9 ELSE 1 + floor(3 * d * d) END AS notifier,
        CASE WHEN a < 0.05 THEN NULL WHEN e < 0.2 AND n < %(rows)s / 4 THEN 99
            ELSE 1 + floor(30 * e * e) END AS pattern
    FROM (SELECT n, random() a, random() b, random() c, random() d, random() e
          FROM generate_series(1, %(rows)s) n) AS numbers
) AS message
"""
BATCHES = """
INSERT INTO batches (count, created_at) SELECT 100, now() FROM generate_series(0, %(rows)s / 1000)
"""

FILTERS = (
    "",
    "status=delivered",
    "status=failed",
    "status=cancelled",
    "status=expired",
    "status=queued,sending",
    "status=failed,cancelled,expired",
    "channel=sms",
    "channel=email",
    "to=%2B989100000000",
    "to=09350000000",
    "reference=newsletter",
    "reference=order-77",
    "batch=5",
    "channel=sms&notifier=1",
    "channel=sms&notifier=9",
    "channel=email&notifier=2",
    "pattern=1",
    "pattern=99",
    "test=true",
    "test=false",
    "id_min=100&id_max=5000",
    "created_from=2025-07-01",
    "created_to=2025-07-01",
    "created_from=2025-07-01&created_to=2025-07-01",
    "status=failed&channel=email",
    "status=delivered&channel=sms&test=false",
    "status=expired&test=true",
    "status=delivered&to=%2B989100000000",
    "status=cancelled&pattern=1",
    "status=failed&channel=sms&notifier=1",
    "status=undelivered&reference=newsletter",
    "status=failed&created_from=2025-07-01&created_to=2025-07-10",
    "channel=email&created_from=2025-07-01",
)


@dataclass
class Installation:
    """An application with a database of messages."""

    rows: int
    client: FlaskClient
    token: str

    def ask(self, query: str, *, deep: bool) -> float:
        """Return how long a page takes, in milliseconds."""
        cursor = f"cursor={Cursor(self.rows // 2)}&" if deep else ""
        begun = time.perf_counter()
        answer = self.client.get(f"{LIST}?{cursor}{query}", headers={"Authorization": f"Token {self.token}"})
        taken = time.perf_counter() - begun
        if answer.status_code != 200:
            sys.exit(f"{answer.status_code} for {query}: {answer.get_data(as_text=True)}")
        return taken * 1000


@contextmanager
def installation(rows: int, fill: Callable[[Flask, str, int], str]) -> Iterator[Installation]:
    """Give an application on a new database, which is dropped afterwards.

    `fill` stores so many messages in it, and a user whose token it returns.
    """
    name = f"notifyhub_bench_{secrets.token_hex(4)}"
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with tempfile.TemporaryDirectory() as folder:
                app = create_app(
                    {
                        "NOTIFYHUB_DATABASE_URL": f"{POSTGRESQL}/{name}",
                        "NOTIFYHUB_INSTANCE": folder,
                        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
                        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
                    }
                )
                with app.app_context():
                    upgrade()
                yield Installation(rows, app.test_client(), fill(app, f"{POSTGRESQL}/{name}", rows))
                with app.app_context():
                    for engine in db.engines.values():
                        engine.dispose()
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def fill(app: Flask, url: str, rows: int) -> str:
    """Store messages, and a user whose token is returned."""
    with app.app_context():
        token = issue_token(db.session(), UserFactory(), None, test=False)
        db.session.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(BATCHES, {"rows": rows})
        connection.execute(FILL, {"rows": rows})
        connection.execute("VACUUM ANALYZE")
    return token


def main() -> None:
    """Measure, print a table, and fail if a page is too slow."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rows", type=int, default=200_000)
    arguments.add_argument("--times", type=int, default=100, help="how often each page is asked for")
    arguments.add_argument("--most", type=float, default=1.5, help="the greatest ratio that passes")
    given = arguments.parse_args()
    with ExitStack() as stack:
        few, many = (stack.enter_context(installation(rows, fill)) for rows in (FEW, given.rows))
        print(f"{'page':72}{FEW:>10,}{given.rows:>12,}   ratio")  # noqa: T201
        ratios = []
        for query in FILTERS:
            for deep in (False, True):
                taken = [
                    (few.ask(query, deep=deep), many.ask(query, deep=deep)) for _ in range(given.times + 15)
                ]
                # At first statements are planned anew each time.
                least, most = (statistics.median(times) for times in zip(*taken[15:], strict=True))
                ratios.append(most / least)
                page = f"{'deep ' if deep else 'first'} {query or 'all'}"
                print(f"{page:72}{least:7.2f} ms{most:9.2f} ms{ratios[-1]:8.2f}")  # noqa: T201
    print(f"The greatest ratio is {max(ratios):.2f}, at most {given.most:.2f} passes.")  # noqa: T201
    sys.exit(max(ratios) > given.most)


if __name__ == "__main__":
    main()
