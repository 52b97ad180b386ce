"""What makes a function a task of Celery, and when the periodic ones are due."""

import inspect
import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from celery import Task
from flask import current_app

from notifyhub.database.connection_checks import log_outage
from notifyhub.extensions import celery
from notifyhub.jobs import queues

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., None])


class FlaskTask(Task):  # type: ignore[misc]
    """A task that runs in the context of the worker's application; a periodic one `every` so many seconds.

    Its arguments, which come from the broker, are ids and lists of ids, as the function's annotations say: a
    call with others is refused.
    """

    every: float | None = None

    def __call__(self, *args: Any, **named: Any) -> None:
        if named or not self._fits(args):
            log.warning("Refused a call of %s: its arguments are not what we publish", self.name)
            return
        with self.app.flask_app.app_context():
            try:
                self.run(*args)
            except Exception as error:
                # Once a minute, not with each job. The recovery comes back to the rows.
                if not log_outage(current_app.extensions["outage_log"], error):
                    raise

    def _fits(self, args: tuple[Any, ...]) -> bool:
        return len(args) == len(self._kinds) and all(map(_is_of_kind, args, self._kinds))

    @cached_property
    def _kinds(self) -> list[Any]:
        return [parameter.annotation for parameter in inspect.signature(self.run).parameters.values()]


def task(name: str, *, every: float | None = None, acks_late: bool = False) -> Callable[[F], F]:
    """Return the decorator of a task, which is Celery's with `FlaskTask` as its base.

    With `acks_late` the broker gives the job of a worker that dies to another. The function stays as it is:
    others may call it in a context of their own.
    """

    def register(function: F) -> F:
        celery.task(function, name=name, base=FlaskTask, every=every, acks_late=acks_late)
        return function

    return register


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the periodic tasks, as Celery's `beat_schedule` has them.

    A job that waits in its queue until the next one is due is dropped.
    """
    return {
        name: {
            "task": name,
            "schedule": periodic.every,
            "options": {"queue": queues.UPKEEP, "expires": periodic.every},
        }
        for name, periodic in celery.tasks.items()
        if getattr(periodic, "every", None) is not None
    }


def _is_of_kind(value: Any, kind: Any) -> bool:
    if kind is int:
        return type(value) is int and 0 < value < 2**63
    return kind == list[int] and isinstance(value, list) and all(_is_of_kind(one, int) for one in value)
