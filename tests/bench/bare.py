"""The worker to compare with, Celery alone: `python -m tests.bench.bare PROVIDER --concurrency=N`."""

import json
import os
import sys

import urllib3
from celery import Celery

from notifyhub.jobs import queues, worker
from tests.bench.delivery import PREFIX
from tests.simulators import melipayamak

bare = Celery("bare")
pool = urllib3.PoolManager(maxsize=64)


@bare.task(name="bare.send")
def send(to: str, text: str) -> None:
    """Post a message to the provider."""
    body = {"from": melipayamak.NUMBER, "to": f"0{to.removeprefix('+98')}", "text": text}
    answer = pool.request(
        "POST",
        f"{sys.argv[1]}/send/simple/{melipayamak.TOKEN}",
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["recId"]


if __name__ == "__main__":
    bare.conf.update(
        worker.celery_options(os.environ["NOTIFYHUB_BROKER_URL"], {}, [queues.named_queue(PREFIX, "bare")])
    )
    worker.celery_worker(bare, int(sys.argv[2].partition("=")[2])).start()
