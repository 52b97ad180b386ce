"""The base of the resources' schemas."""

from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema

from notifyhub.api.fields import Integer, Timestamp, described


class ResourceSchema(Schema):
    """What goes in and out for one kind of object.

    `Meta.fields` names, in order, all that goes out. Unknown and read-only keys that come in are ignored.
    """

    class Meta:
        unknown = EXCLUDE

    reshaped: ClassVar[tuple[str, ...]] = ()
    """The fields that don't show just what is stored."""

    id = Integer(dump_only=True, metadata=described("Unique id.", 3, format="int64"))
    created_at = Timestamp(metadata=described("When it was created.", "2025-12-28T16:42:35.264559Z"))
    updated_at = Timestamp(metadata=described("When it last changed.", "2025-12-28T16:51:01.399924Z"))

    def settle(self, values: dict[str, Any], stored: Any) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return the values to keep: for rules that need several fields, or what is stored already.

        `stored` is the object that is changed, None for a new one. Raises ValidationError.
        """
        return values
