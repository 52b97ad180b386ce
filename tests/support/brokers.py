"""The brokers that the tests talk to."""

import os
import secrets
import socket
from urllib.parse import urlsplit

import pytest
from kombu import Connection

from notifyhub.jobs import queues
from tests.support.environment import absent

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
KINDS = ("filesystem", "rabbitmq", "redis")


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


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of a Redis server."""
    return broker_url("redis")
