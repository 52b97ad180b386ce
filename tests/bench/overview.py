"""The console's overview at many messages beside the same page at few.

    python -m tests.bench.overview --rows 2000000

Two databases on the PostgreSQL server of the tests are filled with what a service has after three months, up
to this moment, each third message with a one-time password, and their statistics are counted. The page is
asked for through the application, in this process, from both by turns; it fails if the median at many is more
than `--most` times as long, or longer than `--milliseconds`. Both databases are dropped at the end.
"""

import argparse
import statistics
import sys
import time
from contextlib import ExitStack

import psycopg
from flask import Flask

from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from notifyhub.statistics import rollup
from tests.bench.messages import FEW, Installation, installation
from tests.support.console import Console
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, UserFactory

# `n` counts the rows, of which the last is created now; `a` to `c` are random.
MESSAGES = """
INSERT INTO messages (channel, status, recipient, notifier_id, notifier_name, home_notifier_id, text,
    encoding, segments, client_metadata, is_test, expires_at, sent_at, delivered_at, rounds, next_attempt_at,
    report_due_at, reports_asked, otp_id, created_at, updated_at)
SELECT channel, status, '+9891' || lpad((1000000 * c)::int::text, 8, '0'), notifier, 'notifier', notifier,
    'Your login code is *****. Do not give it to anybody.', 'gsm7', 1, '{}', c < 0.01,
    created + interval '1 day', CASE WHEN status IN ('sent', 'delivered', 'undelivered') THEN created END,
    CASE status WHEN 'delivered' THEN created + c * interval '20 seconds' END, 1,
    CASE status WHEN 'queued' THEN created END, CASE WHEN status = 'sent' AND recent THEN created END, 1,
    CASE WHEN n %% 3 = 0 THEN n END, created, created
FROM (
    SELECT *, n > %(rows)s - %(rows)s / 500 AS recent,
        now() - (%(rows)s - n) * interval '90 days' / %(rows)s AS created,
        CASE WHEN a < 0.1 THEN 'email' ELSE 'sms' END AS channel,
        CASE WHEN n > %(rows)s - 50 THEN 'queued' WHEN b < 0.75 THEN 'delivered' WHEN b < 0.9 THEN 'sent'
            WHEN b < 0.95 THEN 'undelivered' WHEN b < 0.98 THEN 'failed' WHEN b < 0.99 THEN 'expired'
            ELSE 'cancelled' END AS status,
        CASE WHEN a < 0.1 THEN 1 ELSE 1 + floor(5 * c) END AS notifier
    FROM (SELECT n, random() a, random() b, random() c FROM generate_series(1, %(rows)s) n) AS numbers
) AS message
"""
CODES = """
INSERT INTO otps (recipient, purpose, is_test, status, channel, fallback_used, nonce, code_len, attempts_left,
    expires_at, resend_at, created_at, updated_at)
SELECT '+9891' || lpad(n::text, 8, '0'), 'login', random() < 0.01,
    CASE WHEN random() < 0.8 THEN 'verified' ELSE 'expired' END, 'sms', false, '\\x00'::bytea, 5, 3,
    created, created, created, created
FROM (SELECT n, now() - (%(rows)s - n) * interval '90 days' / %(rows)s AS created
      FROM generate_series(3, %(rows)s, 3) n) AS code
"""
FIGURES = """
INSERT INTO notifier_minutes (minute, channel, notifier_id, counted, ms, count)
SELECT extract(epoch FROM now())::int / 60 - ago, 'sms', notifier, 'accepted', 20 + duration * 10, 3
FROM generate_series(0, 119) ago, generate_series(1, 5) notifier, generate_series(0, 9) duration
"""
WARM_UP = 10


def fill(app: Flask, url: str, rows: int) -> str:
    """Store messages and what belongs to them, count them, and return the token of an admin."""
    with app.app_context():
        for _ in range(5):
            SMSNotifierFactory()
        EmailNotifierFactory()
        token = issue_token(db.session(), UserFactory(), None, test=False)
        db.session.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (MESSAGES, CODES, FIGURES):
            connection.execute(statement, {"rows": rows})
        connection.execute("VACUUM ANALYZE")
        with app.app_context():
            while rollup.advance():
                pass
            while rollup.run(60):
                pass
        connection.execute("VACUUM ANALYZE")
    return token


def ask(console: Console) -> float:
    """Return how long the page takes, in milliseconds."""
    begun = time.perf_counter()
    page = console.client.get("/console")
    taken = time.perf_counter() - begun
    if page.status_code != 200:
        sys.exit(f"{page.status_code}: {page.get_data(as_text=True)}")
    return taken * 1000


def signed_in(place: Installation) -> Console:
    """Return the browser of the admin, in Persian."""
    console = Console(place.client, "fa")
    console.sign_in(place.token)
    return console


def main() -> None:
    """Measure, print, and fail if the page is too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=50, help="how often the page is asked for")
    parser.add_argument("--most", type=float, default=2.0, help="the greatest ratio that passes")
    parser.add_argument("--milliseconds", type=float, default=100.0, help="the longest time that passes")
    given = parser.parse_args()
    with ExitStack() as stack:
        few, many = (signed_in(stack.enter_context(installation(rows, fill))) for rows in (FEW, given.rows))
        answers = [(ask(few), ask(many)) for _ in range(given.times + WARM_UP)]
        least, most = (statistics.median(times) for times in zip(*answers[WARM_UP:], strict=True))
    print(f"{FEW:,}: {least:.1f} ms; {given.rows:,}: {most:.1f} ms; {most / least:.2f} times")  # noqa: T201
    sys.exit(most > given.milliseconds or most / least > given.most)


if __name__ == "__main__":
    main()
