"""Claims: of any number of workers one has a message."""

import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.database.base import now
from notifyhub.delivery import claims, recovery
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Channel, Message, MessageStatus
from tests.support.environment import ROOT
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    MessageFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.scripted import NAME, Scripted

PROCESS = """
import sys
from notifyhub.app import create_app
from notifyhub.delivery import claims
app = create_app()
with app.app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    print(*(each for each in map(int, sys.argv[1:]) if claims.claim([each])))
"""


def stored(app: Flask, count: int, **values: object) -> list[int]:
    with app.app_context():
        notifier = SMSNotifierFactory(backend=NAME, settings={"token": "a"})
        made: list[Message] = MessageFactory.create_batch(count, notifier=notifier, **values)
        return [message.id for message in made]


@pytest.mark.slow
def test_no_two_processes_claim_the_same_message(
    app: Flask, environment: dict[str, str], processes: list[subprocess.Popen[str]]
) -> None:
    ids = stored(app, 60)
    processes += [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *map(str, ids)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate()[0] for process in processes]
    claimed = Counter(int(message_id) for output in outputs for message_id in output.split())
    assert claimed == Counter(ids)
    with app.app_context():
        attempts = db.session.execute(select(Attempt.message_id, func.count()).group_by(Attempt.message_id))
        assert {row[0]: row[1] for row in attempts} == dict.fromkeys(ids, 1)
        db.session.rollback()


def test_two_recoveries_and_ten_workers_at_once_send_each_message_once(
    app: Flask, scripted: type[Scripted]
) -> None:
    ids = stored(app, 40, status=MessageStatus.SCHEDULED)
    start = threading.Barrier(12)
    errors: list[BaseException] = []

    def run(work: object) -> None:
        try:
            with app.app_context():
                start.wait()
                work()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - it is shown by the test
            errors.append(error)

    def deliver_all() -> None:
        for message_id in ids:
            deliver(message_id)

    works = [*[deliver_all] * 10, *[recovery.recover] * 2]
    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(Scripted.sent["a"]) == len(ids)
    with app.app_context():
        assert set(db.session.scalars(select(Message.status))) == {MessageStatus.SENT}
        assert len(db.session.scalars(select(Attempt.id)).all()) == len(ids)
        db.session.rollback()


def test_a_claim_counts_rounds_and_attempts_on_over_retries(app: Flask) -> None:
    [message_id] = stored(app, 1)
    with app.app_context():
        for number in (1, 1, 3):
            db.session.add(
                Attempt(
                    message_id=message_id,
                    round=number,
                    notifier_id=1,
                    notifier_name="x",
                    started_at=now(),
                    outcome="temporary",
                )
            )
        db.session.commit()
        (claim,) = claims.claim([message_id])
    assert (claim.round, claim.attempts) == (4, 3)


def test_a_claim_lasts_for_the_lease_and_starts_the_attempt_with_it(app: Flask) -> None:
    [message_id] = stored(app, 1)
    before = now()
    with app.app_context():
        (claim,) = claims.claim([message_id])
        message = db.session.get_one(Message, message_id)
        [attempt] = message.attempts
        db.session.commit()
    assert (message.status, message.lease_token) == (MessageStatus.SENDING, claim.lease_token)
    assert message.lease_until
    assert before + timedelta(seconds=60) <= message.lease_until <= now() + timedelta(seconds=60)
    assert (attempt.id, attempt.outcome, attempt.round) == (claim.attempt_id, None, 1)


def test_an_attempt_that_is_started_twice_is_one(app: Flask) -> None:
    [message_id] = stored(app, 1)
    with app.app_context():
        (claim,) = claims.claim([message_id])
        first = claims.start_attempts([claim], 7, "backup")
        assert first
        assert first == claims.start_attempts([claim], 7, "backup")
        assert first != claims.start_attempts([claim], 8, "another")


def test_only_a_text_s_pattern_is_one_of_texts(app: Flask) -> None:
    with app.app_context():
        pattern = SMSPatternFactory(status="approved")
        mail = EmailPatternFactory(id=pattern.id)
        ids = [
            MessageFactory(pattern=pattern).id,
            MessageFactory(notifier=EmailNotifierFactory(), channel=Channel.EMAIL, pattern=mail).id,
        ]
        text, letter = claims.claim(ids)
        assert (text.pattern_id, letter.pattern_id) == (pattern.id, pattern.id)
        assert (text.pattern_version is None, letter.pattern_version) == (False, None)
