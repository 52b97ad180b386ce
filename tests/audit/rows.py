"""What tests of the audit read of it."""

from typing import Any

from tests.support.clients import Api

AUDIT = "/api/audit"


def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Return the entries that changes over HTTP have left, the first one first."""
    answer = api.get(f"{AUDIT}?limit=1000&{query}")
    assert answer.status == 200, answer.json
    return [entry for entry in reversed(answer.json["results"]) if entry["via"] == "api"]


def commanded(api: Api, after: int = 0) -> list[dict[str, Any]]:
    """Return the entries that commands have left behind a place in the list, the first one first."""
    results = api.get(f"{AUDIT}?limit=1000&id_min={after + 1}").json["results"]
    return [entry for entry in reversed(results) if entry["via"] == "command"]


def last_id(api: Api) -> int:
    """Return the id of the latest entry, 0 if there is none."""
    results = api.get(f"{AUDIT}?limit=1").json["results"]
    return int(results[0]["id"]) if results else 0


def brief(entry: dict[str, Any]) -> tuple[Any, ...]:
    """Return what an entry is about: action, type, object's id and name, changes."""
    thing = entry["object"]
    return entry["action"], thing["type"], thing["id"], thing["name"], entry["changes"]
