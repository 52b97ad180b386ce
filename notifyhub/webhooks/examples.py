"""The objects that the examples of events show, as events show them."""

from typing import Any

from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.otp.models import OTPStatus
from notifyhub.patterns.models import PatternStatus
from notifyhub.webhooks.models import Event
from notifyhub.webhooks.retry_policy import GONE

MADE, TAKEN, ARRIVED = (f"2025-12-28T16:42:{second}Z" for second in ("35.264559", "35.391022", "46.117340"))
UNTIL = "2025-12-29T16:42:35.264559Z"
FAILURE = {"code": "invalid_recipient", "detail": "The number is not valid."}

MESSAGE: dict[str, Any] = {
    "id": 17,
    "channel": Channel.SMS,
    "status": MessageStatus.SENT,
    "to": "+989121234567",
    "cc": None,
    "notifier_data": {"id": 1, "name": "melipayamak_general"},
    "pattern_data": {"id": 1, "name": "otp-code"},
    "encoding": "gsm7",
    "segments": 1,
    "reference": "order-1234",
    "metadata": {"campaign": "spring"},
    "batch": None,
    "test": False,
    "send_at": None,
    "expires_at": UNTIL,
    "created_at": MADE,
    "updated_at": TAKEN,
    "next_attempt_at": None,
    "sent_at": TAKEN,
    "delivered_at": None,
    "provider_message_id": "3741437414",
    "error": None,
}
PATTERN = {
    "id": 3,
    "status": PatternStatus.APPROVED,
    "name": "otp-code",
    "code": "187566",
    "description": None,
    "body": "Your login otp code is {0}",
    "created_at": MADE,
    "updated_at": TAKEN,
}
OTP = {
    "id": 17,
    "to": "+98912•••4567",
    "channel": Channel.SMS,
    "purpose": "login",
    "status": OTPStatus.VERIFIED,
    "expires_at": "2025-12-28T16:44:35.264559Z",
    "resend_at": "2025-12-28T16:43:35.264559Z",
    "attempts_left": 5,
    "message": 17,
}
NOTIFIER: dict[str, Any] = {
    "id": 1,
    "channel": Channel.SMS,
    "name": "melipayamak_general",
    "state": "working",
    "resting_until": None,
    "failures_in_a_row": 0,
    "last_accepted_at": TAKEN,
    "last_error": {"code": "unreachable", "detail": "The provider can't be reached.", "at": MADE},
    "accepted_1h": 120,
    "failed_1h": 5,
    "delivered_1h": 117,
    "latency_ms_p50": 84,
    "latency_ms_p95": 210,
    "credit": 37414,
    "credit_at": MADE,
}
WEBHOOK = {
    "id": 1,
    "url": "https://shop.example.com/notifyhub",
    "events": [Event.MESSAGE_DELIVERED],
    "is_active": False,
    "disabled_reason": GONE,
    "created_at": MADE,
    "updated_at": TAKEN,
}
