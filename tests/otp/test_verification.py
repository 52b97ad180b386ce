"""Guessing codes: what each guess comes to, however it is written and however many come at once."""

import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from notifyhub.database.connections import after_commit
from notifyhub.otp.codes import compute_code, is_right
from notifyhub.otp.events import OTPVerified
from notifyhub.otp.serializers import read_otp
from tests.otp.codes import NUMBER, URL, Codes, wrong
from tests.support.clients import Api
from tests.support.events import subscribed
from tests.support.queries import Queries

CROWD = 200

RIGHT = {"verified": True, "reason": None}
EASTERN = {"persian": "۰۱۲۳۴۵۶۷۸۹", "arabic": "٠١٢٣٤٥٦٧٨٩", "devanagari": "०१२३४५६७८९"}


def refused(reason: str, attempts_left: int) -> dict[str, Any]:
    return {"verified": False, "reason": reason, "attempts_left": attempts_left}


@pytest.mark.parametrize("by", ["id", "to"])
def test_the_right_code_is_taken_once(codes: Codes, by: str) -> None:
    made = codes.issued()
    named = {"id": made["id"]} if by == "id" else {"to": "0912 123 4567"}
    assert codes.guess(made["code"], **named) == {**RIGHT, "attempts_left": 5}
    assert codes.guess(made["code"], **named) == refused("already_used", 5)
    assert codes.guess(wrong(made["code"]), **named) == refused("already_used", 5)
    assert codes.show(made["id"])["status"] == "verified"


@pytest.mark.parametrize("digits", EASTERN.values(), ids=EASTERN)
def test_digits_of_any_script_and_blanks_around_them_are_taken(codes: Codes, digits: str) -> None:
    made = codes.issued()
    spelled = made["code"].translate(str.maketrans("0123456789", digits))
    assert codes.guess(f" \u00a0{spelled}\n")["verified"]


def test_wrong_guesses_count_down_and_the_last_one_blocks(codes: Codes) -> None:
    codes.settings(max_attempts=3)
    made = codes.issued()
    assert codes.guess(wrong(made["code"])) == refused("wrong_code", 2)
    assert codes.guess("x") == refused("wrong_code", 1)
    assert codes.guess(wrong(made["code"])) == refused("wrong_code", 0)
    assert codes.guess(made["code"]) == refused("too_many_attempts", 0)
    shown = codes.show(made["id"])
    assert (shown["status"], shown["attempts_left"]) == ("blocked", 0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda code: code[1:],
        lambda code: f"0{code}",
        lambda code: f"{code}0",
        lambda code: f"{code[:2]}-{code[2:]}",
        lambda code: f"+{code}",
        lambda code: f"{code}.0",
        lambda code: f"{code}½",
        lambda code: "•" * len(code),
        lambda _: "9" * 255,
        lambda _: "پنج",
    ],
)
def test_what_is_not_quite_the_code_is_a_wrong_guess(codes: Codes, spoil: Any) -> None:
    made = codes.issued()
    assert codes.guess(spoil(made["code"])) == refused("wrong_code", 4)


def test_each_end_has_its_reason(codes: Codes, clock: time_machine.Traveller) -> None:
    expired, cancelled = codes.issued(), codes.issued(purpose="sign-up")
    codes.cancel(cancelled["id"])
    assert codes.guess(cancelled["code"], purpose="sign-up") == refused("cancelled", 5)
    clock.shift(119)
    codes.guess(wrong(expired["code"]))
    clock.shift(1)
    assert codes.guess(expired["code"]) == refused("expired", 4)
    assert codes.show(expired["id"])["status"] == "expired"
    assert codes.guess("12345", "09121234568") == refused("not_found", 0)
    assert codes.guess("12345", id=2**63 - 1) == refused("not_found", 0)
    assert codes.guess(expired["code"], purpose="another") == refused("not_found", 0)


