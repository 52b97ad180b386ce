"""Receivers, and an application that may send to them."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.rows import context
from tests.webhooks.receiver import Receiver, SecureReceiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def secure_receiver() -> Iterator[SecureReceiver]:
    with SecureReceiver() as started:
        yield started


@pytest.fixture
def _allowed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks may go to this machine."""
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW", ["127.0.0.1"])


@pytest.fixture
def _context(app: Flask, _allowed: None) -> Iterator[None]:
    """The test runs in the application's context, as a task of a worker does."""
    with context(app):
        yield
