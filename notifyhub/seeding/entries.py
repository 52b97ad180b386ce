"""The entries of a seed file, read as the API reads the bodies of requests."""

import json
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError

from notifyhub.api.http.json import parse
from notifyhub.seeding.document import Node
from notifyhub.seeding.mistakes import Mistakes


@dataclass(frozen=True)
class EntryReader:
    """Reads entries by schemas, and notes what is wrong with them."""

    mistakes: Mistakes

    def mapping(self, node: Node, keys: set[str]) -> dict[str, Node]:
        """Return a mapping's content; a key that nothing reads is a mistake."""
        if not isinstance(node.content, dict):
            self.mistakes.note(
                node.line, f"A mapping is expected here, with keys of {', '.join(sorted(keys))}."
            )
            return {}
        for key in (key for key in node.content if key not in keys):
            words = f"{key}: This key is not known here; known are {', '.join(sorted(keys))}."
            self.mistakes.note(node.line_of([key]), words)
        return node.content

    def items(self, node: Node | None, name: str) -> list[Node]:
        """Return the items of a list, which may be left out or empty."""
        if node is None or node.content is None:
            return []
        if not isinstance(node.content, list):
            self.mistakes.note(node.line, f"{name}: A list is expected here.")
            return []
        return node.content

    def given(self, entry: Node, schema: Schema, *others: str) -> dict[str, Any]:
        """Return what an entry gives for a schema, as the body of a request would be parsed.

        `others` are keys of the entry that something else reads.
        """
        known = {name for name, declared in schema.fields.items() if not declared.dump_only}
        content = self.mapping(entry, known.union(others))
        given: dict[str, Any] = {}
        for key in (key for key in content if key in known):
            try:
                given[key] = parse(json.dumps(content[key].plain()).encode())
            except ValueError as error:
                self.note(entry, {key: [str(error)]})
        return given

    def loaded(self, entry: Node, schema: Schema, given: dict[str, Any]) -> dict[str, Any] | None:
        """Return the values that a schema reads, None if it refuses them."""
        try:
            return dict(schema.load(given))
        except ValidationError as error:
            self.note(entry, error.messages)
        return None

    def note(self, entry: Node, messages: Any, *path: str) -> None:
        """Note a schema's messages, each at the line of its field."""
        if isinstance(messages, dict):
            for key, inner in messages.items():
                self.note(entry, inner, *path, str(key))
        else:
            words = messages[0] if isinstance(messages, list) else messages
            self.mistakes.note(entry.line_of(path), f"{'.'.join(path)}: {words}")
