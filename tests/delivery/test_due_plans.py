"""How what is due is found among many messages: what comes first, without reading the rest of it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from notifyhub.delivery import recovery
from notifyhub.extensions import db
from tests.support.environment import on_postgresql
from tests.support.plans import explained

pytestmark = on_postgresql

# One in fifty waits, as do those that a month has made against what a provider's bad day leaves.
FILL = """
INSERT INTO messages (channel, status, recipient, notifier_id, notifier_name, home_notifier_id, otp_id, text,
    client_metadata, is_test, expires_at, rounds, next_attempt_at, reports_asked, created_at, updated_at)
SELECT 'sms', CASE WHEN waits THEN 'queued' ELSE 'delivered' END, '+989120000000', 1, 'a', 1, otp,
    'Your order is on its way.', '{}', false,
    created + CASE WHEN waits THEN interval '9 days' ELSE interval '1 day' END,
    0, CASE WHEN waits THEN created END, 0, created, created
FROM (SELECT mod(n, 50) = 0 AS waits, CASE WHEN mod(n, 100) = 0 THEN n END AS otp,
        now() - interval '8 days' + mod(n * 7919, 60000) * interval '9 seconds' AS created
    FROM generate_series(1, 60000) n) AS made
"""


@pytest.fixture
def many(app: Flask) -> Iterator[Flask]:
    """The application with many messages, of which some are due, and statistics of them."""
    with app.app_context():
        with db.engine.begin() as connection:
            connection.exec_driver_sql(FILL)
            connection.exec_driver_sql("ANALYZE messages")
        yield app


def test_the_dispatcher_reads_the_first_that_are_due_in_their_order(many: Flask) -> None:
    with explained(many) as plans:
        assert recovery._codes._any()
        assert recovery._others._any()
        assert len(recovery._others._mark(10)) == 10
    selects = [plan for plan in plans if plan.startswith("Limit")]
    for plan, index in zip(selects, ["codes_due", "due", "due"], strict=True):
        assert f"Index Scan using ix_messages_{index} on messages" in plan
        assert "Sort" not in plan


@pytest.mark.slow
def test_lapsed_leases_are_looked_for_among_what_is_sent_now(many: Flask) -> None:
    with explained(many) as plans:
        assert not recovery._any(recovery._lapsed)
    assert "Index Scan using ix_messages_status on messages" in plans[0]
