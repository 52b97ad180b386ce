"""What messages name, read from the database."""

from typing import Any

import pytest
from flask import Flask

from notifyhub.database.connections import autocommit
from notifyhub.messages.models import Channel
from notifyhub.messages.references import References, resolve
from tests.messages.accounts import Accounts
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.queries import Queries


def resolved(messages: list[dict[str, Any]]) -> References:
    return resolve(autocommit(), messages)


def test_patterns_are_found_by_id_and_by_notifier_and_name(app: Flask, accounts: Accounts) -> None:
    with app.app_context():
        at_default = EmailPatternFactory(notifier_id=accounts.email, name="a").id
        elsewhere = EmailPatternFactory(notifier_id=accounts.other_email, name="a").id
        EmailPatternFactory(notifier_id=accounts.other_email, name="b")
        EmailPatternFactory(notifier_id=EmailNotifierFactory().id, name="a")
        SMSPatternFactory(notifier_id=accounts.sms, name="a")
        found = resolved(
            [
                {"channel": "email", "pattern": "a"},
                {"channel": "email", "pattern": "b"},
                {"channel": "email", "pattern": "a", "notifier": accounts.other_email},
                {"channel": "email", "pattern": at_default},
                {"channel": "email", "pattern": "a", "notifier": 2**62},
            ]
        )
    assert {key: pattern.id for key, pattern in found.patterns[Channel.EMAIL].items()} == {
        (accounts.email, "a"): at_default,
        (accounts.other_email, "a"): elsewhere,
        at_default: at_default,
    }
    assert found.patterns[Channel.SMS] == {}
    assert found.message_ttl.total_seconds() == 86_400


@pytest.mark.parametrize(
    ("message", "statements"),
    [
        ({"channel": "sms"}, 1),
        ({"channel": "email"}, 1),
        ({"channel": "sms", "notifier": 1}, 1),
        ({"channel": "sms", "pattern": 1}, 1),
        ({"channel": "email", "pattern": 1}, 1),
        ({"channel": "email", "pattern": 1, "notifier": 1}, 1),
        ({"channel": "sms", "pattern": "a"}, 2),
        ({"channel": "email", "pattern": "a", "notifier": 1}, 2),
    ],
)
def test_a_message_takes_one_statement_and_with_a_name_another(
    app: Flask, accounts: Accounts, queries: Queries, message: dict[str, Any], statements: int
) -> None:
    fixed = {"notifier": accounts.email if message["channel"] == "email" else accounts.sms}
    with app.app_context(), queries as sent:
        resolved([message | ({} if "notifier" not in message else fixed)])
    assert len(sent) == statements


def test_any_number_of_messages_takes_as_many_statements(
    app: Flask, accounts: Accounts, queries: Queries
) -> None:
    with app.app_context():
        notifiers = {"sms": SMSNotifierFactory.create_batch(5), "email": EmailNotifierFactory.create_batch(5)}
        factories = {"sms": SMSPatternFactory, "email": EmailPatternFactory}
        messages = [
            {"channel": channel, "pattern": named, **given}
            for channel, factory in factories.items()
            for notifier in notifiers[channel]
            for pattern in (factory(notifier_id=notifier.id, name=f"n{n}") for n in range(3))
            for named, given in (
                (None, {"notifier": notifier.id}),
                (None, {}),
                (pattern.id, {}),
                (pattern.name, {}),
                (pattern.name, {"notifier": notifier.id}),
            )
        ]
        counts = []
        for some in (messages[:15] + messages[75:90], messages, messages * 7):
            with queries as sent:
                found = resolved(some)
            counts.append(len(sent))
    assert counts == [8, 8, 8]  # for each channel: notifiers, the default one, patterns by id and by name
    assert all(len(found.patterns[channel]) == 30 for channel in Channel)


def test_a_thousand_names_at_a_thousand_notifiers_are_one_look_up(
    app: Flask, accounts: Accounts, queries: Queries
) -> None:
    messages = [{"channel": "sms", "pattern": f"n{n}", "notifier": n + 1} for n in range(1000)]
    with app.app_context(), queries as sent:
        assert resolved(messages).patterns[Channel.SMS] == {}
    assert len(sent) == 2
