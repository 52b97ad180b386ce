"""Every code reaches its recipient, whatever its worker is doing when it dies: real processes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from notifyhub.app import create_app
from notifyhub.auth.accounts import issue_token
from notifyhub.extensions import db
from notifyhub.jobs import queues
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.otp.codes import compute_code
from notifyhub.settings.models import DeliverySettings
from tests.messages.accounts import make_accounts
from tests.otp.codes import Codes
from tests.reliability.test_deaths import Workers
from tests.simulators import MeliPayamakSimulator, melipayamak
from tests.support import brokers
from tests.support.clients import Api
from tests.support.databases import dispose, stored_text
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY
from tests.support.factories import UserFactory
from tests.support.service import until

COUNT = 100
KILLED_EVERY = 0.7
LEASE = 3


@pytest.fixture
def console() -> Iterator[MeliPayamakSimulator]:
    """A provider that is slow, so that many workers die while they talk to it."""
    with MeliPayamakSimulator() as simulator:
        simulator.latency = 0.3
        yield simulator


@pytest.fixture
def variables(
    empty_database: Callable[[str], str], console: MeliPayamakSimulator, tmp_path: Path
) -> Iterator[dict[str, str]]:
    assert urlsplit(brokers.broker_url("rabbitmq")).port
    given = {
        "NOTIFYHUB_DATABASE_URL": empty_database("postgresql"),
        "NOTIFYHUB_BROKER_URL": brokers.RABBITMQ,
        "NOTIFYHUB_QUEUE_PREFIX": brokers.prefix(),
        "NOTIFYHUB_INSTANCE": str(tmp_path),
        "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
        "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "NOTIFYHUB_MELIPAYAMAK_URL": console.url,
        "NOTIFYHUB_LEASE_SECONDS": str(LEASE),
    }
    yield given
    brokers.delete_queues(brokers.RABBITMQ, given["NOTIFYHUB_QUEUE_PREFIX"])


@pytest.fixture
def installation(variables: dict[str, str]) -> Iterator[Codes]:
    app = create_app(variables)
    with app.app_context():
        upgrade()
        key = issue_token(db.session(), UserFactory(), None, test=False)
        db.session.commit()
    accounts = make_accounts(app)
    with app.app_context():
        settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
        db.session.get_one(SMSNotifier, accounts.sms).settings = settings
        db.session.merge(DeliverySettings(id=1, max_attempts=50, retry_delays=[1]))
        db.session.commit()
    codes = Codes(app, Api(app.test_client(), key))
    codes.settings(otp_ttl=600, otp_code_len=10)
    yield codes
    with app.app_context():
        queues.publisher().close()
    dispose(app)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_code_arrives_while_workers_are_killed(
    installation: Codes, variables: dict[str, str], console: MeliPayamakSimulator, tmp_path: Path
) -> None:
    log = tmp_path / "workers.log"
    workers = Workers(variables, log)
    over = threading.Event()

    def kill() -> None:
        while not over.wait(KILLED_EVERY):
            workers.replace_oldest()

    killer = threading.Thread(target=kill)
    secrets: dict[str, str] = {}
    try:
        for _ in range(3):
            workers.start()
        killer.start()
        for number in range(COUNT):
            to = f"0912{number:07}"
            made = installation.issued(to)
            with installation.app.app_context():
                secrets[to] = compute_code(installation.row(made["id"]))
            over.wait(0.1)
        console.journal.wait_for(COUNT // 2, 60)
        over.set()
        killer.join()
        until(lambda: len(console.journal.counts()) == COUNT, "all codes have arrived", 60)
        until(lambda: all_over(installation.app), "no message is on its way")
    finally:
        over.set()
        killer.join()
        workers.stop()
    received = console.journal.messages()
    assert {one.recipient for one in received} == set(secrets)
    assert all(secrets[one.recipient] in one.text for one in received)
    counts, doubts = console.journal.counts(), uncertain(installation.app)
    assert {to: count for to, count in counts.items() if count > 1 + doubts.get(to, 0)} == {}
    assert sum(doubts.values()) > 0
    assert workers.kills >= 5
    kept = stored_text(installation.app) + log.read_text(errors="replace")
    assert [secret for secret in secrets.values() if secret in kept] == []
    for to, secret in secrets.items():
        assert installation.guess(secret, to)["verified"]


def all_over(app: Flask) -> bool:
    """Tell whether no message is on its way to a provider any more."""
    with app.app_context():
        return not db.session.scalar(
            select(func.count()).where(Message.status.in_([MessageStatus.QUEUED, MessageStatus.SENDING]))
        )


def uncertain(app: Flask) -> dict[str, int]:
    """Return how many attempts to reach a recipient ended uncertain."""
    counted = (
        select(Message.recipient, func.count())
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Attempt.outcome == Outcome.UNCERTAIN)
        .group_by(Message.recipient)
    )
    with app.app_context():
        return {recipient.replace("+98", "0"): count for recipient, count in db.session.execute(counted)}
