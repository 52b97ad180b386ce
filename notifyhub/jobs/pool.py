"""The worker's threads: those of one queue never wait for the jobs of another."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult, TaskPool

from notifyhub.jobs.threads import Threads


class QueuePool(TaskPool):  # type: ignore[misc]
    """Celery's pool of threads, with threads of its own for each queue of `queue_threads`.

    `delivery_threads` are those to which jobs give the messages of their lists.
    """

    queue_threads: Mapping[str, int] = {}
    delivery_threads: Threads

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._executors: dict[str, ThreadPoolExecutor] = {
            queue: ThreadPoolExecutor(threads, thread_name_prefix=queue)
            for queue, threads in self.queue_threads.items()
        }

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> ApplyResult:
        """Run a job in a thread of the queue that it came by."""
        request: Mapping[str, Any] = args[2]
        executor = self._executors[request["delivery_info"]["routing_key"]]
        return ApplyResult(executor.submit(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Let the running jobs end, and drop the others: the recovery finds their rows."""
        for executor in self._executors.values():
            executor.shutdown(wait=False, cancel_futures=True)
        self.delivery_threads.close()
        super().on_stop()
        for executor in self._executors.values():
            executor.shutdown()


def queue_pool(queue_threads: Mapping[str, int], delivery_threads: Threads) -> type[QueuePool]:
    """Return a pool with so many threads for each of some queues, by name."""
    members = {"queue_threads": queue_threads, "delivery_threads": delivery_threads}
    return type("ConfiguredQueuePool", (QueuePool,), members)
