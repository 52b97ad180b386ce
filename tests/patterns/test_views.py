"""Patterns over HTTP."""

from tests.conftest import Api

BASE = "/api/notifications/notifiers/sms"


def test_a_pattern_is_created_as_documented(api: Api) -> None:
    notifier = api.post(BASE, {"name": "melipayamak_general", "backend": "melipayamak"}).json["id"]
    sent = {
        "status": "rejected",
        "name": "otp-code",
        "code": "187566",
        "description": "used for sending otp codes",
        "body": "Your login otp code is {0}",
    }
    answer = api.post(f"{BASE}/{notifier}/patterns", sent)
    assert answer.status == 201
    assert list(answer.json) == ["id", *sent, "created_at", "updated_at"]
    assert {name: answer.json[name] for name in sent} == sent
