"""What schemas make of keys that they don't know."""

import pytest
from marshmallow import ValidationError

from notifyhub.api.fields import Nested, String
from notifyhub.api.schemas import MAX_UNKNOWN_KEYS, StrictResourceSchema, StrictSchema

UNKNOWN = ["Unknown field."]


class InnerSchema(StrictSchema):
    """Nested."""

    name = String()


class OuterSchema(StrictResourceSchema):
    """An object with another in it."""

    read_only = frozenset({"secret", "name"})

    name = String()
    inner = Nested(InnerSchema)


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ({"nmae": "x"}, {"nmae": UNKNOWN}),
        ({"inner": {"nmae": "x", "id": 1}}, {"inner": {"nmae": UNKNOWN, "id": UNKNOWN}}),
        ({"name": [], "x": 1, "id": 1}, {"name": ["Not a valid string."], "x": UNKNOWN}),
    ],
)
def test_unknown_keys_are_told_in_nested_objects_too(data: dict[str, object], errors: object) -> None:
    with pytest.raises(ValidationError) as caught:
        OuterSchema().load(data)
    assert caught.value.messages == errors


def test_read_only_keys_are_ignored() -> None:
    read_only = {"id": 1, "created_at": "x", "updated_at": None, "secret": "s"}
    taken = {"name": "n", "inner": {"name": "i"}}
    assert OuterSchema().load(read_only | taken) == taken


def test_no_more_unknown_keys_are_looked_at_than_are_told() -> None:
    with pytest.raises(ValidationError) as caught:
        OuterSchema().load({str(n): n for n in range(10_000)})
    assert caught.value.messages == {str(n): UNKNOWN for n in range(MAX_UNKNOWN_KEYS)}
