"""A seed file as values that know their lines.

The file is YAML, or JSON, which is YAML too. Of YAML's types those of JSON are taken (YAML 1.2, section
10.2), so that `on`, `0123`, `12:30` and `2025-01-01` are texts; and what looks like a number is one only if
it would be written back the same, so that the code 1.10 stays "1.10". Tags are refused.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from notifyhub.seeding.mistakes import Mistakes

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 1_000_000  # counted where aliases lead to, too: ten aliases in a row can stand for billions

_PLAIN = "plain"
_TAGS = {_PLAIN, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))}
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_VARIABLE = re.compile(r"(\$?)\$\{([^}0-9][^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Node:
    """A value and the line that it stands in; under a key, the line of the key."""

    line: int
    content: Any
    """A text, number, boolean or None; `list[Node]`; `dict[str, Node]`."""
    names_variable: bool = False
    """Whether the environment has a part in the value: it may be a secret."""

    def plain(self) -> Any:
        """Return the value alone."""
        if isinstance(self.content, dict):
            return {key: inner.plain() for key, inner in self.content.items()}
        if isinstance(self.content, list):
            return [inner.plain() for inner in self.content]
        return self.content

    def line_of(self, path: Sequence[str]) -> int:
        """Return the line of what is at `path`, or of the innermost that is there and should hold it.

        Items of lists go by place, from "0".
        """
        inner = self._children().get(path[0]) if path else None
        return inner.line_of(path[1:]) if inner else self.line

    def has_variables(self) -> bool:
        """Return whether the environment has a part in the value, or in one inside it."""
        return self.names_variable or any(inner.has_variables() for inner in self._children().values())

    def _children(self) -> dict[str, "Node"]:
        if isinstance(self.content, list):
            return {str(place): inner for place, inner in enumerate(self.content)}
        return self.content if isinstance(self.content, dict) else {}


class _Loader(yaml.SafeLoader):
    """Tells plain scalars from quoted ones, and leaves it to us what they mean."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(_PLAIN, re.compile(""), None)


def read(data: bytes, environment: Mapping[str, str], mistakes: Mistakes) -> Node:
    """Return the value that a file holds, with `${NAME}` in texts replaced from `environment`.

    `$${NAME}` stands for itself without the first dollar sign; `${0}` is left alone: patterns may hold it.
    Notes mistakes; raises Mistake where the file can't be read at all.
    """
    text = _decode(data, mistakes)
    try:
        tree = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise mistakes.fail(mark.line + 1 if mark else 1, f"This is not YAML: {error.problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise mistakes.fail(line, "This is not YAML: control characters are not allowed.") from None
    except RecursionError:
        raise mistakes.fail(1, "Nested too deeply.") from None
    if tree is None or tree.value == "":
        raise mistakes.fail(1, "The file is empty.")
    return _Reader(environment, mistakes).node(tree, tree.start_mark.line + 1)


def _decode(data: bytes, mistakes: Mistakes) -> str:
    if len(data) > MAX_BYTES:
        raise mistakes.fail(1, f"The file is larger than {MAX_BYTES} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise mistakes.fail(line, "This is not UTF-8.") from None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    # Tabs, which JSON has between values only, are no white space to YAML, and some characters no texts.
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\t", " "))


@dataclass
class _Reader:
    environment: Mapping[str, str]
    mistakes: Mistakes
    count: int = 0

    def node(self, node: yaml.Node, line: int, depth: int = 0) -> Node:
        self.count += 1
        if depth > MAX_DEPTH:
            raise self.mistakes.fail(line, "Nested too deeply.")
        if self.count > MAX_NODES:
            raise self.mistakes.fail(line, f"There are more than {MAX_NODES} values.")
        if node.tag not in _TAGS:
            self.mistakes.note(line, f"The tag {node.tag} can't be used here.")
        if isinstance(node, yaml.MappingNode):
            return Node(line, self._mapping(node, depth + 1))
        if isinstance(node, yaml.SequenceNode):
            return Node(line, [self.node(inner, _line(inner), depth + 1) for inner in node.value])
        return Node(line, self._scalar(node, line), bool(_VARIABLE.search(node.value)))

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        content: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line, key = _line(key_node), key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self.mistakes.note(line, "A key must be a text.")
                continue
            if key in content:
                self.mistakes.note(line, f"{key}: This key stands in line {content[key].line} already.")
            content[key] = self.node(value_node, line, depth)
        return content

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        value = _typed(node.value) if node.tag == _PLAIN else node.value
        return (
            _VARIABLE.sub(lambda found: self._variable(found, line), value)
            if isinstance(value, str)
            else value
        )

    def _variable(self, found: re.Match[str], line: int) -> str:
        escaped, name = found.groups()
        if escaped:
            return found[0][1:]
        if not _NAME.fullmatch(name):
            self.mistakes.note(line, f"{found[0]} does not name a variable of the environment.")
        elif name not in self.environment:
            self.mistakes.note(line, f"The variable {name} of the environment is not set.")
        return self.environment.get(name, found[0])


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _typed(text: str) -> Any:
    """Return what a text without quotes means: null, a boolean, a number of 64 bits, or itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    for kind in (int, float):
        try:
            number = kind(text[:25])
        except ValueError:
            continue
        if str(number) == text and math.isfinite(number) and -(2**63) <= number < 2**63:
            return number
    return text
