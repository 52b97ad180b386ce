"""The base of the resources' schemas."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

from marshmallow import EXCLUDE, RAISE, Schema, fields, pre_load

from notifyhub.api.fields import Integer, Timestamp, described

MAX_UNKNOWN_KEYS = 100


class StrictSchema(Schema):
    """A body or query whose unknown keys are refused, as mistakes.

    Read-only keys, which an object's response has, are ignored: the schema's own and those of `read_only`.
    """

    class Meta:
        unknown = RAISE

    error_messages: dict[str, str] = {"unknown": "Unknown field."}

    read_only: ClassVar[frozenset[str]] = frozenset()
    """The keys of the response; those of them that are fields of the schema can be set nevertheless."""

    @pre_load
    def _drop_read_only(self, data: Any, **_: Any) -> Any:
        """Leave out read-only keys, and of unknown ones those beyond the first: each would be an error."""
        if not isinstance(data, Mapping) or data.keys() <= self.load_fields.keys():
            return data
        others = (key for key in data if key not in self.load_fields and not self._is_read_only(key))
        loaded = {*self.load_fields, *islice(others, MAX_UNKNOWN_KEYS)}
        return {key: value for key, value in data.items() if key in loaded}

    def _is_read_only(self, key: str) -> bool:
        return key in self.dump_fields or (key in self.read_only and key not in self.declared_fields)


class NamedSchema(Schema):
    """Another object, briefly, in an answer."""

    id = fields.Integer(required=True, metadata=described("Its id.", 3, format="int64"))
    name = fields.String(required=True, metadata=described("Its name.", "otp-code"))


class ResourceSchema(Schema):
    """The bodies of one kind of object, in requests and responses.

    `Meta.fields` names, in order, all that goes out. Unknown and read-only keys that come in are ignored.
    """

    class Meta:
        unknown = EXCLUDE

    computed: ClassVar[tuple[str, ...]] = ()
    """The fields whose `_serialize` changes what is stored, such as masked secrets."""

    id = Integer(dump_only=True, metadata=described("Unique id.", 3, format="int64"))
    created_at = Timestamp(metadata=described("When it was created.", "2025-12-28T16:42:35.264559Z"))
    updated_at = Timestamp(metadata=described("When it last changed.", "2025-12-28T16:51:01.399924Z"))

    def validate_object(self, values: dict[str, Any], stored: Any) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return the values to store: for rules that need several fields, or what is stored already.

        `stored` is the object that is changed, None for a new one. Raises ValidationError.
        """
        return values


class StrictResourceSchema(StrictSchema, ResourceSchema):
    """The same where unknown keys are refused."""

    class Meta(StrictSchema.Meta):
        pass
