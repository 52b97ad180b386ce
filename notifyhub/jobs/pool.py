"""The worker's threads: those of one queue never wait for the calls of another."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult, TaskPool


class QueuePool(TaskPool):  # type: ignore[misc]
    """Celery's pool of threads, with some for each queue of `lanes`; the rest have the other calls."""

    queue_pool: Mapping[str, int] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lanes: dict[str, ThreadPoolExecutor] = {
            name: ThreadPoolExecutor(threads, thread_name_prefix=name)
            for name, threads in self.queue_pool.items()
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
        """Run a call in a thread of the queue that it came by."""
        request: Mapping[str, Any] = args[2]
        lane = self._lanes.get(request["delivery_info"]["routing_key"]) or self.executor
        return ApplyResult(lane.submit(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Let the calls under way end, and forget the others: the sweep finds what they were about."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        super().on_stop()
        for lane in self._lanes.values():
            lane.shutdown()


def lanes(threads: Mapping[str, int]) -> type[QueuePool]:
    """Return a pool with so many threads for each of some queues, by name."""
    return type("Lanes", (QueuePool,), {"lanes": threads})
