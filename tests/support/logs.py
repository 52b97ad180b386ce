"""The log, as the tests read it; and that nothing secret was in it, in all that they do."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from notifyhub.access_log import AccessLog, AnsweredRequest
from tests.simulators import ippanel, melipayamak
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY

SECRETS = {
    *(SECRET_KEY, ENCRYPTION_KEY, ippanel.TOKEN, melipayamak.TOKEN),
    *("a-token-of-melipayamak", "a-password-of-mail", "a-broker-password", "a-database-password"),
    *("9121234567", "9121234568", "989000000001", "customer@example.com", "ali@example.com"),
}
"""What no line of any log may hold."""

TOKENS: set[str] = set()
"""The tokens that tests have been given."""

_TOKEN = re.compile(r"[0-9a-f]{40}")

_LOG_FILES = ("*.err", "gunicorn-*.log")


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


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the session if a secret is in a line of this process, or in the log of one that it has started.

    What is looked for in the lines as they are written: that costs less than keeping them.
    """
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, found)
        yield
    for file in _log_files(tmp_path_factory.getbasetemp()):
        with file.open(errors="replace") as lines:
            found += [f"{file.name}: {line}" for line in lines if _is_secret_in(line)]
    assert not found, f"{len(found)} lines of the log hold secrets, such as {found[:3]}"


def _watch(patch: pytest.MonkeyPatch, found: list[str]) -> None:
    form, lines_of = structlog.stdlib.ProcessorFormatter.format, AccessLog.__init__

    def form_and_look(self: structlog.stdlib.ProcessorFormatter, record: logging.LogRecord) -> str:
        line = form(self, record)
        if _is_secret_in(line):
            found.append(line)
        return line

    def begin(self: AccessLog, style: str) -> None:
        lines_of(self, style)
        make = self._line

        def make_and_look(answered: AnsweredRequest) -> str:
            line = make(answered)
            if _is_secret_in(line):
                found.append(line)
            return line

        self._line = make_and_look

    patch.setattr(structlog.stdlib.ProcessorFormatter, "format", form_and_look)
    patch.setattr(AccessLog, "__init__", begin)


def _is_secret_in(line: str) -> bool:
    return any(each in line for each in SECRETS) or not TOKENS.isdisjoint(_TOKEN.findall(line))


def _log_files(folder: Path) -> Iterator[Path]:
    for pattern in _LOG_FILES:
        yield from folder.rglob(pattern)
