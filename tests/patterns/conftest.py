"""The two kinds of patterns, of which much holds alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from factory.alchemy import SQLAlchemyModelFactory
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)

NOTIFIERS = "/api/notifications/notifiers"


@dataclass(frozen=True)
class Kind:
    """A kind of patterns: the object that is documented, the change that is, and two more objects."""

    name: str
    notifier: type[SQLAlchemyModelFactory]
    pattern: type[SQLAlchemyModelFactory]
    documented: Mapping[str, Any]
    required: tuple[str, ...]
    change: Mapping[str, Any]
    listed: tuple[Mapping[str, Any], Mapping[str, Any]]

    @property
    def notifiers(self) -> str:
        """The URL of its notifiers."""
        return f"{NOTIFIERS}/{self.name}"

    @property
    def fields(self) -> list[str]:
        """What is shown, in this order."""
        return ["id", *self.documented, "created_at", "updated_at"]

    @property
    def needed(self) -> dict[str, Any]:
        """The documented object without what may be left out."""
        return {name: self.documented[name] for name in self.required}

    def __str__(self) -> str:
        return self.name


SMS = Kind(
    "sms",
    SMSNotifierFactory,
    SMSPatternFactory,
    documented={  # "Create SMS pattern" of the documentation
        "status": "rejected",
        "name": "otp-code",
        "code": "187566",
        "description": "used for sending otp codes",
        "body": "Your login otp code is {0}",
    },
    required=("name", "code", "body"),
    change={"status": "approved", "name": "otp-code-edited", "code": "18756"},
    listed=(
        {
            "status": "approved",
            "name": "otp",
            "code": "13420",
            "description": "برای ارسال پیامک کد یکبار مصرف استفاده می شود",
            "body": "(0)",
        },
        {
            "status": "approved",
            "name": "ثبت نام جدید",
            "code": "12062",
            "description": "استفاده برای اطلاع رسانی در مورد ثبت نام کاربر جدید",
            "body": "کاربر با شماره تماس {0} و نام {۱} ثبت نام کرد",
        },
    ),
)

_STATUS_CHANGED = {
    "name": "order_status_changed",
    "description": "used for sending status changes",
    "from_email": "info@hamgam.online",
    "subject": "hamgam order status changed",
    "body_text": "Order number {0} is in {1} status",
    "body_html": None,
}

EMAIL = Kind(
    "email",
    EmailNotifierFactory,
    EmailPatternFactory,
    documented=_STATUS_CHANGED,
    required=("name", "subject", "body_text"),
    change={"subject": "your order status changed"},
    listed=(
        _STATUS_CHANGED,
        {
            "name": "ثبت نام جدید",
            "description": None,
            "from_email": "فروشگاه <shop@example.com>",
            "subject": "{۰} عزیز، خوش آمدید",
            "body_text": "خوش آمدید",
            "body_html": "<p style='margin:{0}'>خوش آمدید</p>\n",
        },
    ),
)


@pytest.fixture(params=[SMS, EMAIL], ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of patterns; a test may name its own."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def url(app: Flask, kind: Kind) -> str:
    """The patterns of a notifier."""
    with app.app_context():
        return f"{kind.notifiers}/{kind.notifier().id}/patterns"


@pytest.fixture
def pattern(api: Api, url: str, kind: Kind) -> str:
    """The documented pattern, at its URL."""
    return f"{url}/{api.post(url, kind.documented).json['id']}"
