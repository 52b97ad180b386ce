"""The worker: Celery in one process, whose threads spend their time waiting for providers."""

import logging
import os
import signal
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry, Scheduler, Service
from celery.bootsteps import ConsumerStep
from celery.platforms import EX_FAILURE, EX_OK
from celery.worker import state
from flask import Flask
from kombu import Queue
from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.database.base import Base
from notifyhub.database.outages import OutageLog, in_one_line, without_password
from notifyhub.extensions import celery, db
from notifyhub.jobs import queues, repeated, tasks
from notifyhub.jobs.heartbeats import BEAT_SECONDS, Heartbeats
from notifyhub.jobs.pool import queue_pool
from notifyhub.jobs.queues import Job
from notifyhub.jobs.repeated import Repeated
from notifyhub.jobs.threads import CONCURRENCY, Threads
from notifyhub.process.terminal import Terminal

log = logging.getLogger(__name__)

QUEUE_THREADS = {queues.MESSAGES: 1, queues.CODES: 16, queues.WEBHOOKS: 16, queues.UPKEEP: 4}
"""Threads for the jobs of each queue. A list of messages is worked on by as many as the worker is started
with: the one of its job only deals them out."""
PREFETCH_MULTIPLIER = 4
"""Jobs that a worker holds for each of its threads, so that none of them waits for the broker."""
RESTART = 75
"""The status with which the worker ends to be started anew (sysexits.h: EX_TEMPFAIL)."""
PREFETCHED_LISTS = 2
"""Lists that a worker holds, the one that it works on included: more would keep other workers idle."""


