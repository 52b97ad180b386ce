"""SMS backends of another package: a real one, which is installed beside the application."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from notifyhub.providers.plugins import UnknownProvider, load_plugin, plugin_names
from notifyhub.providers.registry import BUILT_IN, sms_provider_names
from tests.support.clients import Api
from tests.support.environment import on_sqlite
from tests.support.factories import install_backends
from tests.support.processes import Server

SMS = "/api/notifications/notifiers/sms"
MODULE = """
from decimal import Decimal
from marshmallow import Schema, fields
from notifyhub.providers.errors import NotifierTrouble
from notifyhub.providers.base import Accepted, Credit, ProviderPattern


class Dove:
    offers_patterns = False
    report_batch = 0

    def __init__(self, settings, url=None):
        self.settings, self.url = settings, url

    def send(self, sms):
        return Accepted("feather")

    def reports(self, ids):
        return {}

    def patterns(self):
        return iter(())

    def check(self):
        raise NotifierTrouble("bad_credentials", "Who are you?")


class LoftSchema(Schema):
    loft = fields.Integer(required=True)


class Pigeon(Dove):
    offers_patterns = True
    settings_schema = LoftSchema

    def patterns(self):
        yield ProviderPattern("coo", "Coo", "Coo %name%", "approved")

    def check(self):
        return Credit(Decimal(self.settings["loft"]), "sms") if self.url is None else None
"""
BACKENDS = {
    "pigeon": "pigeonpost:Pigeon",
    "dove": "pigeonpost:Dove",
    "ippanel": "pigeonpost:Dove",
    "leaving": "leaving:Backend",
    "lost": "no_such_module:Backend",
    "nameless": "pigeonpost:NoSuchClass",
    "x" * 33: "pigeonpost:Dove",
}

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder in which the package is installed."""
    (tmp_path / "pigeonpost.py").write_text(MODULE)
    (tmp_path / "leaving.py").write_text("raise SystemExit(1)")
    install_backends(tmp_path, **BACKENDS)
    return tmp_path


@pytest.fixture
def call(package: Path, gunicorn: Callable[..., Server], token: Callable[..., str]) -> Call:
    """Give a function that calls a process which was started with the package installed."""
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    server, key = gunicorn(workers=1, PYTHONPATH=path), token()

    def request(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Token {key}"}
        given = {} if body is None else {"json": body}
        answer = urllib3.request(
            method, server.url + path, headers=headers, timeout=30, retries=False, **given
        )
        return answer.status, answer.json()

    return request


def test_the_names_are_read_without_importing_what_they_name(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sms_provider_names() == list(BUILT_IN)
    monkeypatch.syspath_prepend(package)
    assert plugin_names() == ["dove", "ippanel", "leaving", "lost", "nameless", "pigeon"]
    assert sms_provider_names() == [*BUILT_IN, "dove", "leaving", "lost", "nameless", "pigeon"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "no SMS backend"),
        ("lost", "no_such_module"),
        ("leaving", "SystemExit"),
        ("nameless", "NoSuchClass"),
    ],
)
def test_a_backend_that_is_not_there_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.syspath_prepend(package)
    with pytest.raises(UnknownProvider, match=words):
        load_plugin(name)


@pytest.mark.slow
@on_sqlite
def test_a_backend_of_another_package_serves_notifiers_as_ours_do(call: Call) -> None:
    for backend, settings, expected in [
        ("pigeon", {"loft": "7", "seed": 1}, {"loft": 7, "seed": 1}),
        ("dove", {"token": "t", "other": None}, {"token": "t", "other": None}),
        ("dove", {}, {}),
        ("dove", {"token": "t", "max_per_second": 0.5}, {"token": "t", "max_per_second": 0.5}),
        ("lost", {}, {}),
        ("ippanel", {"token": "t", "from_number": "+983000505"}, {"token": "t", "from_number": "+983000505"}),
    ]:
        status, made = call("POST", SMS, {"name": "x", "backend": backend, "settings": settings})
        assert (status, made["backend"], made["settings"]) == (201, backend, expected)
    required, above_0 = ["This field is required."], "Ensure this value is greater than 0."
    for backend, settings, errors in [
        ("pigeon", {"token": "t"}, {"settings": {"loft": ["Missing data for required field."]}}),
        ("pigeon", {"loft": "x"}, {"settings": {"loft": ["Not a valid integer."]}}),
        ("dove", {"loft": 7}, {"settings": {"token": required}}),
        ("pigeon", {"loft": 7, "max_per_second": 0}, {"settings": {"max_per_second": [above_0]}}),
        ("dove", {"token": " "}, {"settings": {"token": ["This field may not be blank."]}}),
        ("ippanel", {"token": "t"}, {"settings": {"from_number": required}}),
        ("crow", {}, {"backend": ['"crow" is not a valid choice.']}),
        ("x" * 33, {}, {"backend": [f'"{"x" * 33}" is not a valid choice.']}),
    ]:
        assert call("POST", SMS, {"name": "x", "backend": backend, "settings": settings}) == (400, errors)
    status, refused = call("POST", SMS, {"name": "x", "backend": "lost", "settings": {"token": "t"}})
    assert status == 400
    assert "no_such_module" in refused["backend"][0]


@pytest.mark.slow
@on_sqlite
def test_a_backend_of_another_package_is_listed_documented_checked_and_synchronized(call: Call) -> None:
    ids = {
        backend: call("POST", SMS, {"name": "x", "backend": backend, "settings": settings})[1]["id"]
        for backend, settings in {"pigeon": {"loft": 7}, "dove": {"token": "t"}, "lost": {}}.items()
    }
    assert [one["id"] for one in call("GET", f"{SMS}?backend=pigeon")[1]["results"]] == [ids["pigeon"]]
    schemas = call("GET", "/api/openapi.json")[1]["components"]["schemas"]
    assert schemas["SMSNotifier"]["properties"]["backend"]["enum"] == [
        *sms_provider_names(),
        *("dove", "leaving", "lost", "nameless", "pigeon"),
    ]
    shapes = schemas["SMSNotifier"]["properties"]["settings"]["anyOf"]
    assert {"$ref": "#/components/schemas/Loft"} in shapes
    checks = {name: call("POST", f"{SMS}/{notifier}/check")[1] for name, notifier in ids.items()}
    assert (checks["pigeon"]["ok"], checks["pigeon"]["credit"]) == (True, 7)
    assert (checks["dove"]["ok"], checks["dove"]["detail"]) == (False, "Who are you?")
    assert not checks["lost"]["ok"]
    assert "no_such_module" in checks["lost"]["detail"]
    assert call("POST", f"{SMS}/{ids['pigeon']}/patterns/sync?create=1")[1]["created"] == 1
    assert call("POST", f"{SMS}/{ids['dove']}/patterns/sync")[0] == 400
    assert call("POST", f"{SMS}/{ids['lost']}/patterns/sync")[0] == 400


@pytest.mark.slow
@on_sqlite
def test_a_notifier_whose_package_is_gone_is_still_read_and_renamed(call: Call, api: Api) -> None:
    _, made = call("POST", SMS, {"name": "x", "backend": "pigeon", "settings": {"loft": 7}})
    one = f"{SMS}/{made['id']}"
    assert api.get(one).json == made
    assert api.patch(one, {"name": "y"}).json["name"] == "y"
    answer = api.patch(one, {"settings": {"loft": 8}})
    assert (answer.status, answer.json) == (400, {"backend": ["There is no SMS backend named pigeon."]})
    assert api.delete(one).status == 204
