"""IPPanel's simulator, as another client than ours uses it: the vendor's own (ippanelcom/python-sdk)."""

from typing import Any

import pytest
import urllib3

from tests.simulators import IPPanelSimulator
from tests.simulators.ippanel import LINE, MAX_RECIPIENTS, TOKEN

FIRST, SECOND = "+989121234567", "+989351234567"


class VendorClient:
    """Sends what the vendor's client sends: the key raw in a header, JSON without blanks to `<base>/send`."""

    def __init__(self, edge: IPPanelSimulator) -> None:
        self.base = f"{edge.url}/api"
        self.headers = {"Authorization": TOKEN, "Content-Type": "application/json", "Accept": "*/*"}

    def send_webservice(self, message: Any, sender: str, recipients: Any) -> tuple[int, Any]:
        params = {"recipients": recipients}
        body = {"from_number": sender, "message": message, "sending_type": "webservice", "params": params}
        return self.call("POST", "/send", json=body)

    def send_pattern(self, code: str, sender: str, recipient: str, params: Any) -> tuple[int, Any]:
        body = {
            "from_number": sender,
            "recipients": [recipient],
            "code": code,
            "params": params,
            "sending_type": "pattern",
        }
        return self.call("POST", "/send", json=body)

    def call(self, method: str, path: str, **given: Any) -> tuple[int, Any]:
        answer = urllib3.request(method, self.base + path, headers=self.headers, retries=False, **given)
        return answer.status, answer.json()

    def rows(self, id_: Any, **query: int) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the message_status of the listed recipients, and the list's meta."""
        _, answer = self.call("GET", "/report/recipients", fields={"bulk_id": id_, **query})
        return {row["recipient"]: row["message_status"] for row in answer["data"]}, answer["meta"]


@pytest.fixture
def client(edge: IPPanelSimulator) -> VendorClient:
    return VendorClient(edge)


def test_a_text_goes_to_two_numbers_with_one_id(edge: IPPanelSimulator, client: VendorClient) -> None:
    status, answer = client.send_webservice("Hello, this is a test message", LINE, [FIRST, SECOND])
    assert (status, answer["meta"]["status"], answer["meta"]["message_code"]) == (200, True, "200-1")
    (id_,) = answer["data"]["message_outbox_ids"]
    assert [(one.id, one.recipient, one.text, one.sender) for one in edge.journal.messages()] == [
        (str(id_), to, "Hello, this is a test message", LINE) for to in (FIRST, SECOND)
    ]


def test_a_pattern_goes_to_one_number(edge: IPPanelSimulator, client: VendorClient) -> None:
    status, answer = client.send_pattern("simulatedhello1", LINE, FIRST, {"name": "John Doe", "order": 12345})
    assert (status, answer["meta"]["status"]) == (200, True)
    (received,) = edge.journal.messages()
    assert received.text == "Hello John Doe, your order 12345 is on its way."


@pytest.mark.parametrize(
    ("recipients", "fields"),
    [
        ([], {"params.recipients"}),
        (None, {"params.recipients"}),
        ("x", {"params.recipients"}),
        ([f"+98912{index:07}" for index in range(MAX_RECIPIENTS + 1)], {"params.recipients"}),
        ([FIRST, "09121234567", SECOND, None], {"params.recipients.1", "params.recipients.3"}),
    ],
)
def test_wrong_recipients_are_named_and_nothing_is_sent(
    edge: IPPanelSimulator, client: VendorClient, recipients: Any, fields: set[str]
) -> None:
    status, answer = client.send_webservice("Hello", LINE, recipients)
    assert (status, answer["data"], set(answer["meta"]["errors"])) == (422, None, fields)
    assert edge.journal.messages() == []


def test_the_trouble_of_one_recipient_is_named_and_that_of_the_call_is_everybodys(
    edge: IPPanelSimulator, client: VendorClient
) -> None:
    edge.troubles.add("invalid_recipient", recipient=SECOND)
    edge.troubles.add("server_error")
    edge.troubles.add("reset_after_accepting", recipient=SECOND)
    assert set(client.send_webservice("Hello", LINE, [FIRST, SECOND])[1]["meta"]["errors"]) == {
        "params.recipients.1"
    }
    assert client.send_webservice("Hello", LINE, [FIRST, SECOND])[0] == 500
    assert edge.journal.messages() == []
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.send_webservice("Hello", LINE, [FIRST, SECOND])
    assert edge.journal.counts() == {FIRST: 1, SECOND: 1}
    assert client.send_webservice("Hello", LINE, [FIRST, SECOND])[0] == 200


def test_the_forty_seconds_are_those_of_each_recipient(edge: IPPanelSimulator, client: VendorClient) -> None:
    edge.refuse_duplicates = True
    assert client.send_webservice("Hello", LINE, [FIRST, FIRST])[0] == 200
    assert client.send_webservice("Hello", LINE, [SECOND, FIRST])[0] == 429
    assert client.send_webservice("Hello", LINE, [SECOND])[0] == 200, "the refused call has sent nothing"
    assert client.send_webservice("Hello again", LINE, [SECOND, FIRST])[0] == 200


def test_reports_are_listed_by_recipient_and_page(edge: IPPanelSimulator, client: VendorClient) -> None:
    edge.reports = "on_demand"
    edge.troubles.add("blacklisted_later", recipient=SECOND)
    recipients = [FIRST, SECOND, *(f"+98912{index:07}" for index in range(10))]
    (id_,) = client.send_webservice("Hello", LINE, recipients)[1]["data"]["message_outbox_ids"]
    assert client.rows(id_)[0] == {SECOND: "4"}
    edge.advance("delivered", str(id_))
    edge.advance("undelivered", str(id_), FIRST)
    first, meta = client.rows(id_)
    assert (len(first), first[FIRST], first[SECOND]) == (10, "3", "2")
    assert (meta["last_page"], meta["total"]) == (2, 12)
    second, _ = client.rows(id_, page=2, per_page=10)
    assert [*first, *second] == recipients
    assert len(client.rows(id_, per_page=1000)[0]) == 12
