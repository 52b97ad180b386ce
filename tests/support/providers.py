"""Simulated providers, backends that talk to them, and an application that is led to them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.melipayamak import MeliPayamak
from notifyhub.providers.smtp import sessions
from notifyhub.providers.sockets import Timeouts
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, ippanel, melipayamak
from tests.simulators.provider import Provider
from tests.simulators.server import Reply
from tests.support.databases import engines
from tests.support.rows import context

IMPATIENT = Timeouts(connect=1, read=2)


@pytest.fixture
def edge() -> Iterator[IPPanelSimulator]:
    with IPPanelSimulator() as simulator:
        yield simulator


@pytest.fixture
def console() -> Iterator[MeliPayamakSimulator]:
    with MeliPayamakSimulator() as simulator:
        yield simulator


@pytest.fixture
def mail() -> Iterator[SMTPSimulator]:
    with SMTPSimulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _no_idle_sessions() -> Iterator[None]:
    """No test finds the sessions with mail servers that another has left open."""
    yield
    for kept in sessions.session_pool()._idle.values():
        for _, session in kept:
            session.close()
    sessions.session_pool.cache_clear()


@pytest.fixture
def ippanel_client(edge: IPPanelSimulator) -> IPPanel:
    return IPPanel({"token": ippanel.TOKEN, "from_number": ippanel.LINE}, edge.url, timeouts=IMPATIENT)


@pytest.fixture
def melipayamak_client(console: MeliPayamakSimulator) -> MeliPayamak:
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    return MeliPayamak(settings, console.url, timeouts=IMPATIENT)


@pytest.fixture
def _simulated(
    app: Flask, edge: IPPanelSimulator, console: MeliPayamakSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application takes the simulators for the providers."""
    monkeypatch.setitem(app.config, "IPPANEL_URL", edge.url)
    monkeypatch.setitem(app.config, "MELIPAYAMAK_URL", console.url)
    monkeypatch.setitem(app.config, "SMTP_VERIFY", False)


@pytest.fixture
def held_connections(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Provider], list[int]]:
    """Give a function that makes a provider count, at each request, the database's connections in use."""

    def watch(provider: Provider) -> list[int]:
        counts: list[int] = []
        suffer = provider.suffer

        def count(*args: Any, **options: Any) -> Reply:
            counts.append(sum(engine.pool.checkedout() for engine in engines(app)))  # type: ignore[attr-defined]
            return suffer(*args, **options)

        monkeypatch.setattr(provider, "suffer", count)
        return counts

    return watch


@pytest.fixture
def _context(app: Flask) -> Iterator[None]:
    """The test runs in the application's context, as a task of a worker does."""
    with context(app):
        yield
