"""A process that has counted nothing before these tests."""

import pytest

from notifyhub import instruments


@pytest.fixture(autouse=True, scope="module")
def _counted_nothing() -> None:
    """Forget what other tests have counted: to read the figures of all their notifiers takes a second."""
    for instrument in instruments.ALL:
        instrument.clear()
    instruments._of.cache_clear()
    instruments._of_request.cache_clear()
