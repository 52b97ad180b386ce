"""The log, as the tests read it."""

from collections.abc import Iterator

import pytest

from notifyhub.logs import AccessLog, AnsweredRequest


@pytest.fixture(scope="session", autouse=True)
def requests_are_logged_at_once() -> Iterator[None]:
    """Have no line of a request written while the next test reads what it has written itself."""
    add = AccessLog.add

    def add_and_write(self: AccessLog, answered: AnsweredRequest) -> None:
        add(self, answered)
        self.flush()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccessLog, "add", add_and_write)
        yield
