"""Counts of several processes, which are processes indeed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from notifyhub.shared_instruments import VARIABLE

PROGRAM = """
import json, os, sys
from pathlib import Path
from notifyhub import instruments, shared_instruments

shared_instruments.share(Path(sys.argv[1]))

def counted():
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in shared_instruments.collect() for sample in metric.samples
    }

def total(result):
    return counted().get(("notifyhub_code_guesses_total", result), 0.0)

def in_child(work):
    process = os.fork()
    if not process:
        work()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[float]]:
    """Give a function that runs a program that shares its counts, and returns what it prints."""

    def do(program: str, **variables: str) -> list[float]:
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM + program, str(tmp_path / "instance")],
            env={**environment, **variables},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return do


def files(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in tmp_path.rglob("*.db"))


def test_what_forks_count_adds_up_also_after_their_end(run: Callable[..., list[float]]) -> None:
    program = """
instruments.count_guess("verified")
for _ in range(3):
    in_child(lambda: [instruments.count_guess("verified") for _ in range(2)])
    print(total("verified"))
print(total("verified"))
"""
    assert run(program) == [3, 5, 7, 7]


def test_what_ended_processes_have_left_becomes_one_file_of_each_kind(
    run: Callable[..., list[float]], tmp_path: Path
) -> None:
    program = """
instruments.count_guess("verified")
for _ in range(20):
    in_child(lambda: instruments.count_request("GET", "/a", 200, 0.3))
before = counted()
after = counted()
assert before == after
print(before["notifyhub_http_requests_total", "GET", "/a", "200"])
print(before["notifyhub_http_request_duration_seconds_count", "GET", "/a"])
print(before["notifyhub_http_request_duration_seconds_bucket", "GET", "/a", "0.25"])
print(before["notifyhub_http_request_duration_seconds_bucket", "GET", "/a", "0.5"])
print(before["notifyhub_http_request_duration_seconds_bucket", "GET", "/a", "+Inf"])
"""
    assert run(program) == [20, 20, 0, 20, 20]
    assert [name for name in files(tmp_path) if "ended" in name] == ["counter_ended.db", "histogram_ended.db"]
    assert len(files(tmp_path)) == 3


def test_all_begins_anew_where_that_is_asked_for(run: Callable[..., list[float]]) -> None:
    count = "instruments.count_guess('verified')\nprint(total('verified'))"
    anew = "shared_instruments.share(Path(sys.argv[1]), anew=True)\n"
    assert [run(count), run(count), run(anew + count)] == [[1], [2], [1]]


def test_nothing_is_lost_while_one_lives(run: Callable[..., list[float]]) -> None:
    program = """
import subprocess
instruments.count_guess("verified")
another = os.environ["PROGRAM"].replace("[1])", "[1]), anew=True")
another += "instruments.count_guess('verified'); print(total('verified'))"
subprocess.run([sys.executable, "-c", another, sys.argv[1]], check=True)
print(total("verified"))
"""
    assert run(program, PROGRAM=PROGRAM) == [2, 2]


def test_the_librarys_own_variable_names_the_folder(run: Callable[..., list[float]], tmp_path: Path) -> None:
    program = "instruments.count_guess('verified')\nprint(total('verified'))"
    assert run(program, **{VARIABLE: str(tmp_path / "elsewhere" / "metrics")}) == [1]
    assert [file.parent for file in tmp_path.rglob("*.db")] == [tmp_path / "elsewhere" / "metrics"]


def test_without_a_folder_each_process_counts_for_itself(run: Callable[..., list[float]]) -> None:
    program = """
instruments.count_guess("verified")
in_child(lambda: instruments.count_guess("verified"))
print(total("verified"))
"""
    assert run(program, **{VARIABLE: "/proc/nowhere"}) == [1]


def test_nobody_else_can_read_the_folder(run: Callable[..., list[float]], tmp_path: Path) -> None:
    run("instruments.count_guess('verified')")
    (folder,) = {file.parent for file in tmp_path.rglob("*.db")}
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.is_relative_to(tmp_path / "instance" / "metrics")
