"""Seeding where several processes do it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from sqlalchemy import func, select

from notifyhub.database.connections import orm_session
from notifyhub.extensions import db
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns.models import SMSPattern
from notifyhub.seeding import document, seeder
from notifyhub.seeding.mistakes import Mistakes

FILE = b"sms: [{name: a, backend: ippanel, patterns: [{name: p, code: 1, body: b}]}]"


def test_what_several_processes_seed_together_is_made_once(app: Flask) -> None:
    def seed(_: int) -> Counter[str]:
        mistakes = Mistakes("seed.yaml")
        root = document.read(FILE, {}, mistakes)
        with app.app_context(), orm_session() as session:
            counts = seeder.seed(session, root, mistakes).counts
            mistakes.raise_first()
        return counts["SMS notifier"] + counts["SMS pattern"]

    with ThreadPoolExecutor(4) as pool:
        outcomes = sum(pool.map(seed, range(8)), Counter())
    assert outcomes == {"created": 2, "unchanged": 14}
    with app.app_context():
        for model in (SMSNotifier, SMSPattern):
            assert db.session.scalar(select(func.count()).select_from(model)) == 1
