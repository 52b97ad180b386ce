"""The queue: calls that wake workers. The row is the truth; a call that is lost costs a sweep's delay.

Calls are Celery's messages, published straight through kombu: a request must not wait for a broker that is
down, and workers of any fork or thread share nothing but a lock.
"""

import os
import select
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from amqp.exceptions import AccessRefused
from flask import Flask, current_app
from kombu import Connection, Exchange, Producer, Queue
from kombu.exceptions import KombuError
from redis.exceptions import AuthenticationError

from notifyhub.database.outages import REPEAT_AFTER_SECONDS
from notifyhub.extensions import celery
from notifyhub.instance import make_folder
from notifyhub.jobs import filesystem_broker
from notifyhub.logs import Seldom

T = TypeVar("T")

MESSAGES = "messages"
CODES = "codes"
"""The queue of messages with one-time passwords."""
WEBHOOKS = "webhooks"
UPKEEP = "upkeep"
"""The queue of periodic work, which must not wait behind a million messages."""
QUEUES = (MESSAGES, CODES, WEBHOOKS, UPKEEP)

TIMEOUT = 2
PAUSE = 5.0
"""Seconds for which a broker that failed is left alone, so that not every request waits for it."""


@dataclass(frozen=True)
class Job:
    """A task to be run with some arguments; after `expires` seconds nobody needs it any more."""

    task: str
    args: Sequence[Any] = ()
    expires: float | None = None


class Publisher:
    """Publishes calls over one connection per process, which is made when it is needed."""

    def __init__(self, url: str, options: dict[str, Any], prefix: str) -> None:
        self._url = url
        self._options = options
        self._prefix = prefix
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._process = 0
        self._resumes = 0.0
        self._repeated = Seldom(REPEAT_AFTER_SECONDS)

    def publish(self, calls: Sequence[Job], queue: str) -> bool:
        """Publish calls; False, after a few seconds at most, if the broker does not take them."""
        if not self._lock.acquire(timeout=TIMEOUT):
            return False
        try:
            if time.monotonic() < self._resumes:
                return False
            return self._publish(calls, named_queue(self._prefix, queue))
        finally:
            self._lock.release()

    def depth(self, queue: str) -> int | None:
        """Return how many calls wait in a queue; None if the broker does not say."""
        if not self._lock.acquire(timeout=TIMEOUT):
            return None
        try:
            if time.monotonic() < self._resumes:
                return None
            named = named_queue(self._prefix, queue)
            return self._attempt(lambda producer: _depth(producer, named))
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        with self._lock:
            self._drop()

    def _publish(self, calls: Sequence[Job], queue: Queue) -> bool:
        left = list(calls)

        def publish(producer: Producer) -> bool:
            while left:
                _send(producer, left[0], queue)
                left.pop(0)
            return True

        return self._attempt(publish) or False

    def _attempt(self, work: Callable[[Producer], T]) -> T | None:
        """Return what `work` does with a producer; None if the broker does not take part.

        An idle connection may have died: only a fresh one that fails tells that the broker is away.
        """
        if self._process != os.getpid():  # a connection is never shared with a parent process
            self._connection, self._producer, self._process = None, None, os.getpid()
        if self._is_stale():
            self._drop()
        while True:
            fresh = self._producer is None
            try:
                if self._producer is None:
                    self._producer = self._connect()
                return work(self._producer)
            except self._errors() as error:
                self._drop()
                if fresh:
                    self._resumes = time.monotonic() + PAUSE
                    why = _why(error)
                    if self._repeated.due(why):
                        current_app.logger.warning("The broker can't be reached: %s", why)
                    return None

    def _is_stale(self) -> bool:
        """Tell whether RabbitMQ has said something: to one that only publishes, that can but be the end.

        A call would seem to go out on a connection that has been closed, and be lost.
        """
        if self._connection is None or not self._url.startswith("amqp"):
            return False
        poll = select.poll()
        poll.register(self._connection.connection.sock, select.POLLIN)
        return bool(poll.poll(0))

    def _connect(self) -> Producer:
        self._connection = Connection(self._url, connect_timeout=TIMEOUT, transport_options=self._options)
        self._connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
        return Producer(self._connection.channel(), auto_declare=False)

    def _errors(self) -> tuple[type[Exception], ...]:
        transport = Connection(self._url).transport
        return (OSError, KombuError, *transport.connection_errors, *transport.channel_errors)

    def _drop(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()


def named_queue(prefix: str, queue: str) -> Queue:
    """Return a queue of this installation; the broker's default exchange leads to it by its name."""
    return Queue(f"{prefix}.{queue}", Exchange(""), routing_key=f"{prefix}.{queue}")


def init_app(app: Flask) -> None:
    """Give the application its publisher."""
    url, options = broker(app)
    app.extensions["publisher"] = Publisher(url, _impatient(url, options), app.config["QUEUE_PREFIX"])


def broker(app: Flask) -> tuple[str, dict[str, Any]]:
    """Return the broker's URL and the options of its transport.

    Without a broker it is a folder in the instance folder, which workers look into every 50 ms.
    """
    url = app.config["BROKER_URL"]
    if not url.startswith("filesystem:"):
        return url, {}
    place = make_folder(Path(app.instance_path), "queue")
    return filesystem_broker.URL, {
        "data_folder_in": str(place),
        "data_folder_out": str(place),
        "control_folder": make_folder(place, "control"),
        "polling_interval": 0.05,
    }


def publisher() -> Publisher:
    """Return the current application's publisher."""
    return current_app.extensions["publisher"]  # type: ignore[no-any-return]


def _send(producer: Producer, call: Job, queue: Queue) -> None:
    message = celery.amqp.as_task_v2(
        str(uuid.uuid4()),
        call.task,
        call.args,
        {},
        expires=call.expires,
        argsrepr="",
        kwargsrepr="",
        ignore_result=True,
    )
    producer.publish(
        message.body,
        routing_key=queue.name,
        exchange="",
        serializer="json",
        headers=message.headers,
        declare=[queue],
        retry=False,
        delivery_mode="transient",  # what a broker forgets when it restarts, the sweep does not
        **message.properties,
    )


def _why(error: BaseException) -> str:
    """Return why the broker does not take part; its own words may hold what is in the URL."""
    if isinstance(error, AccessRefused | AuthenticationError):
        return "it refuses the user name or the password of NOTIFYHUB_BROKER_URL"
    cause: BaseException | None = error
    while cause is not None:  # a library's own error may have the system's behind it
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _depth(producer: Producer, queue: Queue) -> int:
    # Declaring what is there changes nothing; asking passively, Redis would not know an empty queue.
    return int(queue(producer.channel).queue_declare().message_count)


def _impatient(url: str, options: dict[str, Any]) -> dict[str, Any]:
    if url.startswith("amqp"):
        return {"read_timeout": TIMEOUT, "write_timeout": TIMEOUT}
    if url.startswith("redis"):
        return {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    return options
