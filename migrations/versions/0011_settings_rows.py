"""Each of the settings has its row from now on, with the values of a new installation; a row that is there stays."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SMS_TEXT = "کد تأیید شما: {code}\nتا {minutes} دقیقه معتبر است."
JSON_COLUMNS = {"sms_backup_notifiers", "email_backup_notifiers", "retry_delays", "sms_countries"}
ROWS = {
    "notification_settings": {"otp_code_len": 5, "otp_ttl": 120},
    "delivery_settings": {
        "sms_backup_notifiers": [],
        "email_backup_notifiers": [],
        "max_attempts": 5,
        "retry_delays": [5, 30, 120, 600],
        "message_ttl": 86_400,
        "retention_days": 90,
        "resend_uncertain": True,
        "sms_countries": ["IR"],
    },
    "otp_settings": {
        "sms_text": SMS_TEXT,
        "email_subject": "کد تأیید شما",
        "email_text": f"{SMS_TEXT}\n\nاگر شما این کد را نخواسته‌اید، این نامه را نادیده بگیرید.",
        "max_attempts": 5,
        "resend_cooldown": 60,
        "max_per_hour": 5,
        "max_per_client_hour": 20,
    },
}


def upgrade() -> None:
    for table, values in ROWS.items():
        row = {"id": 1, **values}
        # Servers of the version before insert the row themselves when it is first read.
        insert = sa.text(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)}) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        ).bindparams(*(sa.bindparam(name, type_=sa.JSON) for name in JSON_COLUMNS.intersection(row)))
        op.get_bind().execute(insert, row)


def downgrade() -> None:
    """Leave the rows: the version before would insert the same."""
