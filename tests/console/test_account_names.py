"""Accounts of one name where one of them is chosen."""

from io import BytesIO

import pytest
from flask import Flask

from tests.support.console import Console
from tests.support.factories import EmailNotifierFactory, EmailPatternFactory, SMSNotifierFactory


@pytest.fixture
def twins(app: Flask) -> tuple[int, int]:
    """The ids of two email accounts of one name, each with a pattern of one name."""
    with app.app_context():
        SMSNotifierFactory(name="twin")
        first, second = (EmailNotifierFactory(name="twin").id for _ in range(2))
        for id_ in (first, second):
            EmailPatternFactory(notifier_id=id_, name="order")
        EmailNotifierFactory(name="other")
        return first, second


@pytest.mark.parametrize(
    ("path", "options", "shown", "others"),
    [
        ("/settings", "#notifications_email_notifier option", "twin (#{})", {"other"}),
        ("/settings/delivery", "#email_backup_notifiers option", "twin (#{})", {"other"}),
        ("/settings/otp", "#otp_email_pattern option", "twin (#{}) › order", set()),
        ("/send?channel=email", "[name=notifier] option", "twin (#{})", {"other"}),
        ("/messages", "[name=account] option", "twin (#{}) (Email)", {"twin (SMS)", "other (Email)"}),
    ],
)
def test_accounts_of_one_name_are_told_apart(
    operator: Console, twins: tuple[int, int], path: str, options: str, shown: str, others: set[str]
) -> None:
    found = operator.get(path).all(options)
    assert {*map(shown.format, twins), *others} <= set(found)
    assert not {"twin", "twin › order", "twin (Email)"} & set(found)


def test_a_campaigns_accounts_of_one_name_are_told_apart(operator: Console, twins: tuple[int, int]) -> None:
    file = {"file": (BytesIO(b"to\na@example.com\n"), "list.csv")}
    made = operator.post("/campaigns/new", file, content_type="multipart/form-data")
    page = operator.follow(made)
    assert [option for option in page.all("[name=content] option") if "order" in option] == [
        f"order – twin (#{id_})" for id_ in twins
    ]
    assert set(page.all("[name=notifier] option")) == {
        "The default account",
        "other",
        *(f"twin (#{id_})" for id_ in twins),
    }
