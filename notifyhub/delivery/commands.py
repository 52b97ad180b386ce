"""The command of the worker."""

import sys
from typing import Any, cast

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from notifyhub.delivery.worker import CONCURRENCY, run


@click.command("worker")
@click.option("--concurrency", default=CONCURRENCY, show_default=True, type=click.IntRange(1, 1000))
@click.option("--beat", is_flag=True, help="Keep the time for all workers; at least one has to.")
@with_appcontext
def worker(concurrency: int, *, beat: bool) -> None:
    """Deliver messages until stopped."""
    app: Flask = cast("Any", current_app)._get_current_object()
    sys.exit(run(app, concurrency, beat=beat))
