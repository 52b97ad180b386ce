"""Workers that were seen, and figures that no other test has counted."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select

from notifyhub.database.base import table_of
from notifyhub.database.clock import DatabaseNow
from notifyhub.delivery.figures import Figures
from notifyhub.extensions import db
from notifyhub.jobs.models import Role, Worker
from notifyhub.jobs.queues import QUEUES

Seen = Callable[..., datetime]


@pytest.fixture(autouse=True)
def figures(app: Flask) -> Iterator[Figures]:
    """The figures of this test."""
    before = app.extensions["figures"]
    app.extensions["figures"] = Figures()
    yield app.extensions["figures"]
    app.extensions["figures"] = before


@pytest.fixture
def seen(app: Flask) -> Seen:
    """Give a function that stores processes seen so many seconds ago, and returns when that was."""

    def store(*roles: Role, ago: float = 0, name: str = "mq1:17") -> datetime:
        with app.app_context(), db.engine.begin() as connection:
            at: datetime = connection.scalar(select(DatabaseNow()))  # type: ignore[assignment]
            at -= timedelta(seconds=ago)
            for role in roles:
                row = {
                    "process": name,
                    "role": role,
                    "name": name,
                    "queues": list(QUEUES) if role is Role.WORKER else [],
                    "host": "mq1",
                    "version": "1",
                    "started_at": at - timedelta(minutes=3),
                    "last_seen_at": at,
                }
                connection.execute(insert(table_of(Worker)).values(row))
        return at

    return store
