"""What messages are made from."""

import pytest
from flask import Flask

from tests.messages.accounts import Accounts, make_accounts


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)
