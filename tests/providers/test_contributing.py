"""The further provider that CONTRIBUTING shows: it is one, as it stands there."""

import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from notifyhub import providers
from notifyhub.providers.base import SMS, Accepted, Credit, Report, Sent, SMSProvider
from notifyhub.providers.boundary import hand_over, hand_over_all
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary, Uncertain
from notifyhub.providers.registry import find_built_in
from tests.simulators.server import Reply, Request, Server
from tests.support.environment import ROOT

MODULE = "notifyhub.providers.example"
SETTINGS = {"token": "a-token", "line": "10001234"}
BATCH = [SMS(f"+98912000000{index}", "The text") for index in range(3)]


class Simulator(Server):
    """Answers what a test says, by the method and the path; keeps the requests."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.replies: dict[str, Reply] = {}
        self.requests: list[Request] = []

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.replies[f"{request.method} {request.path}"]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    server = Simulator()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[SMSProvider]]:
    text = (ROOT / "docs" / "CONTRIBUTING.md").read_text()
    (module,) = re.findall(r'```python\n("""Example SMS.*?)```', text, re.DOTALL)
    (tmp_path / "example.py").write_text(module)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    yield find_built_in()["example"]
    sys.modules.pop(MODULE)


@pytest.fixture
def client(kind: type[SMSProvider], simulator: Simulator) -> SMSProvider:
    return kind(SETTINGS, simulator.address)


def test_its_settings_are_checked(kind: type[SMSProvider]) -> None:
    schema = kind.settings_schema()
    assert schema.validate(SETTINGS) == {}
    assert set(schema.validate({"line": "1"})) == {"token", "line"}


def test_it_sends_a_text(client: SMSProvider, simulator: Simulator) -> None:
    simulator.replies["POST /messages"] = Reply(200, {"id": 5})
    assert hand_over(client, BATCH[0]) == Accepted("5")
    (request,) = simulator.requests
    assert request.headers["authorization"] == "Bearer a-token"
    assert request.body == {"from": "10001234", "to": BATCH[0].to, "text": "The text"}


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Reply(400, {"error": "No such line", "code": "E12"}), NotServedHere),
        (Reply(400, {"error": "No such number", "code": "E20"}), Refused),
        (Reply(401, {}), NotifierTrouble),
        (Reply(503, b"", "text/html"), NotifierTrouble),
        (Reply(200, {"id": None}), Uncertain),
        (Reply(200, b"OK", "text/plain"), Uncertain),
    ],
)
def test_what_it_refuses_is_classed(
    client: SMSProvider, simulator: Simulator, reply: Reply, failure: type[Failure]
) -> None:
    simulator.replies["POST /messages"] = simulator.replies["POST /messages/batch"] = reply
    assert type(hand_over(client, BATCH[0])) is failure
    together = Temporary if failure is Refused else failure
    assert [type(one) for one in hand_over_all(client, BATCH)] == [together] * 3


def test_it_sends_a_text_to_several(client: SMSProvider, simulator: Simulator) -> None:
    simulator.replies["POST /messages/batch"] = Reply(200, {"ids": [5, None, 6]})
    first, second, third = hand_over_all(client, BATCH)
    assert (first, type(second), third) == (Accepted("5"), Refused, Accepted("6"))
    assert simulator.requests[0].body["to"] == [sms.to for sms in BATCH]
    assert client.batch_key(BATCH[0]) == client.batch_key(BATCH[1])
    simulator.replies["POST /messages/batch"] = Reply(200, {"ids": [5]})
    assert {type(one) for one in hand_over_all(client, BATCH)} == {Uncertain}


def test_it_reports_and_tells_its_credit(client: SMSProvider, simulator: Simulator) -> None:
    simulator.replies["GET /reports"] = Reply(200, {"5": "arrived", "6": "failed", "7": "queued"})
    simulator.replies["GET /balance"] = Reply(200, {"messages": 12})
    reports = client.reports_of([Sent(id_, BATCH[0].to) for id_ in "5678"])
    assert {one.id: report.state for one, report in reports.items()} == {
        "5": "delivered",
        "6": "undelivered",
        "7": "pending",
    }
    assert reports[Sent("5", BATCH[0].to)] == Report("delivered")
    assert client.check() == Credit(Decimal(12), "sms")
