"""After the migrations each of the settings has its row, in new installations and in older ones."""

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from notifyhub.database.base import table_of
from notifyhub.extensions import db
from notifyhub.settings.models import DeliverySettings, NotificationSettings, OTPSettings
from tests.database.test_migrations import application, unmigrated  # noqa: F401 - fixtures
from tests.support.factories import EmailPatternFactory, SMSPatternFactory

pytestmark = pytest.mark.usefixtures("unmigrated")


def stored(model: type) -> dict[str, object]:
    with db.engine.connect() as connection:
        return dict(connection.execute(select(table_of(model))).mappings().one())


def test_a_new_installation_has_the_documented_settings() -> None:
    upgrade()
    assert stored(NotificationSettings) == {
        "id": 1,
        "sms_notifier_id": None,
        "email_notifier_id": None,
        "otp_code_len": 5,
        "otp_ttl": 120,
    }
    assert stored(DeliverySettings) == {
        "id": 1,
        "sms_backup_notifiers": [],
        "email_backup_notifiers": [],
        "max_attempts": 5,
        "retry_delays": [5, 30, 120, 600],
        "message_ttl": 86_400,
        "retention_days": 90,
        "resend_uncertain": True,
        "sms_countries": ["IR"],
        "sms_batch_size": 100,
        "credit_low": None,
        "alert_email": None,
        "audit_days": 365,
    }
    limits = stored(OTPSettings)
    assert {name: limits[name] for name in limits if not name.startswith(("sms", "email"))} == {
        "id": 1,
        "max_attempts": 5,
        "resend_cooldown": 60,
        "max_per_hour": 5,
        "max_per_client_hour": 20,
    }


def test_settings_that_are_there_stay() -> None:
    upgrade(revision="0009")
    with db.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO notification_settings (id, otp_code_len, otp_ttl) VALUES (1, 8, 60)")
        )
    upgrade()
    assert stored(NotificationSettings)["otp_code_len"] == 8
    assert stored(DeliverySettings)["max_attempts"] == 5


def test_settings_of_codes_outlive_that_their_table_is_built_anew() -> None:
    upgrade(revision="0018")
    change = {"sms_pattern_id": SMSPatternFactory().id, "sms_text": "{code} – کد", "max_per_client_hour": 7}
    db.session.remove()
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE otp_settings SET sms_pattern_id = :sms_pattern_id, sms_text = :sms_text,"
                " max_per_client_hour = :max_per_client_hour"
            ),
            change,
        )
    upgrade()
    before = stored(OTPSettings)
    assert before.items() >= {**change, "email_pattern_id": None}.items()
    named = EmailPatternFactory()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE otp_settings SET email_pattern_id = :id"), {"id": named.id})
    db.session.remove()
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM email_patterns"))
    downgrade(revision="0018")
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM sms_patterns"))
    upgrade()
    assert stored(OTPSettings) == before
