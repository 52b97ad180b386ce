"""The variables of the installations that are tested, and what the tests need around them."""

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from notifyhub.providers.registry import URL_VARIABLES

ROOT = Path(__file__).parents[2]
POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432")
SECRET_KEY = "a secret key of the tests"
ENCRYPTION_KEY = "bm90aWZ5aHViLXRlc3RzLWVuY3J5cHRpb24ta2V5LTE="

on_sqlite = pytest.mark.parametrize("environment", ["sqlite"], indirect=True)
"""Of a test, or a module's `pytestmark`, for which one kind of database proves as much as both."""
on_postgresql = pytest.mark.parametrize("environment", ["postgresql"], indirect=True)
slow_on_sqlite = pytest.mark.parametrize(
    "environment", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"], indirect=True
)
"""Of a test that starts processes, for whose behaviour the kind of database matters little, but may."""
slow_on_postgresql = pytest.mark.parametrize(
    "environment", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
"""Of pages and refusals, which show what other tests see stored on both."""


def absent(service: str, variable: str) -> NoReturn:
    """Skip the test because a service does not answer; in CI, where it has to, fail it."""
    words = f"{service} does not answer; its address is in {variable}"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def program(name: str) -> str:
    """Return where a program is; skip the test where it is not installed; in CI, which installs it, fail."""
    if found := shutil.which(name):
        return found
    words = f"{name} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def environments(
    empty_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, str]]:
    """Give a function that returns the variables of the one installation on a kind of database."""

    @cache
    def make(kind: str) -> dict[str, str]:
        return {
            "NOTIFYHUB_DATABASE_URL": empty_database(kind),
            "NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance")),
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
            **{f"NOTIFYHUB_{name}": "http://127.0.0.1:1" for name in URL_VARIABLES.values()},
        }

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def environment(
    request: pytest.FixtureRequest, environments: Callable[[str], dict[str, str]]
) -> dict[str, str]:
    """The variables of an installation on each kind of database; processes are started with them.

    No provider can be reached.
    """
    return environments(request.param)
