"""What a seed file changes, or would change, in words: which objects and fields, never a secret."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from notifyhub.text.lines import is_line

_OUTCOMES = ("created", "updated", "unchanged")
_DONE = {"created": "created", "changed": "changed", "updated": "updated", "unchanged": "unchanged"}
_DRY = {
    "created": "would be created",
    "changed": "would change",
    "updated": "would be updated",
    "unchanged": "unchanged",
}


@dataclass
class Report:
    """The objects that are created and changed, in their order, and how many of each kind there are."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """How many objects of each kind were `created`, `updated`, `unchanged`."""
    _objects: list[tuple[str, Sequence[str]]] = field(default_factory=list)

    def created(self, noun: str, *names: str) -> None:
        """Report a new object, which has a name, and so may have the object that it belongs to."""
        self._count(noun, "created")
        self._objects.append((_label(noun, names), ()))

    def changed(self, fields: Sequence[str], noun: str, *names: str) -> None:
        """Report an object that was there, and its fields that change: there may be none."""
        self._count(noun, "updated" if fields else "unchanged")
        if fields:
            self._objects.append((_label(noun, names), fields))

    def lines(self, *, dry_run: bool) -> Iterator[str]:
        """Yield a line for each object that changes, and one for each kind of object."""
        words = _DRY if dry_run else _DONE
        for label, fields in self._objects:
            outcome = f"{', '.join(fields)} {words['changed']}" if fields else words["created"]
            yield f"{label}: {outcome}"
        for noun, counted in self.counts.items():
            outcomes = ", ".join(f"{counted[outcome]} {words[outcome]}" for outcome in _OUTCOMES)
            yield f"{noun}: {outcomes}"

    def _count(self, noun: str, outcome: str) -> None:
        self.counts.setdefault(noun, Counter())[outcome] += 1


def in_line(text: str) -> str:
    """Return a text as it is if it is one line, else in quotes, with its line ends escaped."""
    return text if is_line(text) else json.dumps(text)


def _label(noun: str, names: Sequence[str]) -> str:
    return f"{noun} {' of '.join(map(in_line, names))}".rstrip()