def test_a_code_is_good_for_its_recipient_and_purpose_only(codes: Codes) -> None:
    codes.settings(otp_code_len=10)
    login, other = codes.issued(), codes.issued(purpose="payment")
    stranger = codes.issued("09121234568")
    assert codes.guess(other["code"])["reason"] == "wrong_code"
    assert codes.guess(stranger["code"])["reason"] == "wrong_code"
    assert codes.guess(login["code"], id=other["id"])["reason"] == "wrong_code"
    assert codes.guess(stranger["code"], id=stranger["id"])["verified"]
    assert codes.guess(login["code"])["verified"]


def test_of_several_the_latest_counts(codes: Codes, clock: time_machine.Traveller) -> None:
    codes.settings(otp_code_len=10)
    old = codes.issued()
    clock.shift(200)
    new = codes.issued()
    assert codes.guess(old["code"]) == refused("wrong_code", 4)
    assert codes.guess(new["code"])["verified"]
    assert codes.guess(old["code"], id=old["id"])["reason"] == "expired"


def test_an_id_and_a_recipient_must_belong_together(codes: Codes) -> None:
    made = codes.issued()
    both = {"id": made["id"], "to": "09121234568", "code": made["code"]}
    assert codes.api.post(f"{URL}/verify", both).json == refused("not_found", 0)
    assert codes.api.post(f"{URL}/verify", {**both, "to": "09121234567"}).json["verified"]


def test_an_id_and_a_purpose_must_belong_together(codes: Codes) -> None:
    made = codes.issued()
    for purpose in ("transfer-money", "Login"):
        assert codes.guess(made["code"], id=made["id"], purpose=purpose) == refused("not_found", 0)
    assert codes.show(made["id"])["attempts_left"] == 5
    assert codes.guess(made["code"], id=made["id"], purpose=" login ")["verified"]
    other = codes.issued("09121234568", purpose="transfer-money")
    assert codes.guess(other["code"], id=other["id"], purpose="login") == refused("not_found", 0)
    assert codes.guess(other["code"], id=other["id"])["verified"]


INVISIBLE = [
    character
    for character in map(chr, range(0x110000))
    if unicodedata.category(character) in {"Cf", "Zs", "Cc"} and character != "\0"
]


@settings(max_examples=200)
@given(st.integers(0, 9999), st.lists(st.text(INVISIBLE, max_size=3), min_size=5, max_size=5))
def test_a_pasted_code_is_taken_whatever_invisible_marks_are_in_it(number: int, marks: list[str]) -> None:
    row = SimpleNamespace(id=7, nonce=number.to_bytes(16), code_len=4)
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "x" * 32
    with app.app_context():
        code = compute_code(row)
        pasted = "".join(f"{mark}{digit}" for mark, digit in zip(marks, code, strict=False)) + marks[-1]
        assert is_right(row, pasted)
        assert not is_right(row, wrong(pasted.strip("".join(INVISIBLE))))


@pytest.mark.parametrize(
    "paste",
    [
        "\u200f{}\u200f",
        "\u2066{}\u2069",
        "{}\ufeff",
        "\u200c{}\u200d",
        "\u00a0{}\t",
        "\u202b{}\u202c\r\n",
        "\u2800{}\ufe0f",
    ],
)
def test_a_code_with_marks_around_it_verifies(codes: Codes, paste: str) -> None:
    made = codes.issued()
    assert codes.guess(paste.format(made["code"]))["verified"]


@pytest.mark.parametrize(
    ("asked", "guessed"),
    [
        ("info@xn--mgba3gch31f060k.com", "Info@نامه\u200cای.com"),
        ("user@straße.de", "user@xn--strae-oqa.de"),
        ("victim@ｇmail.com", "Victim@Gmail.com"),
        ("jos\u00e9@gmail.com", "Jose\u0301@gmail.com"),
    ],
)
def test_every_spelling_of_an_address_is_one_recipient(codes: Codes, asked: str, guessed: str) -> None:
    made = codes.issued(asked, channel="email")
    assert codes.ask(guessed, channel="email").status == 429
    assert codes.guess(made["code"], guessed)["verified"]


