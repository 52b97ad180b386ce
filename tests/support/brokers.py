"""The brokers that the tests talk to."""

import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from kombu import Connection

from notifyhub.jobs import queues
from tests.support.environment import absent

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
KINDS = ("filesystem", "rabbitmq", "redis")

AppAt = Callable[[str], Flask]


def broker_url(kind: str) -> str:
    """Return a broker's URL, empty for the embedded one; the test is skipped where it does not answer."""
    url = {"filesystem": "", "rabbitmq": RABBITMQ, "redis": REDIS}[kind]
    if url:
        try:
            socket.create_connection((urlsplit(url).hostname, urlsplit(url).port or 0), 2).close()
        except OSError:
            absent(kind, f"TEST_{kind.upper()}_URL")
    return url


def prefix() -> str:
    """Return a prefix of queues that nobody else has."""
    return f"notifyhub-test-{secrets.token_hex(6)}"


def delete_queues(url: str, prefix: str) -> None:
    """Leave nothing at the broker."""
    if url:
        with Connection(url) as connection:
            for name in queues.QUEUES:
                queues.named_queue(prefix, name)(connection.default_channel).delete()


def empty_queues(app: Flask) -> None:
    """Delete the embedded broker's jobs: no worker takes them, and a full queue is not filled further."""
    app.extensions["due_messages"].flush()
    for job in Path(app.instance_path).glob("queue/*/*.msg"):
        job.unlink(missing_ok=True)


def taken(app: Flask, queue: str = queues.MESSAGES) -> list[tuple[str, list[Any]]]:
    """Take all jobs from a queue: task and arguments of each."""
    url, options = queues.broker(app)
    jobs = []
    with Connection(url, transport_options=options) as connection:
        name = queues.named_queue(app.config["QUEUE_PREFIX"], queue)
        bound = name(connection.default_channel)
        bound.queue_declare()
        while (message := bound.get(no_ack=True)) is not None:
            assert message.content_type == "application/json"
            args, _, _ = json.loads(message.body)
            jobs.append((message.headers["task"], args))
    return jobs


@pytest.fixture
def app_at(other_app: Callable[..., Flask], tmp_path: Path) -> Iterator[AppAt]:
    """Give a function that makes an application that talks to a broker, by queues of its own."""
    made: list[Flask] = []

    def make_app(url: str) -> Flask:
        made.append(
            other_app(
                NOTIFYHUB_BROKER_URL=url,
                NOTIFYHUB_QUEUE_PREFIX=prefix(),
                NOTIFYHUB_INSTANCE=str(tmp_path / "instance"),
            )
        )
        return made[-1]

    yield make_app
    for app in made:
        app.extensions["due_messages"].flush()
        with app.app_context():
            queues.publisher().close()
        if app.config["BROKER_URL"] in {RABBITMQ, REDIS}:
            delete_queues(app.config["BROKER_URL"], app.config["QUEUE_PREFIX"])


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of a Redis server."""
    return broker_url("redis")
