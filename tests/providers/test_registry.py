import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifyhub import providers
from notifyhub.providers.base import SMSProvider
from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.melipayamak import MeliPayamak
from notifyhub.providers.plugins import UnknownProvider
from notifyhub.providers.registry import BUILT_IN, can_send_texts, find_built_in, sms_provider
from notifyhub.providers.sandbox import Sandbox
from tests.support.factories import install_backends

MODULE = """
from notifyhub.providers.base import SMSProvider
from notifyhub.providers.ippanel import IPPanel


class Heron(SMSProvider):
    name = "heron"
"""


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """No other test finds the packages of these."""
    yield
    sms_provider.cache_clear()


def test_ours_need_no_installation_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert {"ippanel", "melipayamak"} <= set(BUILT_IN)
    assert sms_provider("ippanel") is IPPanel
    assert sms_provider("melipayamak") is MeliPayamak


def test_a_module_of_the_package_needs_to_be_named_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heron.py").write_text(MODULE)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "notifyhub.providers.heron", raising=False)
    found = find_built_in()
    assert list(found) == [*BUILT_IN, "heron"]
    assert issubclass(found["heron"], SMSProvider)


def test_another_package_adds_a_backend_but_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = "notifyhub.providers.sandbox:Sandbox"
    install_backends(tmp_path, pigeon=sandbox, ippanel=sandbox)
    monkeypatch.syspath_prepend(tmp_path)
    assert sms_provider("pigeon") is Sandbox
    assert sms_provider("ippanel") is IPPanel
    with pytest.raises(UnknownProvider, match="no SMS backend named dove"):
        sms_provider("dove")


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("ippanel", {"token": "t", "from_number": "+983000505"}, True),
        ("ippanel", {}, False),
        ("melipayamak", {"token": "t", "number": "50002"}, True),
        ("melipayamak", {"token": "t", "from_number": "+983000505"}, False),
        ("plain", {}, True),
        ("gone", {}, True),
    ],
)
def test_texts_are_sent_from_a_line_where_the_provider_has_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, str], expected: bool
) -> None:
    install_backends(tmp_path, plain="tests.providers.test_boundary:Provider")
    monkeypatch.syspath_prepend(tmp_path)
    assert can_send_texts(name, settings) is expected
