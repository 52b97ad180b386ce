"""One service for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.support.live import Live, live_service


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The service; a test that changes settings puts them back."""
    with live_service(tmp_path_factory.mktemp("live") / "service", "--workers", "2") as service:
        yield service
