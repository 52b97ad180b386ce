"""The embedded broker, with several writers and readers at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Exchange, Producer, Queue

from notifyhub.jobs import filesystem_broker

QUEUE = Queue("n.messages", Exchange(""), routing_key="n.messages")
OTHER = Queue("n.upkeep", Exchange(""), routing_key="n.upkeep")

WRITE = """
import sys
from pathlib import Path
from tests.jobs import test_filesystem_broker as t
start, count = map(int, sys.argv[2:])
producer = t.Producer(t.connection(Path(sys.argv[1])).channel(), auto_declare=False)
for number in range(start, start + count):
    t.publish(producer, number)
"""


def connection(place: Path) -> Connection:
    (place / "control").mkdir(exist_ok=True)
    options = {
        "data_folder_in": str(place),
        "data_folder_out": str(place),
        "control_folder": place / "control",
    }
    return Connection(filesystem_broker.URL, transport_options=options)


def publish(producer: Producer, body: Any, queue: Queue = QUEUE) -> None:
    producer.publish(body, routing_key=queue.name, exchange="", declare=[queue])


def take(channel: Any, queue: Queue = QUEUE) -> Any:
    """Return the next body; None if there is none."""
    message = queue(channel).get(no_ack=True)
    return None if message is None else message.payload


def test_what_several_write_several_read_once_and_whole(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), str(start), "300"])
        for start in (0, 1000, 2000)
    ]
    channels = [connection(tmp_path).channel() for _ in range(2)]
    read: list[int] = []
    while any(writer.poll() is None for writer in writers) or len(read) < 900:
        found = [body for channel in channels if (body := take(channel)) is not None]
        read += found
        if not found and all(writer.poll() is not None for writer in writers):
            break
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sorted(read) == [start + number for start in (0, 1000, 2000) for number in range(300)]
    assert list(tmp_path.rglob("*.msg*")) == []


def test_messages_of_a_queue_come_in_their_order_and_no_others(tmp_path: Path) -> None:
    channel = connection(tmp_path).channel()
    producer = Producer(channel, auto_declare=False)
    for number in range(5):
        publish(producer, number)
        publish(producer, -number, OTHER)
    assert [take(channel) for _ in range(6)] == [0, 1, 2, 3, 4, None]
    assert [take(channel, OTHER) for _ in range(6)] == [0, -1, -2, -3, -4, None]


@pytest.mark.parametrize("text", ["", '{"body": "'])
def test_a_file_that_a_power_cut_has_left_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    channel = connection(tmp_path).channel()
    (tmp_path / "n.messages").mkdir()
    (tmp_path / "n.messages" / "0_broken.msg").write_text(text)
    publish(Producer(channel, auto_declare=False), {"whole": True})
    assert take(channel) == {"whole": True}
    assert "0_broken.msg" in caplog.text
    assert list(tmp_path.rglob("*.msg*")) == []


def test_a_message_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    channel = connection(tmp_path).channel()
    producer = Producer(channel, auto_declare=False)
    publish(producer, 1)
    assert json.loads(next(tmp_path.rglob("*.msg")).read_text())
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError):
        producer.publish(2, routing_key=QUEUE.name, exchange="")
    assert not tmp_path.exists()
