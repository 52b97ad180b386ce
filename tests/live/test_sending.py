"""The first messages of a new installation."""

from tests.support.live import Live


def test_a_text_reaches_the_provider(live: Live) -> None:
    sent = live.send(channel="sms", to="۰۹۱۲۱۲۳۴۵۶۷", text="سفارش شما ارسال شد")
    assert sent["status"] in {"sent", "delivered"}
    assert [m.text for m in live.melipayamak.journal.messages("09121234567")] == ["سفارش شما ارسال شد"]


def test_a_mail_reaches_the_mail_server(live: Live) -> None:
    sent = live.send(channel="email", to="customer@example.com", subject="سفارش شما", text="ارسال شد")
    assert sent["status"] == "sent"
    assert len(live.smtp.journal.messages("customer@example.com")) == 1
