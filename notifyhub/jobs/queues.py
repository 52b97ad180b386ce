"""The queues and their jobs. The row is the truth; a job that is lost costs the delay until the recovery.

Jobs are Celery's messages, published by kombu's producer: a request must not wait for a broker that is down.
"""

import atexit
import os
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
from notifyhub.logs import LogThrottle

T = TypeVar("T")

MESSAGES = "messages"
CODES = "codes"
"""The queue of messages with one-time passwords."""
WEBHOOKS = "webhooks"
UPKEEP = "upkeep"
"""The queue of periodic work, which must not wait behind a million messages."""
QUEUES = (MESSAGES, CODES, WEBHOOKS, UPKEEP)

BROKER_TIMEOUT_SECONDS = 2
BROKER_PAUSE_SECONDS = 5.0
"""For which a broker that failed is left alone, so that not every request waits for it."""


@dataclass(frozen=True)
class Job:
    """A task to be run with some arguments; after `expires` seconds nobody needs it any more."""

    task: str
    args: Sequence[Any] = ()
    expires: float | None = None


class Publisher:
    """Publishes jobs over one connection for each process, which is made when it is needed."""

    def __init__(self, url: str, options: dict[str, Any], prefix: str) -> None:
        self._url = url
        self._options = options
        self._prefix = prefix
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._process = 0
        self._resumes = 0.0
        self._repeated = LogThrottle(REPEAT_AFTER_SECONDS)

    def publish(self, jobs: Sequence[Job], queue: str) -> bool:
        """Publish jobs; False, after a few seconds at most, if the broker does not take them."""
        named, left = named_queue(self._prefix, queue), list(jobs)

        def send_left(producer: Producer) -> bool:
            while left:
                _send(producer, left[0], named)
                left.pop(0)
            return True

        return self._ask(send_left) or False

    def depth(self, queue: str) -> int | None:
        """Return how many jobs wait in a queue; None if the broker does not say."""
        named = named_queue(self._prefix, queue)
        return self._ask(lambda producer: _depth(producer, named))

    def close(self) -> None:
        """Close the connection, whose jobs the broker has read then; the next job opens another."""
        if self._process == os.getpid():  # else it is a parent's
            with self._lock:
                self._drop()

    def _ask(self, work: Callable[[Producer], T]) -> T | None:
        """Return what `work` does with a producer; None if the broker does not answer or is left alone."""
        if not self._lock.acquire(timeout=BROKER_TIMEOUT_SECONDS):
            return None
        try:
            return None if time.monotonic() < self._resumes else self._attempt(work)
        finally:
            self._lock.release()

    def _attempt(self, work: Callable[[Producer], T]) -> T | None:
        """Return what `work` does with a producer; None if the broker does not answer.

        A connection that was open before may have died: only a new one that fails means that the broker is
        down.
        """
        if self._process != os.getpid():  # a connection is never shared with a parent process
            self._connection, self._producer, self._process = None, None, os.getpid()
        while True:
            is_new = self._producer is None
            try:
                if self._producer is None:
                    self._producer = self._connect()
                return work(self._producer)
            except self._errors() as error:
                self._drop()
                if is_new:
                    self._resumes = time.monotonic() + BROKER_PAUSE_SECONDS
                    why = _why(error)
                    if self._repeated.allows(why):
                        current_app.logger.warning("The broker can't be reached: %s", why)
                    return None

    def _connect(self) -> Producer:
        self._connection = Connection(
            self._url, connect_timeout=BROKER_TIMEOUT_SECONDS, transport_options=self._options
        )
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
    """Give the application its publisher, which is closed when the process ends."""
    url, options = broker(app)
    publisher = Publisher(url, _with_timeouts(url, options), app.config["QUEUE_PREFIX"])
    app.extensions["publisher"] = publisher
    atexit.register(publisher.close)


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


def _send(producer: Producer, job: Job, queue: Queue) -> None:
    message = celery.amqp.as_task_v2(
        str(uuid.uuid4()),
        job.task,
        job.args,
        {},
        expires=job.expires,
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
        delivery_mode="transient",  # what a broker forgets when it restarts, the recovery finds
        **message.properties,
    )


def _why(error: BaseException) -> str:
    """Return why the broker does not answer; its own words may hold what is in the URL."""
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


def _with_timeouts(url: str, options: dict[str, Any]) -> dict[str, Any]:
    if url.startswith("amqp"):
        return {"read_timeout": BROKER_TIMEOUT_SECONDS, "write_timeout": BROKER_TIMEOUT_SECONDS}
    if url.startswith("redis"):
        return {"socket_timeout": BROKER_TIMEOUT_SECONDS, "socket_connect_timeout": BROKER_TIMEOUT_SECONDS}
    return options
