"""The queues: jobs go out quickly, and a broker that is down is no reason to fail."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from notifyhub.config import InvalidSetting, read
from notifyhub.database.connections import autocommit
from notifyhub.delivery import due_messages
from notifyhub.events import publish
from notifyhub.jobs import queues
from notifyhub.messages.events import MessagesDue
from tests.reliability.proxy import Proxy
from tests.support import brokers
from tests.support.brokers import AppAt, taken
from tests.support.environment import on_sqlite


@pytest.fixture(params=brokers.KINDS)
def url(request: pytest.FixtureRequest) -> str:
    return brokers.broker_url(request.param)


@on_sqlite
def test_a_call_holds_nothing_but_the_task_and_ids(app_at: AppAt, url: str) -> None:
    app = app_at(url)
    with app.app_context():
        assert due_messages.enqueue([5, 7])
    assert taken(app) == [(due_messages.DELIVER, [[5, 7]])]


@on_sqlite
def test_many_messages_go_as_lists(app_at: AppAt, url: str) -> None:
    app = app_at(url)
    ids = list(range(1, 2502))
    with app.app_context():
        assert due_messages.enqueue(ids)
    jobs = taken(app)
    assert [task for task, _ in jobs] == [due_messages.DELIVER] * 3
    assert [one for _, (ids_,) in jobs for one in ids_] == ids


@on_sqlite
def test_messages_that_are_due_are_enqueued(app_at: AppAt, url: str) -> None:
    app = app_at(url)
    with app.app_context():
        publish(autocommit(), MessagesDue([3]))
        due_messages.buffer().flush()
    assert taken(app) == [(due_messages.DELIVER, [[3]])]


@on_sqlite
def test_threads_and_forks_publish_without_getting_into_each_others_way(app_at: AppAt, url: str) -> None:
    app = app_at(url)
    answers: list[bool] = []

    def publish() -> None:
        with app.app_context():
            answers.extend(due_messages.enqueue([1]) for _ in range(20))

    publish()
    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child = os.fork()
    if child == 0:
        with app.app_context():
            all_taken = all(due_messages.enqueue([1]) for _ in range(20))
            queues.publisher().close()
            os._exit(0 if all_taken else 1)
    publish()
    assert os.waitpid(child, 0)[1] == 0
    publish()
    assert all(answers)
    with app.app_context():
        queues.publisher().close()  # which waits until the broker has read all
        assert queues.publisher().depth(queues.MESSAGES) == 160
    assert len(taken(app)) == 160


@on_sqlite
@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_is_down_costs_little_and_raises_nothing(app_at: AppAt, scheme: str) -> None:
    app = app_at(f"{scheme}://127.0.0.1:1")
    with app.app_context():
        queues.publisher()._errors()  # imports the transport
        started = time.monotonic()
        assert not due_messages.enqueue([1])
        assert time.monotonic() - started < 1
        started = time.monotonic()
        assert not any(due_messages.enqueue([1]) for _ in range(100))
        assert time.monotonic() - started < 0.1
        assert queues.publisher().depth(queues.MESSAGES) is None


@on_sqlite
@pytest.mark.parametrize("scheme", ["amqp", pytest.param("redis", marks=pytest.mark.slow)])
def test_a_broker_that_hangs_costs_a_few_seconds_at_most(app_at: AppAt, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = app_at(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}")
        with app.app_context():
            started = time.monotonic()
            assert not due_messages.enqueue([1])
            assert time.monotonic() - started < 7
            started = time.monotonic()
            assert not due_messages.enqueue([1])
            assert time.monotonic() - started < 0.1


def wait_for_depth(count: int) -> None:
    """Wait until the broker has so many jobs: it counts one some time after it was sent off."""
    deadline = time.monotonic() + 10
    while (depth := queues.publisher().depth(queues.MESSAGES)) != count:
        assert time.monotonic() < deadline, depth
        time.sleep(0.05)


@on_sqlite
@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_a_lost_connection_is_replaced_at_once_and_a_broker_that_is_back_is_found(
    app_at: AppAt, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "BROKER_PAUSE_SECONDS", 0.5)
    url = brokers.broker_url(kind)
    port = 5672 if kind == "rabbitmq" else 6379
    with Proxy(port) as proxy:
        app = app_at(url.replace(f":{port}", f":{proxy.port}"))
        with app.app_context():
            assert due_messages.enqueue([1])
            wait_for_depth(1)
            proxy.cut()
            time.sleep(0.1)
            assert due_messages.enqueue([2])
            wait_for_depth(2)
            proxy.close()
            time.sleep(0.1)
            assert not due_messages.enqueue([3])
            proxy.open()
            assert not due_messages.enqueue([4])  # it is left alone for a while
            time.sleep(0.6)
            assert due_messages.enqueue([5])
        assert [ids for _, (ids,) in taken(app)] == [[1], [2], [5]]
        with app.app_context():
            queues.publisher().close()
        brokers.delete_queues(app.config["BROKER_URL"], app.config["QUEUE_PREFIX"])


@on_sqlite
def test_a_folder_that_cannot_be_written_is_a_broker_that_is_down(app_at: AppAt, tmp_path: Path) -> None:
    app = app_at("")
    folder = tmp_path / "instance" / "queue"
    with app.app_context():
        assert due_messages.enqueue([1])
        for file in folder.glob("*.msg"):
            file.unlink()
        folder.rename(tmp_path / "elsewhere")
        folder.touch()
        assert not due_messages.enqueue([1])


@on_sqlite
def test_the_embedded_queue_is_for_its_owner_alone(app_at: AppAt, tmp_path: Path) -> None:
    with app_at("").app_context():
        assert due_messages.enqueue([1])
    assert (tmp_path / "instance" / "queue").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("value", ["ftp://broker", "amqp://", "amqp", "sqs://x"])
def test_other_brokers_are_refused(value: str) -> None:
    with pytest.raises(InvalidSetting, match=r"NOTIFYHUB_BROKER_URL must be an amqp:// or redis:// URL"):
        read({"NOTIFYHUB_BROKER_URL": value})


@pytest.mark.parametrize("value", ["a b", "a/b", "x" * 65, "صف", "a\n."])
def test_other_prefixes_of_queues_are_refused(value: str) -> None:
    with pytest.raises(InvalidSetting, match="NOTIFYHUB_QUEUE_PREFIX must be"):
        read({"NOTIFYHUB_QUEUE_PREFIX": value})


@on_sqlite
@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_a_broker_that_refuses_the_log_in_is_told_as_that(
    app_at: AppAt, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scheme, _, rest = brokers.broker_url(kind).partition("://")
    app = app_at(f"{scheme}://nobody:hunter2@{rest.rpartition('@')[2]}")
    with app.app_context():
        assert queues.publisher().depth(queues.MESSAGES) is None
    told = capsys.readouterr().err
    assert "it refuses the user name or the password of NOTIFYHUB_BROKER_URL" in told
    assert "hunter2" not in told


@on_sqlite
@pytest.mark.parametrize("url", ["amqp://me:hunter2@127.0.0.1:1//", "redis://:hunter2@127.0.0.1:1/0"])
def test_a_broker_that_is_away_is_told_once_with_the_systems_words(
    app_at: AppAt, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    monkeypatch.setattr(queues, "BROKER_PAUSE_SECONDS", 0.0)
    with app_at(url).app_context():
        for _ in range(3):
            assert queues.publisher().depth(queues.MESSAGES) is None
    assert caplog.messages == ["The broker can't be reached: Connection refused"]
