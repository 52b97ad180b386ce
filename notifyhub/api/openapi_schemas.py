"""Marshmallow schemas as the OpenAPI document describes them.

What a client sends and what it is answered are components of their own (`SMSPatternRequest`, `PatchedSMSPattern`
and `SMSPattern`): an answer has every field, a request only those that can be set.
"""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin, OpenAPIConverter
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from marshmallow import INCLUDE, Schema, fields

from notifyhub.api.fields import Choice, Object


def taken(schema: Schema) -> Schema:
    """Return the part of a schema that a request's body can set."""
    read_only = _read_only(schema)
    return type(schema)(exclude=read_only, partial=schema.partial) if read_only else schema


def _read_only(schema: Schema) -> list[str]:
    return [name for name, field in schema.fields.items() if field.dump_only]


def _name(schema: Schema) -> str:
    """Return the name of a schema's component."""
    name = type(schema).__name__.removesuffix("Schema")
    if schema.partial:
        return f"Patched{name}"
    return f"{name}Request" if schema.exclude else name


class _Converter(OpenAPIConverter):
    field_mapping = {
        **DEFAULT_FIELD_MAPPING,
        Choice: ("string", None),
        fields.URL: ("string", "uri"),
    }

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Return the component of a schema; in an answer every field is there, and none has a default."""
        written: dict[str, Any] = self.fields2jsonschema(schema.fields, partial=schema.partial)
        answered = bool(_read_only(schema))
        if answered:
            written["required"] = list(schema.fields)
        if answered or schema.partial:
            for described in written["properties"].values():
                described.pop("default", None)
        if type(schema).__doc__:
            written["description"] = type(schema).__doc__
        if schema.unknown == INCLUDE:
            written["additionalProperties"] = True
        return written


def _made_default(_: OpenAPIConverter, field: fields.Field[Any], **__: Any) -> dict[str, Any]:
    """Return the default that is made anew each time, as an empty object is."""
    return {"default": field.load_default()} if callable(field.load_default) else {}


def _shapes(converter: OpenAPIConverter, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """Return the shapes that an object may have: one of those that it knows, or none at all."""
    if not isinstance(field, Object) or not field.shapes:
        return {}
    return {"anyOf": [*(converter.resolve_nested_schema(shape) for shape in field.shapes), {"maxProperties": 0}]}


class SchemaPlugin(MarshmallowPlugin):
    """Describes the kit's fields and schemas."""

    Converter = _Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_name)

    def init_spec(self, spec: Any) -> None:
        super().init_spec(spec)
        for describe in (_made_default, _shapes):
            self.converter.add_attribute_function(describe)
