"""The application on a migrated database of each kind."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade

from notifyhub.app import create_app
from tests.support.brokers import empty_queues
from tests.support.databases import clear, dispose, stored_rows


@pytest.fixture(scope="session")
def migrated_apps(empty_database: Callable[[str], str]) -> Iterator[dict[str, Flask]]:
    """The applications that there are by now, by the URLs of their databases."""
    apps: dict[str, Flask] = {}
    yield apps
    for app in apps.values():
        dispose(app)


@pytest.fixture(scope="session")
def migrated_app(environment: dict[str, str], migrated_apps: dict[str, Flask]) -> Flask:
    """The application on a migrated database: made once, though its parameter changes with each module."""
    url = environment["NOTIFYHUB_DATABASE_URL"]
    if url not in migrated_apps:
        app = migrated_apps[url] = create_app(environment)
        app.testing = True
        with app.app_context():
            upgrade()
            app.extensions["rows_of_migrations"] = stored_rows()
    return migrated_apps[url]


@pytest.fixture
def app(migrated_app: Flask) -> Iterator[Flask]:
    """The application on an empty, migrated database, with empty queues."""
    yield migrated_app
    clear(migrated_app)
    empty_queues(migrated_app)


@pytest.fixture
def other_app(app: Flask, environment: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Give a function that makes an application with other variables, on the same database.

    Its log goes to the standard error of the test that makes it.
    """
    made: list[Flask] = []
    handlers = [(log, log.handlers[:]) for log in (logging.getLogger(), logging.getLogger("notifyhub"))]

    def make(**variables: str) -> Flask:
        made.append(create_app({**environment, **variables}))
        made[-1].testing = True
        return made[-1]

    yield make
    for log, before in handlers:
        log.handlers[:] = before
    for other in made:
        dispose(other)
