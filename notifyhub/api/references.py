"""Fields that refer to objects which must exist: the only ones that read the database."""

from collections.abc import Mapping
from typing import Any

from marshmallow.exceptions import ValidationError
from marshmallow.types import ErrorMessages
from sqlalchemy import select

from notifyhub.api.fields import Id, List
from notifyhub.database.base import Identified
from notifyhub.extensions import db


class Reference(Id):
    """The id of another object, which must exist."""

    def __init__(self, model: type, **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> int:
        number = super()._deserialize(value, *args, **options)
        if db.session.get(self.model, number) is None:
            raise self.make_error("does_not_exist", pk=number)
        return number


class ReferenceList(List):
    """Ids of other objects in an order, each of them once; the objects must exist."""

    default_error_messages: ErrorMessages = {"duplicate": "{pk} stands in this list already."}

    def __init__(
        self, model: type[Identified], *, most: int, metadata: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(Id(), most=most, metadata={**metadata, "uniqueItems": True}, **options)
        self.model = model

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        numbers: list[int] = super()._deserialize(value, *args, **options)
        there = set(db.session.scalars(select(self.model.id).where(self.model.id.in_(numbers))))
        errors: dict[int, Any] = {}
        for place, number in enumerate(numbers):
            if number not in there:
                errors[place] = self.inner.make_error("does_not_exist", pk=str(value[place])[:40]).messages
            elif number in numbers[:place]:
                errors[place] = self.make_error("duplicate", pk=number).messages
        if errors:
            raise ValidationError(errors)
        return numbers
