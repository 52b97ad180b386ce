"""Simulated providers, and backends that talk to them."""

from collections.abc import Iterator

import pytest

from notifyhub.delivery.backends.ippanel import IPPanel
from notifyhub.delivery.backends.melipayamak import MeliPayamak
from notifyhub.delivery.backends.wire import Timeouts
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, ippanel, melipayamak

IMPATIENT = Timeouts(connect=1, read=1)


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


@pytest.fixture
def ippanel_backend(edge: IPPanelSimulator) -> IPPanel:
    return IPPanel({"token": ippanel.TOKEN, "from_number": ippanel.LINE}, edge.url, timeouts=IMPATIENT)


@pytest.fixture
def melipayamak_backend(console: MeliPayamakSimulator) -> MeliPayamak:
    settings = {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}
    return MeliPayamak(settings, console.url, timeouts=IMPATIENT)
