"""What Python, or gunicorn, would write to standard error goes to the log, in its form and with its masks."""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)


def log_instead() -> None:
    """Have warnings, and errors that nothing has caught, in any thread, logged from now on.

    And what gunicorn says in this process, unless it was told to write that to a file.
    """
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    _join(logging.getLogger("gunicorn.error"))


def _join(server_log: logging.Logger) -> None:
    """Have a log that writes to standard error by itself written as a part of the application's."""
    own = [handler for handler in server_log.handlers if type(handler) is logging.StreamHandler]
    for handler in own:
        server_log.removeHandler(handler)
    if own:
        server_log.propagate = True


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("The process ends", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    name = args.thread.name if args.thread else "unknown"
    log.error("The thread %s has ended", name, exc_info=args.exc_value)


def _unraisable(args: Any) -> None:
    log.error("%s: %r", args.err_msg or "An error was ignored", args.object, exc_info=args.exc_value)
