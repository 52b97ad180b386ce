"""What messages are made from."""

import pytest
from flask import Flask

from tests.messages.sources import Sources, store_sources


@pytest.fixture
def sources(app: Flask) -> Sources:
    return store_sources(app)
