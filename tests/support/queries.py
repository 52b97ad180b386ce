"""A counter of the statements that the application sends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event

from notifyhub.extensions import db


@dataclass
class Queries:
    """Counts statements while it is entered."""

    app: Flask
    statements: list[str] = field(default_factory=list)

    def __enter__(self) -> list[str]:
        self.statements = []
        self._on_engines(event.listen)
        return self.statements

    def __exit__(self, *_: object) -> None:
        self._on_engines(event.remove)

    def _on_engines(self, act: Callable[..., None]) -> None:
        with self.app.app_context():
            for engine in db.engines.values():
                act(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)


@pytest.fixture
def queries(app: Flask) -> Iterator[Queries]:
    """A counter of statements. The clock stands still: a token's use is noted once a minute."""
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield Queries(app)
