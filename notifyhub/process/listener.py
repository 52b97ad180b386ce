"""The socket that the service listens at."""

import logging
import os
import socket
from ipaddress import ip_address

import click

log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens: requests that come before the service is ready wait in its queue.

    It comes before all else, so that a second start of the service by mistake changes nothing.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except UnicodeError:
        raise click.ClickException(f"Can't listen at {host}: no host has such a name.") from None
    except OSError as error:
        # A name that is not found has no number of the system's; else Python adds the address to the words.
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise click.ClickException(f"Can't listen at {host}, port {port}: {words}.") from error


def warn_of_strangers(listener: socket.socket, *, behind_proxy: bool) -> None:
    """Warn if other machines reach the service, and no proxy stands in front."""
    if not ip_address(listener.getsockname()[0]).is_loopback and not behind_proxy:
        log.warning(
            "Other machines reach the service without encryption: put a proxy with TLS that buffers requests "
            "in front, and set NOTIFYHUB_TRUSTED_PROXIES to 1"
        )