def test_an_address_whose_small_letters_are_too_long_is_refused(codes: Codes) -> None:
    asked = codes.ask(32 * "\u0130" + "@example.com", channel="email")
    assert (asked.status, list(asked.json)) == (400, ["to"])


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"code": "1"}, {"non_field_errors": ["Give `id` or `to`."]}),
        ({"to": NUMBER}, {"code": ["This field is required."]}),
        ({"to": NUMBER, "code": " "}, {"code": ["This field may not be blank."]}),
        ({"to": NUMBER, "code": None}, {"code": ["This field may not be null."]}),
        ({"to": NUMBER, "code": ["1"]}, {"code": ["Not a valid string."]}),
        ({"to": "a@", "code": "1"}, {"to": ["Enter a valid email address."]}),
        ({"id": "x", "code": "1"}, {"id": ["A valid integer is required."]}),
    ],
)
def test_a_request_that_says_too_little_is_refused(
    codes: Codes, body: dict[str, Any], errors: dict[str, Any]
) -> None:
    answer = codes.api.post(f"{URL}/verify", body)
    assert (answer.status, answer.json) == (400, errors)


def test_a_number_of_statements_serves_each_kind_of_guess(
    codes: Codes, queries: Queries, clock: time_machine.Traveller
) -> None:
    made = codes.issued()
    # One is for the token; after the right code webhooks are looked for.
    for code, count in ((wrong(made["code"]), 3), (made["code"], 4), (made["code"], 2)):
        with queries as sent:
            codes.guess(code)
        assert len(sent) == count, sent


def at_once(app: Flask, codes: Codes, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send guesses in the same moment; return what they come to."""
    start = threading.Barrier(len(bodies))

    def guess(body: dict[str, Any]) -> dict[str, Any]:
        client = Api(app.test_client(), codes.api.token)
        start.wait(30)
        answer = client.post(f"{URL}/verify", body)
        assert answer.status == 200
        verdict: dict[str, Any] = answer.json
        return verdict

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(guess, bodies))


def test_of_many_right_answers_at_once_one_is_verified(app: Flask, codes: Codes) -> None:
    made = codes.issued()
    named = [{"to": NUMBER}, {"id": made["id"]}]
    answers = at_once(app, codes, [{**named[n % 2], "code": made["code"]} for n in range(CROWD)])
    assert Counter(answer["reason"] for answer in answers) == {None: 1, "already_used": CROWD - 1}


def test_many_wrong_guesses_at_once_do_not_outrun_the_limit(app: Flask, codes: Codes) -> None:
    made = codes.issued()
    answers = at_once(app, codes, [{"to": NUMBER, "code": wrong(made["code"])}] * CROWD)
    assert Counter(answer["reason"] for answer in answers) == {
        "wrong_code": 5,
        "too_many_attempts": CROWD - 5,
    }
    assert sorted(one["attempts_left"] for one in answers if one["reason"] == "wrong_code") == [0, 1, 2, 3, 4]
    assert codes.guess(made["code"]) == refused("too_many_attempts", 0)


@pytest.fixture
def published() -> Iterator[list[Any]]:
    """What a subscriber gets of verified codes: inside the transaction, and after it."""
    received: list[Any] = []

    def receive(connection: Connection, event: OTPVerified) -> None:
        assert connection.in_transaction()
        received.append((read_otp(connection, event.id, test=event.test), event.test))
        after_commit(lambda: received.append("committed"))

    with subscribed(OTPVerified, receive):
        yield received


def test_a_verified_code_is_published_in_the_same_transaction(codes: Codes, published: list[Any]) -> None:
    made = codes.issued()
    codes.guess(wrong(made["code"]))
    assert published == []
    codes.guess(made["code"])
    ((row, test), after) = published
    assert test
    assert after == "committed"
    assert set(row) == set(made) - {"code"}
    assert (row["status"], row["to"], row["message"]) == ("verified", "+98912•••4567", made["message"])


def test_a_subscriber_that_fails_leaves_the_code_unused(codes: Codes) -> None:
    made = codes.issued()

    def fail(_connection: Connection, _event: OTPVerified) -> None:
        raise RuntimeError("no place to write")

    with subscribed(OTPVerified, fail):
        assert codes.api.post(f"{URL}/verify", {"id": made["id"], "code": made["code"]}).status == 500
    assert codes.row(made["id"]).status == "pending"
    assert codes.guess(made["code"])["verified"]
