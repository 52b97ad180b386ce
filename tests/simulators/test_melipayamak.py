"""MeliPayamak's simulator, where one call sends to several."""

from typing import Any

import pytest
import urllib3

from tests.simulators import MeliPayamakSimulator
from tests.simulators.melipayamak import MAX_RECIPIENTS, NUMBER, SUCCESS, TEXTS, TOKEN

FIRST, SECOND = "09121234567", "09351234567"
TEXT = "Our shop is open. لغو11"


def send(console: MeliPayamakSimulator, method: str, **body: Any) -> Any:
    body = {"from": NUMBER, "to": [FIRST, SECOND], "udh": "", **body}
    return urllib3.request("POST", f"{console.url}/send/{method}/{TOKEN}", json=body, retries=False).json()


@pytest.mark.parametrize(("method", "text"), [("advanced", TEXT), ("multiple", [TEXT, f"2 {TEXT}"])])
def test_each_recipient_has_an_id(console: MeliPayamakSimulator, method: str, text: Any) -> None:
    answer = send(console, method, text=text)
    received = console.journal.messages()
    assert [int(one.id) for one in received] == answer["recIds"]
    assert [one.recipient for one in received] == [FIRST, SECOND]
    assert [one.text for one in received] == ([text, text] if method == "advanced" else text)
    assert answer["status"] == SUCCESS


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"text": [TEXT, "لغو11 no"]}, "no_opt_out"),
        ({"text": [TEXT]}, "invalid_recipient"),
        ({"text": [TEXT, ""]}, "empty_text"),
        ({"text": [TEXT, TEXT], "from": "x"}, "line_not_allowed"),
        ({"text": [TEXT] * (MAX_RECIPIENTS + 1), "to": [FIRST] * (MAX_RECIPIENTS + 1)}, "too_many"),
        ({"text": [], "to": []}, "invalid_recipient"),
    ],
)
def test_what_is_wrong_for_all_is_refused_without_ids(
    console: MeliPayamakSimulator, body: dict[str, Any], kind: str
) -> None:
    assert send(console, "multiple", **body) == {"recIds": [], "status": TEXTS[kind]}
    assert console.journal.messages() == []


def test_one_recipient_needs_no_words_to_stop_by(console: MeliPayamakSimulator) -> None:
    assert len(send(console, "multiple", to=[FIRST], text=["Hello"])["recIds"]) == 1
    assert len(send(console, "advanced", to=[FIRST], text="Hello")["recIds"]) == 1


def test_the_trouble_of_one_recipient_is_its_own_and_that_of_the_call_is_everybodys(
    console: MeliPayamakSimulator,
) -> None:
    console.troubles.add("blacklisted", recipient=SECOND)
    console.troubles.add("no_credit", recipient=FIRST)
    texts = {"text": [TEXT, TEXT]}
    answer = send(console, "multiple", **texts)
    assert (answer["recIds"][1], answer["success"]) == (35, [True, False])
    assert send(console, "multiple", **texts) == {"recIds": [], "status": TEXTS["no_credit"]}
    assert send(console, "advanced", to=["091", SECOND], text=TEXT)["recIds"][0] == 18
    assert console.journal.counts() == {FIRST: 1, SECOND: 1}
