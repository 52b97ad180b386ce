import sys
from pathlib import Path

import pytest

from notifyhub.delivery.backends.ippanel import IPPanel
from notifyhub.delivery.backends.melipayamak import MeliPayamak
from notifyhub.delivery.backends.registry import UnknownBackend, sms_backend, sms_backend_names
from notifyhub.delivery.backends.test import Sandbox


@pytest.fixture
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers backends, two of which can't be loaded and one with a name of ours."""
    metadata = tmp_path / "plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[notifyhub.sms_backends]\n"
        "pigeon = notifyhub.delivery.backends.test:Sandbox\n"
        "ippanel = notifyhub.delivery.backends.test:Sandbox\n"
        "lost = no_such_module:Backend\n"
        "empty = notifyhub.delivery.backends.test:NoSuchClass\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def test_ours_need_no_installation_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert sms_backend_names() == ["ippanel", "melipayamak"]
    assert sms_backend("ippanel") is IPPanel
    assert sms_backend("melipayamak") is MeliPayamak


@pytest.mark.usefixtures("_plugin")
def test_another_package_adds_a_backend_but_replaces_none() -> None:
    assert sms_backend_names() == ["ippanel", "melipayamak", "empty", "lost", "pigeon"]
    assert sms_backend("pigeon") is Sandbox
    assert sms_backend("ippanel") is IPPanel


@pytest.mark.usefixtures("_plugin")
@pytest.mark.parametrize(
    ("name", "words"), [("nobody", "no SMS backend"), ("lost", "no_such_module"), ("empty", "NoSuchClass")]
)
def test_a_backend_that_is_not_there_is_named(name: str, words: str) -> None:
    with pytest.raises(UnknownBackend, match=words):
        sms_backend(name)
