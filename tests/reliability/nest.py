"""Starts workers quickly: `python -m tests.reliability.nest` forks one for each line that it reads.

A worker that is killed every second would else spend its life importing. It prints the process id of each,
and leaves them to whoever asked for them.
"""

import os
import signal
import sys
from importlib import import_module

# What a worker imports in its first second.
for module in (
    "celery.apps.worker",
    "celery.concurrency.thread",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "kombu.transport.pyamqp",
    "notifyhub.cli",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
):
    import_module(module)

if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            import_module("notifyhub.cli").main(["worker", *line.split()])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
