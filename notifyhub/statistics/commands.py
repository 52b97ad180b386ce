"""Commands about statistics."""

import click

from notifyhub.database.commands import Commands
from notifyhub.statistics import rollup

STEP_SECONDS = 5.0

statistics = Commands("statistics", help="The numbers of messages, which are counted in advance.")


@statistics.command("rebuild")
def rebuild() -> None:
    """Count all messages anew; meanwhile statistics are right, and slow."""
    rollup.forget()
    while rollup.advance():
        pass
    total = 0
    while count := rollup.run(STEP_SECONDS):
        total += count
        click.echo(f"{total} quarters of an hour are counted.", err=True)
    click.echo("All messages are counted that are older than an hour.")
