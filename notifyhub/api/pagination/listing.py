"""What lists have in common, whichever way their pages are cut: parameters, the shape of a page, links."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import request
from marshmallow import EXCLUDE, Schema
from marshmallow.fields import URL, Field, Nested
from marshmallow.fields import List as ListField
from sqlalchemy import Table
from werkzeug.sansio.utils import get_current_url

from notifyhub.api.fields import Integer, described
from notifyhub.api.http.parsing import query
from notifyhub.api.pagination.filters import Filters
from notifyhub.api.schemas import StrictSchema
from notifyhub.api.serializers import Serializer

_base_url = lru_cache(maxsize=256)(get_current_url)
"""What a request has as `base_url`, which takes as long to make as the rest of a link."""

DEFAULT_LIMIT = 50
"""Objects on a page, if the request says no other number."""


class Listing(ABC):
    """The list of one kind of object, page by page.

    `serializer` says which columns are selected and encodes the rows. `parent` names the column of the object
    that the path gives, if the list is of what belongs to one. `filters` are by their parameters' names.
    `query` describes the request's parameters, `response` a page.
    """

    limit_words: ClassVar[str] = "How many to give at most."
    page_fields: ClassVar[Mapping[str, Field[Any]]] = {}
    """Of a page, before the fields that all have."""
    page_words: ClassVar[Mapping[str, str]] = {}
    """What documents those that all have."""

    def __init__(
        self,
        table: Table,
        serializer: Serializer,
        *,
        parent: str | None,
        filters: Filters,
        parameters: Mapping[str, Field[Any]],
        strict: bool,
    ) -> None:
        self.table = table
        self.serializer = serializer
        self.parent = parent
        self.filters = filters
        limit = Integer(1, strict=True, load_default=DEFAULT_LIMIT, metadata=described(self.limit_words))
        self.query = _query_schema(
            {"limit": limit, **parameters, **{name: filter_.parameter for name, filter_ in filters.items()}},
            f"{table.name}_query",
            strict=strict,
        )
        self.response = self._page_schema(serializer.schema)

    @abstractmethod
    def page(self, **path: int) -> dict[str, Any]:
        """Return the page that the request asks for, of what belongs to the object that the path names.

        Raises ValidationError, by parameter, and NotFound for a cursor that is none.
        """

    def parse(self) -> dict[str, Any]:
        """Return the request's parameters: a subclass may demand more of them; raises ValidationError."""
        return query(self.query)

    def link(self, **changed: Any) -> str:
        """Return this request's URL with other values of some parameters; None leaves one out."""
        parameters: dict[str, Any] = request.args.to_dict(flat=False)
        parameters |= {name: [] if value is None else [str(value)] for name, value in changed.items()}
        base = _base_url(request.scheme, request.host, request.root_path, request.path)
        return f"{base}?{urlencode(sorted(parameters.items()), doseq=True)}"

    def _page_schema(self, schema: Schema) -> Schema:
        documented = {name: described(words) for name, words in self.page_words.items()}
        common: dict[str, Field[Any]] = {
            "next": URL(required=True, allow_none=True, metadata=documented.get("next", {})),
            "previous": URL(required=True, allow_none=True, metadata=documented.get("previous", {})),
            "results": ListField(Nested(schema), required=True, metadata=documented.get("results", {})),
        }
        name = type(schema).__name__.replace("Schema", "PageSchema")
        return Schema.from_dict({**self.page_fields, **common}, name=name)()


def _query_schema(parameters: dict[str, Field[Any]], name: str, *, strict: bool) -> Schema:
    if strict:
        return StrictSchema.from_dict(parameters, name=name)()
    return Schema.from_dict(parameters, name=name)(unknown=EXCLUDE)