def run(
    app: Flask,
    concurrency: int = CONCURRENCY,
    *,
    beat: bool = False,
    may_restart: Callable[[], bool] | None = None,
) -> int:
    """Deliver until SIGTERM or Ctrl-C, which let the attempts under way end; return the exit status.

    With `beat` it also schedules the periodic tasks for all workers: at least one has to. A broker or
    database that is not there yet is waited for. SIGHUP, which has to be blocked, ends it likewise with
    RESTART, if `may_restart`.
    """
    if may_restart and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which it is under nohup
        Thread(target=_take_hangups, args=(Terminal(), may_restart), daemon=True).start()
    configure(app)
    wait_for_database(app)
    wait_for_broker(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    heartbeats = app.extensions["heartbeats"] = Heartbeats(queues.QUEUES)
    beside = [
        *repeated.all_of(app, repeated.WORKER),
        Repeated(app, BEAT_SECONDS, heartbeats.beat, at_end=heartbeats.end),
    ]
    if beat:
        heartbeats.tick()
        Thread(target=_beat, name="beat", daemon=True).start()
    delivery_threads = app.extensions["threads"] = Threads(concurrency)
    queue_threads = {_named(app, name).name: count for name, count in QUEUE_THREADS.items()}
    worker = celery_worker(
        celery,
        sum(QUEUE_THREADS.values()),
        queues=[name for name in queue_threads if name != _named(app, queues.MESSAGES).name],
        pool=queue_pool(queue_threads, delivery_threads),
        ready_callback=lambda _consumer: log.info("The worker is ready"),
    )
    for each in beside:
        each.start()
    worker.start()
    for each in beside:
        each.stop()
    return worker.exitcode or 0


def configure(app: Flask) -> None:
    """Make Celery work for the application; its tasks run in the application's context."""
    declared = [_named(app, name) for name in queues.QUEUES]
    celery.flask_app = app
    celery.set_default()  # for the threads of the pool
    celery.conf.update(celery_options(*queues.broker(app), declared))
    celery.conf.beat_schedule = tasks.beat_schedule()
    logging.getLogger("celery.worker.request").addFilter(_shorten)
    celery.steps["consumer"].add(ListConsumer)


def celery_options(url: str, transport: dict[str, Any], queues: list[Queue]) -> dict[str, Any]:
    """Return the configuration of a Celery worker for a broker and some queues."""
    return {
        "broker_url": url,
        "broker_transport_options": transport,
        "broker_connection_timeout": 4,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_heartbeat": 10,
        "task_queues": queues,
        "task_default_queue": queues[0].name,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": PREFETCH_MULTIPLIER,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
        "worker_detect_quorum_queues": False,
    }


def celery_worker(app: Celery, concurrency: int, pool: Any = "threads", **options: Any) -> Any:
    """Return a Celery worker of one process with so many threads, which talks to no other worker.

    Not Celery's `Worker`, which has a program's ways: its own log, signals, warnings, restart by SIGHUP.
    """
    return app.WorkController(
        pool=pool,
        concurrency=concurrency,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        **options,
    )


def wait_for_database(app: Flask) -> None:
    """Return as soon as the database answers and has its tables; the log says which it is, and what it lacks.

    Raises KeysDoNotFit, for which no waiting helps.
    """
    trouble = OutageLog()
    while True:
        try:
            with app.app_context(), db.engine.connect() as connection:
                for table in Base.metadata.sorted_tables:
                    connection.execute(select(table).limit(1))
        except SQLAlchemyError as error:
            url = without_password(make_url(app.config["SQLALCHEMY_DATABASE_URI"]))
            trouble.warn(f"Waiting for the database {url}. {in_one_line(error)}")
            time.sleep(1)
        else:
            return


def wait_for_broker(app: Flask) -> None:
    """Return as soon as the broker takes jobs; the log says why it does not."""
    with app.app_context():
        while queues.publisher().depth(queues.MESSAGES) is None:
            time.sleep(1)


class ListConsumer(ConsumerStep):  # type: ignore[misc]
    """Consumes the messages' queue on a channel of its own.

    The jobs that a worker holds of all other queues are counted together. Lists, each of which is work for
    seconds, would fill that number, and one-time passwords would wait behind them.
    """

    requires = ("celery.worker.consumer:Tasks",)

    def start(self, c: Any) -> None:
        """Begin to consume, as often as the worker has connected to the broker."""
        channel = c.connection.channel()
        channel.basic_qos(0, PREFETCHED_LISTS, False)
        messages = _named(c.app.flask_app, queues.MESSAGES)
        consumer = c.app.amqp.TaskConsumer(channel, queues=[messages], on_decode_error=c.on_decode_error)
        consumer.on_message = c.create_task_handler()
        consumer.consume()
        self.consumers = [consumer]


class PeriodicScheduler(Scheduler):  # type: ignore[misc]
    """Celery's scheduler, which publishes as all others do: a broker that is down stops nothing.

    It keeps no file. Two schedulers do no harm, as periodic tasks skip the rows that another one has locked.
    """

    producer = None

    def tick(self, *args: Any, **named: Any) -> float:
        """Do what is due; return after how many seconds to look again."""
        celery.flask_app.extensions["heartbeats"].tick()
        return float(super().tick(*args, **named))

    def apply_entry(self, entry: ScheduleEntry, **_: Any) -> None:
        """Publish the job of a task that is due."""
        with celery.flask_app.app_context():
            job = Job(entry.task, expires=entry.options["expires"])
            queues.publisher().publish([job], entry.options["queue"])


def _beat() -> None:
    """Publish periodic tasks when they are due, for ever; without its scheduler the worker stops."""
    try:
        Service(celery, max_interval=1, scheduler_cls=PeriodicScheduler, remote_control=False).start()
    except Exception:
        log.exception("The scheduler has stopped")
        state.should_stop = EX_FAILURE


def _shorten(record: logging.LogRecord) -> bool:
    """Have a job that can't be acknowledged told in one line, without kombu's stack.

    So it is whenever the connection that it came by is closed, by the broker or at the worker's own end.
    """
    if str(record.msg).startswith("Couldn't ack"):
        record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
    return True


def _stop(*_: object) -> None:
    """Have the worker end as soon as the attempts under way have ended.

    It stands for Celery's own handlers, which write to standard output and let a second Ctrl-C drop attempts.
    """
    state.should_stop = EX_OK


def _take_hangups(terminal: Terminal, may_restart: Callable[[], bool]) -> None:
    while state.should_stop is None:
        if terminal.is_closed(signal.sigwaitinfo({signal.SIGHUP})):
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if may_restart() and state.should_stop is None:
            log.info("The worker restarts")
            state.should_stop = RESTART


def _named(app: Flask, queue: str) -> Queue:
    return queues.named_queue(app.config["QUEUE_PREFIX"], queue)
