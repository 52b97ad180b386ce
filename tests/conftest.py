"""What all tests share stands in tests/support; its modules with fixtures are pytest's plugins."""

import gc
import os
import sys
from collections import Counter

import pytest

# Compiling the service anew takes each process that a test starts as long as importing it does.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest.register_assert_rewrite("tests.support")

pytest_plugins = [
    f"tests.support.{module}"
    for module in (
        "applications",
        "brokers",
        "clients",
        "console",
        "databases",
        "environment",
        "logs",
        "processes",
        "providers",
        "queries",
        "scripted",
    )
]


def pytest_collection_finish() -> None:
    """Leave the tests and their modules, which stay to the end, out of every search for garbage."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped: once for each reason, not for each test."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} tests were skipped: {reason.removeprefix('Skipped: ')}")
