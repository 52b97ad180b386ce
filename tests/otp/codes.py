"""An object of actions: asking for codes, guessing them, looking at what is stored."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import select

from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Message
from notifyhub.otp.models import OTP
from notifyhub.settings.models import NotificationSettings, OTPSettings
from tests.support.clients import Answer, Api

URL = "/api/notifications/otp"
NUMBER = "+989121234567"


@dataclass
class Codes:
    """A client of one-time passwords."""

    app: Flask
    api: Api

    def ask(self, to: str = NUMBER, **more: Any) -> Answer:
        return self.api.post(URL, {"to": to, **more})

    def issued(self, to: str = NUMBER, **more: Any) -> dict[str, Any]:
        """Return what a request that makes a new one is answered."""
        answer = self.ask(to, **more)
        assert answer.status == 201, answer.json
        made: dict[str, Any] = answer.json
        return made

    def guess(self, code: Any, to: str = NUMBER, **more: Any) -> dict[str, Any]:
        named = {"id": more.pop("id")} if "id" in more else {"to": to}
        answer = self.api.post(f"{URL}/verify", {**named, "code": code, **more})
        assert answer.status == 200, answer.json
        verdict: dict[str, Any] = answer.json
        return verdict

    def show(self, id: int) -> dict[str, Any]:
        answer = self.api.get(f"{URL}/{id}")
        assert answer.status == 200
        shown: dict[str, Any] = answer.json
        return shown

    def cancel(self, id: int) -> Answer:
        return self.api.post(f"{URL}/{id}/cancel")

    def settings(self, **values: Any) -> None:
        """Change the settings of one-time passwords, and those that the documentation has."""
        with self.app.app_context():
            for model in (NotificationSettings, OTPSettings):
                own = {name: value for name, value in values.items() if hasattr(model, name)}
                if own:
                    stored = db.session.get(model, 1) or model()
                    db.session.add(stored)
                    for name, value in own.items():
                        setattr(stored, name, value)
            db.session.commit()

    def message(self, id: int) -> Message:
        with self.app.app_context():
            return db.session.get_one(Message, id)

    def messages(self) -> list[Message]:
        with self.app.app_context():
            return list(db.session.scalars(select(Message).order_by(Message.id)))

    def row(self, id: int) -> OTP:
        with self.app.app_context():
            return db.session.get_one(OTP, id)

    def deliver(self, message_id: int) -> Message:
        """Give a message a round, as a worker does; return it as it is then."""
        with self.app.app_context():
            deliver(message_id)
        return self.message(message_id)


def wrong(code: str) -> str:
    """Return another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)
