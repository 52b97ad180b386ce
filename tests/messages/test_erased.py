"""Messages whose content is not kept any more."""

import pytest
from flask import Flask

from notifyhub.messages.models import ERASED, MessageStatus
from tests.support.clients import Api
from tests.support.factories import MessageFactory


@pytest.mark.parametrize(
    ("operation", "status"), [("retry", MessageStatus.FAILED), ("cancel", MessageStatus.QUEUED)]
)
def test_an_erased_message_is_neither_sent_anew_nor_cancelled(
    api: Api, app: Flask, operation: str, status: MessageStatus
) -> None:
    with app.app_context():
        erased = MessageFactory(status=status, recipient=ERASED, text=None, next_attempt_at=None).id
    answer = api.post(f"/api/notifications/messages/{erased}/{operation}")
    assert (answer.status, list(answer.json)) == (409, ["detail"])
    assert api.get(f"/api/notifications/messages/{erased}").json["status"] == status
