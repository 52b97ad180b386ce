"""Signatures and the rotation of secrets."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notifyhub.webhooks import signatures

AT = datetime(2025, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)
BODY = '{"type":"message.sent","data":{"note":"سلام"}}'


def verified(secret: str, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(BODY.encode(), headers)
    except WebhookVerificationError:
        return False
    return True


def test_a_secret_is_random_and_long() -> None:
    first, second = signatures.new()["current"], signatures.new()["current"]
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"whsec_{base64.b64encode(bytes(24)).decode()}", True),
        (f"whsec_{base64.b64encode(bytes(64)).decode()}", True),
        (f"whsec_{base64.b64encode(bytes(23)).decode()}", False),
        (f"whsec_{base64.b64encode(bytes(65)).decode()}", False),
        (base64.b64encode(bytes(32)).decode(), False),
        (f"WHSEC_{base64.b64encode(bytes(32)).decode()}", False),
        (f"whsec_{base64.b64encode(bytes(32)).decode()[:-1]}", False),
        (f"whsec_{'-_' * 20}", False),
        (f"whsec_{'ـ' * 40}", False),
        ("whsec_", False),
        ("", False),
    ],
)
def test_a_given_secret_is_as_the_specification_has_it(text: str, expected: bool) -> None:
    assert signatures.is_secret(text) is expected


def test_a_given_secret_signs_and_one_that_signed_along_is_not_kept_twice() -> None:
    first, second = (signatures.new()["current"] for _ in range(2))
    kept = signatures.new(first)
    assert kept == {"current": first, "earlier": []}
    back = signatures.rotated(signatures.rotated(kept, AT, second), AT, first)
    assert back["current"] == first
    assert [secret for secret, _ in back["earlier"]] == [second]


def test_a_signature_is_verified_by_the_specification_s_own_library() -> None:
    kept = signatures.new()
    headers = signatures.headers(kept, "msg_1", AT, BODY)
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    with time_machine.travel(AT):
        assert verified(kept["current"], headers)
        assert not verified(signatures.new()["current"], headers)
        assert not verified(kept["current"], {**headers, "webhook-id": "msg_2"})


@pytest.mark.parametrize(("hours", "old"), [(0, True), (23.9, True), (24.1, False)])
def test_an_old_secret_signs_along_for_a_day(hours: float, old: bool) -> None:
    kept = signatures.new()
    renewed = signatures.rotated(kept, AT)
    later = AT + timedelta(hours=hours)
    headers = signatures.headers(renewed, "msg_1", later, BODY)
    with time_machine.travel(later):
        assert verified(renewed["current"], headers)
        assert verified(kept["current"], headers) is old


def test_each_of_several_old_secrets_has_its_day() -> None:
    first = signatures.new()
    second = signatures.rotated(first, AT)
    third = signatures.rotated(second, AT + timedelta(hours=20))
    later = AT + timedelta(hours=25)
    headers = signatures.headers(third, "msg_1", later, BODY)
    with time_machine.travel(later):
        found = [verified(kept["current"], headers) for kept in (first, second, third)]
    assert found == [False, True, True]
    assert len(signatures.rotated(third, later)["earlier"]) == 2


def test_rotations_in_a_row_don_t_make_the_header_endless() -> None:
    kept = signatures.new()
    for _ in range(100):
        kept = signatures.rotated(kept, AT)
    assert len(signatures.headers(kept, "msg_1", AT, BODY)["webhook-signature"].split()) == 10
