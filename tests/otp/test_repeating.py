"""Requests for codes that are repeated with a key: one code, one message, the same answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.api.idempotency import HEADER, IdempotencyKey
from notifyhub.extensions import db
from tests.otp.codes import NUMBER, URL, Codes
from tests.support.clients import Api

KEY = {HEADER: "a key"}
BODY = {"to": NUMBER}


def test_a_repeated_request_gives_the_first_answer_again(live: Codes, clock: time_machine.Traveller) -> None:
    first = live.api.post(URL, BODY, headers=KEY)
    clock.shift(90)  # it could be sent again
    again = live.api.post(URL, BODY, headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(live.messages()) == 1


def test_the_answer_to_a_code_that_was_sent_again_is_repeated_as_such(
    codes: Codes, clock: time_machine.Traveller
) -> None:
    made = codes.issued()
    clock.shift(60)
    answers = [codes.api.post(URL, BODY, headers=KEY) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert answers[0].json["code"] == made["code"]
    assert len(codes.messages()) == 2


def test_the_code_is_told_again_without_having_been_stored(codes: Codes) -> None:
    answers = [codes.api.post(URL, BODY, headers=KEY) for _ in range(2)]
    assert answers[0].json == answers[1].json
    with codes.app.app_context():
        kept = db.session.scalars(db.select(IdempotencyKey)).one()
    assert '"code"' not in kept.answer
    assert answers[0].json["code"] not in kept.answer.replace(str(answers[0].json["id"]), "")
    assert codes.guess(answers[1].json["code"], id=answers[1].json["id"])["verified"]


def test_a_key_with_another_body_is_refused(live: Codes) -> None:
    live.api.post(URL, BODY, headers=KEY)
    answer = live.api.post(URL, {**BODY, "purpose": "sign-up"}, headers=KEY)
    assert (answer.status, answer.json) == (422, {"detail": f"This {HEADER} was sent with another request."})


def test_a_refused_request_uses_no_key(live: Codes, clock: time_machine.Traveller) -> None:
    live.ask()
    assert live.api.post(URL, BODY, headers=KEY).status == 429
    clock.shift(60)
    assert live.api.post(URL, BODY, headers=KEY).status == 200
    assert live.api.post(URL, {"to": "1234"}, headers={HEADER: "another"}).status == 400


def test_of_requests_that_arrive_together_one_sends_a_code(app: Flask, live: Codes) -> None:
    def ask(client: Api) -> Any:
        return client.post(URL, BODY, headers=KEY)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, [Api(app.test_client(), live.api.token) for _ in range(6)]))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status == 201}) == 1
    assert len(live.messages()) == 1


@pytest.mark.parametrize("path", ["/api/notifications/otp", "/api/notifications/messages"])
def test_the_documentation_shows_the_header(api: Api, path: str) -> None:
    parameters = api.get("/api/openapi.json").json["paths"][path]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == [HEADER]
