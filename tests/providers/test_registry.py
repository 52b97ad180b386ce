import sys
from pathlib import Path

import pytest

from notifyhub.notifiers.models import SMSProvider
from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.melipayamak import MeliPayamak
from notifyhub.providers.plugins import UnknownBackend
from notifyhub.providers.registry import BUILT_IN, sms_backend
from notifyhub.providers.sandbox import Sandbox
from tests.support.factories import install_backends


def test_ours_need_no_installation_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert list(BUILT_IN) == list(SMSProvider)
    assert sms_backend("ippanel") is IPPanel
    assert sms_backend("melipayamak") is MeliPayamak


def test_another_package_adds_a_backend_but_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = "notifyhub.providers.sandbox:Sandbox"
    install_backends(tmp_path, pigeon=sandbox, ippanel=sandbox)
    monkeypatch.syspath_prepend(tmp_path)
    assert sms_backend("pigeon") is Sandbox
    assert sms_backend("ippanel") is IPPanel
    with pytest.raises(UnknownBackend, match="no SMS backend named dove"):
        sms_backend("dove")
