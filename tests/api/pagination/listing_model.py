"""The rules of lists in plain Python: what a list must answer, given its rows as it shows them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.api.resources import Collection, Row

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """What a list answers; `next` and `previous` are the parameters of the links."""

    count: int
    results: list[Row]
    next: dict[str, list[str]] | None
    previous: dict[str, list[str]] | None


STAMPED: dict[str, Callable[[Row, str], bool]] = {
    "id_min": lambda row, value: row["id"] >= int(value),
    "id_max": lambda row, value: row["id"] <= int(value),
    "created_date": lambda row, value: row["created_at"][:10] == value,
    "created_from": lambda row, value: row["created_at"][:10] >= value,
    "created_to": lambda row, value: row["created_at"][:10] <= value,
    "updated_date": lambda row, value: row["updated_at"][:10] == value,
    "updated_from": lambda row, value: row["updated_at"][:10] >= value,
    "updated_to": lambda row, value: row["updated_at"][:10] <= value,
}


def page(collection: Collection, rows: Iterable[Row], given: Pairs) -> Page:
    """Return the page that the parameters `given` ask for, in their order."""
    asked = {name: value for name, value in dict(given).items() if value}
    checks = (
        STAMPED | collection.filters | {"search": lambda row, value: _found(row, collection.search, value)}
    )
    found = [row for row in rows if all(checks[name](row, asked[name]) for name in checks.keys() & asked)]
    found = _ordered(found, asked.get("ordering", "-id"))
    limit, offset = min(int(asked.get("limit", "50")), 1000), int(asked.get("offset", "0"))
    return Page(
        len(found),
        found[offset : offset + limit],
        _link(given, limit, offset + limit) if offset + limit < len(found) else None,
        _link(given, limit, max(offset - limit, 0)) if offset else None,
    )


def _found(row: Row, fields: Iterable[str], search: str) -> bool:
    texts = [str(row[name]).lower() for name in fields if row[name] is not None]
    return all(any(word.lower() in text for text in texts) for word in search.split())


def _ordered(rows: list[Row], ordering: str) -> list[Row]:
    """Sort by each field, the last one first; sorting keeps the order of equal rows, reversed too."""
    ordered = sorted(rows, key=lambda row: row["id"])
    for part in reversed(ordering.split(",")):
        name = part.strip().removeprefix("-")
        ordered.sort(key=_null_lowest(name), reverse=part.strip().startswith("-"))
    return ordered


def _null_lowest(name: str) -> Callable[[Row], Any]:
    return lambda row: (row[name] is not None, "" if row[name] is None else row[name])


def _link(given: Pairs, limit: int, offset: int) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    for name, value in given:
        parameters.setdefault(name, []).append(value)
    parameters |= {"limit": [str(limit)], "offset": [str(offset)]}
    return parameters if offset else {name: parameters[name] for name in parameters if name != "offset"}
