"""How long `/healthz` takes while many clients are slow: `python -m tests.bench.slow_peers URL [COUNT …]`.

Every connection sends one byte each eight seconds, of what its kind says, or never reads its answer.
"""

import argparse
import http.client
import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

POST = b"POST /api/notifications/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
KINDS = {
    "silent": b"",
    "request line": b"GET /heal",
    "header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b",
    "body": POST + b"Content-Length: 1000\r\n\r\n{",
    "chunked body": POST + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
    "refused body": POST + b"Content-Length: 900000000\r\n\r\n{",
    "reader": b"GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 8,
    "kept alive": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}
PAUSE = 8.0
PROBES = 12
PATIENCE = 10.0


@contextmanager
def slow_peers(address: tuple[str, int], kind: str, count: int) -> Iterator[list[socket.socket]]:
    """Hold so many connections that have sent their beginning."""
    peers = []
    try:
        for _ in range(count):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(PATIENCE)
            peer.connect(address)
            peer.sendall(KINDS[kind])
            peer.setblocking(False)
            peers.append(peer)
        yield peers
    finally:
        for peer in peers:
            peer.close()


def trickle(peers: list[socket.socket]) -> None:
    """Send one byte more on each."""
    for peer in peers:
        try:
            peer.send(b"a")
        except OSError:
            continue  # it was closed by the server


def probe(address: tuple[str, int]) -> float:
    """Return the seconds until `/healthz` answers on a new connection; infinity if it takes too long."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    except OSError:
        return float("inf")
    finally:
        connection.close()
    return time.monotonic() - started


def open_still(peers: list[socket.socket]) -> int:
    """Count the connections that the server has not closed."""
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
        ready = [key.fileobj for key, _ in selector.select(0)]
    closed = 0
    for peer in ready:
        try:
            closed += not peer.recv(1 << 20, socket.MSG_PEEK)  # type: ignore[union-attr]
        except OSError:
            closed += 1
    return len(peers) - closed


def measure(address: tuple[str, int], kind: str, count: int) -> str:
    """Return one line: the probes' median and maximum, and how many connections the server still holds."""
    try:
        with slow_peers(address, kind, count) as peers:
            time.sleep(1)
            times, next_byte = [], time.monotonic()
            for _ in range(PROBES):
                if time.monotonic() >= next_byte:
                    trickle(peers)
                    next_byte += PAUSE
                times.append(probe(address))
                if times[-1] == float("inf"):
                    break
                time.sleep(0.1)
            return (
                f"{kind:>14} {count:>5}  median {statistics.median(times) * 1000:8.1f} ms"
                f"  max {max(times) * 1000:8.1f} ms  open {open_still(peers)}"
            )
    except OSError as error:
        return f"{kind:>14} {count:>5}  {type(error).__name__} while connecting"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("counts", type=int, nargs="*", default=[24, 200, 2000])
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    parts = urlsplit(options.url)
    for kind in options.kind or KINDS:
        for count in options.counts:
            print(measure((str(parts.hostname), int(parts.port or 80)), kind, count), flush=True)  # noqa: T201
            time.sleep(3)
