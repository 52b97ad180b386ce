"""The events of changes: which fields are in them, what they show of secrets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from notifyhub.api.changes import MAX_SHOWN, Action, ObjectChanges
from notifyhub.api.fields import Object
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.text.secret_names import HIDDEN, names_secret


class Declared(Schema):
    """The keys that a provider declares."""

    token = fields.String()
    number = fields.String()
    limit = fields.Float()
    nested = fields.Raw()


class AccountSchema(Schema):
    """A notifier, with the moments that a change has no need to tell."""

    id = fields.Integer()
    name = fields.String()
    settings = Object(shapes=lambda: [Declared()])
    created_at = fields.DateTime()


class MailSchema(Schema):
    """A mail account."""

    name = fields.String()
    password = fields.String()


accounts, mails = ObjectChanges(SMSNotifier, AccountSchema()), ObjectChanges(EmailNotifier, MailSchema())

keys = st.sampled_from(["token", "number", "limit", "nested", "API_KEY", "my-password", "other"])
objects = st.dictionaries(
    keys, st.text(max_size=3) | st.integers(0, 3) | st.booleans() | st.lists(st.text(max_size=3), max_size=1)
)


def stored(name: str, settings: Any) -> SMSNotifier:
    return SMSNotifier(id=7, name=name, settings=settings)


def change(before: Any, after: Any) -> Any:
    """Return what is told of settings that change."""
    events = accounts.changed(stored("a", after), {"name": "a", "settings": before})
    return events[0].changes["settings"] if events else None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"token": "a"}, {"token": "a"}, None),
        ({"token": "a"}, {"token": "b"}, ({"token": HIDDEN}, {"token": HIDDEN})),
        ({"token": "a", "number": "1"}, {"token": "a", "number": "2"}, ({"number": "1"}, {"number": "2"})),
        ({"number": "1"}, {"number": "1", "other": "x"}, ({}, {"other": HIDDEN})),
        ({"token": "a", "other": 1}, {}, ({"token": HIDDEN, "other": HIDDEN}, {})),
        ({"other": 1}, {"other": True}, ({"other": HIDDEN}, {"other": HIDDEN})),
        ({"nested": 1}, {"nested": {"token": "a"}}, ({"nested": 1}, {"nested": HIDDEN})),
        ({"limit": 0.5}, {"limit": 2}, ({"limit": 0.5}, {"limit": 2})),
    ],
)
def test_of_an_object_the_keys_that_differ_are_told(before: Any, after: Any, told: Any) -> None:
    assert change(before, after) == told


@given(objects, objects)
def test_no_value_is_told_that_is_not_declared_or_is_called_a_secret(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    told = change(before, after)
    if told is None:
        assert before == after
        return
    for side, shown in zip((before, after), told, strict=True):
        assert shown.keys() <= side.keys()
        for key, value in shown.items():
            harmless = key in Declared().fields and not names_secret(key) and not isinstance(side[key], list)
            assert value == (side[key] if harmless else HIDDEN)
    assert told[0].keys() | told[1].keys() == {
        key
        for key in before.keys() | after.keys()
        if [type(side.get(key)) for side in (before, after)] != [type(before.get(key))] * 2
        or before.get(key) != after.get(key)
    }


def test_a_creation_and_a_deletion_tell_each_field_that_has_a_value() -> None:
    created = accounts.created(7, {"name": "a", "settings": {"token": "x", "number": "5"}})
    assert (created.model, created.id, created.name, created.action) == (SMSNotifier, 7, "a", Action.CREATE)
    assert created.changes == {
        "name": (None, "a"),
        "settings": (None, {"token": HIDDEN, "number": "5"}),
    }
    deleted = accounts.deleted({"id": 7, "name": "a", "settings": HIDDEN})
    assert deleted.changes == {"name": ("a", None), "settings": (HIDDEN, None)}
    assert accounts.deleted({"id": 7, "name": "a", "settings": None}).changes == {"name": ("a", None)}


def test_a_text_that_is_encrypted_is_hidden_whatever_it_is_called() -> None:
    event = mails.created(1, {"name": "m", "password": "p"})
    assert event.changes["password"] == (None, HIDDEN)
    (changed,) = mails.changed(EmailNotifier(id=1, name="m", password="q"), {"name": "m", "password": "p"})
    assert changed.changes == {"password": (HIDDEN, HIDDEN)}


def test_a_long_text_is_cut() -> None:
    told = accounts.created(1, {"name": "x" * 2 * MAX_SHOWN}).changes["name"][1]
    assert (len(told), told[-1]) == (MAX_SHOWN, "…")
