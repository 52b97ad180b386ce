"""Marshmallow schemas as the OpenAPI document describes them.

Requests and responses are components of their own (`SMSPatternRequest`,
`PatchedSMSPattern` and `SMSPattern`): a response has every field, a request only those that can be set.
"""

import re
from inspect import cleandoc
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import INCLUDE, Schema, fields

from notifyhub.api.fields import Choice, Id, Integer, Moment, Object
from notifyhub.api.schemas import StrictSchema


def request_schema(schema: Schema) -> Schema:
    """Return the part of a schema that a request's body can set."""
    read_only = _read_only(schema)
    return type(schema)(exclude=read_only, partial=schema.partial) if read_only else schema


def _read_only(schema: Schema) -> list[str]:
    return [name for name, field in schema.fields.items() if field.dump_only]


def _name(schema: Any) -> str:
    """Return the name of a schema's component."""
    name = type(schema).__name__.removesuffix("Schema")
    if schema.partial:
        return f"Patched{name}"
    return f"{name}Request" if schema.exclude else name


def _title(name: str) -> str:
    """Return a field's name as that of a type: `message_status` is MessageStatus."""
    return "".join(word.capitalize() for word in name.split("_"))


class _Converter(OpenAPIConverter):
    field_mapping: dict[type, tuple[str | None, str | None]] = {
        **DEFAULT_FIELD_MAPPING,
        Choice: ("string", None),
        Id: ("integer", "int64"),
        Moment: ("string", "date-time"),
        fields.URL: ("string", "uri"),
    }

    def init_attribute_functions(self) -> None:
        super().init_attribute_functions()  # type: ignore[no-untyped-call]
        self.attribute_functions += [self.computed_default, self.shapes]

    def field2type_and_format(self, field: fields.Field[Any], **options: Any) -> dict[str, Any]:
        """Return the type and format of a field: a strict integer is cut to 64 bits."""
        described: dict[str, Any] = super().field2type_and_format(field, **options)
        return {**described, "format": "int64"} if isinstance(field, Integer) and field.strict else described

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """Return the schema of a field.

        A choice that may be null is one or the other; generated clients name its type by its title.
        """
        described: dict[str, Any] = super().field2property(field)
        if None not in described.get("enum", ()):
            return described
        choices = [choice for choice in described.pop("enum") if choice is not None]
        choice = {"type": "string", "title": _title(str(field.name)), "enum": choices}
        del described["type"]
        return {**described, "anyOf": [choice, {"type": "null"}]}

    def field2pattern(self, field: fields.Field[Any], **options: Any) -> dict[str, Any]:
        """Return the pattern of a field, as JSON Schema, whose expressions are JavaScript's, writes it."""
        described: dict[str, Any] = super().field2pattern(field, **options)
        return {key: re.sub(r"\\Z\Z", "$", pattern) for key, pattern in described.items()}

    def computed_default(self, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
        """Return the default that a function gives, such as an empty object."""
        return {"default": field.load_default()} if callable(field.load_default) else {}

    def shapes(self, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
        """Return the shapes that an object may have: those that it knows, and the empty one."""
        shapes = field.shapes() if isinstance(field, Object) else ()
        known = [self.resolve_nested_schema(shape) for shape in shapes]  # type: ignore[no-untyped-call]
        common = field.common if isinstance(field, Object) else None
        return {
            **({"anyOf": [*known, {"maxProperties": 0}]} if known else {}),
            **({"allOf": [self.resolve_nested_schema(common)]} if common else {}),  # type: ignore[no-untyped-call]
        }

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Return the component of a schema.

        In an answer every field is there whose metadata do not say `optional`, and none has a default.
        """
        component: dict[str, Any]
        component = self.fields2jsonschema(schema.fields, partial=schema.partial)  # type: ignore[no-untyped-call]
        of_response = bool(_read_only(schema))
        if of_response:
            component["required"] = [
                name for name, field in schema.fields.items() if not field.metadata.get("optional")
            ]
        if of_response or schema.partial:
            for described in component["properties"].values():
                described.pop("default", None)
        if words := type(schema).__doc__:
            component["description"] = cleandoc(words)
        if schema.unknown == INCLUDE:
            component["additionalProperties"] = True
        if isinstance(schema, StrictSchema):
            component["additionalProperties"] = False
        return component


class SchemaPlugin(MarshmallowPlugin):
    """Describes the kit's fields and schemas."""

    Converter = _Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_name)
