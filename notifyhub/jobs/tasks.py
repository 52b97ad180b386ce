"""What makes a function a task of Celery, and when the periodic ones are due."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask import current_app

from notifyhub.database.connection_checks import log_outage
from notifyhub.extensions import celery
from notifyhub.jobs import queues

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., None])

PERIODS: dict[str, float] = {}
"""Seconds between two runs of each periodic task."""


def task(name: str, *, every: float | None = None) -> Callable[[F], F]:
    """Return the decorator of a task, which runs in the context of the worker's application.

    A periodic one is called `every` so many seconds. The arguments, which come from the broker, are ids and
    names of queues, as the function's annotations say; a call with others is refused.
    """

    def register(function: F) -> F:
        signature = inspect.signature(function)

        def run(*args: Any, **named: Any) -> None:
            if not _is_call(signature, args, named):
                log.warning("Refused a call of %s: its arguments are not what we publish", name)
                return
            with celery.flask_app.app_context():
                try:
                    function(*args)
                except Exception as error:
                    # Once a minute, not with each call. The sweep comes back to the rows.
                    if not log_outage(current_app.extensions["outage_log"], error):
                        raise

        celery.task(run, name=name)
        if every is not None:
            PERIODS[name] = every
        return function

    return register


def _is_call(signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    kinds = [parameter.annotation for parameter in signature.parameters.values()]
    return not named and len(args) == len(kinds) and all(map(_is_of_kind, args, kinds))


def _is_of_kind(value: Any, kind: Any) -> bool:
    if kind is int:
        return type(value) is int and 0 < value < 2**63
    if kind == list[int]:
        return isinstance(value, list) and all(_is_of_kind(one, int) for one in value)
    return kind is str and value in queues.QUEUES
