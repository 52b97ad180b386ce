"""Peers that do not behave."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def trickling(greeting: bytes) -> Iterator[int]:
    """Give the port of a server that says something without end, byte by byte."""
    listener, over = socket.create_server(("127.0.0.1", 0), backlog=64), threading.Event()

    def speak(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for byte in itertools.cycle(greeting):
                connection.sendall(bytes([byte]))
                if over.wait(0.02):
                    return

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=speak, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    over.set()
    listener.close()
