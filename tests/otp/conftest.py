"""Clients that ask for codes and guess them, and a clock that stands still until it is moved."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask

from tests.messages.accounts import Accounts, make_accounts
from tests.otp.codes import Codes
from tests.support.clients import Api

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)


@pytest.fixture
def codes(app: Flask, token: Callable[..., str], accounts: Accounts) -> Codes:
    """The client of a test token, which is told the codes."""
    return Codes(app, Api(app.test_client(), token(test=True)))


@pytest.fixture
def live(app: Flask, api: Api, accounts: Accounts) -> Codes:
    """The client of another token, which is not."""
    return Codes(app, api)
