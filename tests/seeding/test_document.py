"""Seed files as values with lines."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.seeding import document
from notifyhub.seeding.mistakes import Mistake, Mistakes

ENVIRONMENT = {"TOKEN": "s3cret: {#\n", "EMPTY": ""}


def value(text: str | bytes) -> Any:
    mistakes = Mistakes("seed.yaml")
    root = document.read(text if isinstance(text, bytes) else text.encode(), ENVIRONMENT, mistakes)
    mistakes.raise_first()
    return root.plain()


def mistake(text: str | bytes) -> str:
    with pytest.raises(Mistake) as raised:
        value(text)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13420", 13420),
        ("-5", -5),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ('"13420"', "13420"),
        ("'true'", "true"),
        ("!!str 5", "5"),
        # What YAML 1.1 takes for an octal, a base-60 number, a boolean, a date, or writes back differently.
        ("0123", "0123"),
        ("12:30", "12:30"),
        ("on", "on"),
        ("2025-01-01", "2025-01-01"),
        ("1_000", "1_000"),
        ("+983000505", "+983000505"),
        ("1.10", "1.10"),
        ("0x1F", "0x1F"),
        ("۱۲", "۱۲"),
        (".nan", ".nan"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("9223372036854775808", "9223372036854775808"),
        ("9" * 5000, "9" * 5000),
        ("|\n  two\n  lines", "two\nlines\n"),
    ],
)
def test_scalars_mean_what_they_mean_in_json_and_else_are_texts(text: str, expected: Any) -> None:
    found = value(f"key: {text}\n")["key"]
    assert found == expected
    assert type(found) is type(expected)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$\0"))
_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _texts


@given(
    st.dictionaries(
        _texts.filter(lambda key: len(key) < 50), st.recursive(_scalars, st.lists, max_leaves=5), min_size=1
    ),
    st.sampled_from([None, 2, "\t"]),
    st.booleans(),
)
def test_json_is_read_as_json(data: dict[str, Any], indent: Any, escaped: bool) -> None:
    assert json.loads(json.dumps(value(json.dumps(data, indent=indent, ensure_ascii=escaped)))) == json.loads(
        json.dumps(data)
    )


@given(st.dictionaries(st.text("abc ", min_size=1), st.text("ab:#'\" \n{}é", max_size=20), min_size=1))
def test_texts_that_yaml_writes_are_read_back(data: dict[str, str]) -> None:
    assert value(yaml.safe_dump(data, allow_unicode=True)) == data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"${TOKEN}"', "s3cret: {#\n"),
        ("${TOKEN}", "s3cret: {#\n"),
        ('"a ${TOKEN} b${TOKEN}"', "a s3cret: {#\n bs3cret: {#\n"),
        ('"${EMPTY}"', ""),
        ('"$${TOKEN}"', "${TOKEN}"),
        ('"Price ${0}, $$, $TOKEN, {TOKEN}"', "Price ${0}, $$, $TOKEN, {TOKEN}"),
    ],
)
def test_variables_stand_inside_texts_and_their_values_are_texts(text: str, expected: str) -> None:
    assert value(f"deep: [{{key: {text}}}]" if text[0] == '"' else f"deep:\n- key: {text}") == {
        "deep": [{"key": expected}]
    }


def test_keys_are_not_replaced_from_the_environment() -> None:
    assert value('"${TOKEN}": 1') == {"${TOKEN}": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: ${MISSING}\n", "seed.yaml:2: The variable MISSING of the environment is not set."),
        ("a:\n  - b:\n     c: ${NOT A NAME}\n", "seed.yaml:3: ${NOT A NAME} does not name a variable"),
        ("a: |\n  text\n  ${MISSING}\n", "seed.yaml:1: The variable MISSING"),
        ("a: 1\nb: 2\na: 3\n", "seed.yaml:3: a: This key stands in line 1 already."),
        ("a: 1\n? [x]\n: 2\n", "seed.yaml:2: A key must be a text."),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", "seed.yaml:2: The tag"),
        ("a: !!int 5\n", "seed.yaml:1: The tag"),
        ("a: 1\n  b: 2\n", "seed.yaml:2: This is not YAML: mapping values are not allowed here."),
        ("a: 1\nb: [1, 2\n", "seed.yaml:3: This is not YAML"),
        ("a: 1\n---\nb: 1\n", "seed.yaml:2: This is not YAML"),
        ("a: *nowhere\n", "seed.yaml:1: This is not YAML"),
        ("a: 1\nb: \0\n", "seed.yaml:2: This is not YAML: control characters are not allowed."),
        (b"a: 1\nb: \xff\n", "seed.yaml:2: This is not UTF-8."),
        ("", "seed.yaml:1: The file is empty."),
        ("# nothing\n", "seed.yaml:1: The file is empty."),
        ("a: " + "[" * 60 + "]" * 60, "seed.yaml:1: Nested too deeply."),
        ("a: " + "[" * 20_000, "seed.yaml:1: Nested too deeply."),
        ("a: &a [*a]\n", "seed.yaml:1: Nested too deeply."),
        (b"a: 1\n" * 3_000_000, "seed.yaml:1: The file is larger than"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str | bytes, expected: str) -> None:
    assert mistake(text).startswith(expected)
    assert "\n" not in mistake(text)


def test_the_first_of_several_mistakes_is_told() -> None:
    assert mistake("a: ${ONE}\nb: 1\nb: ${TWO}\n").startswith("seed.yaml:1:")


def test_aliases_can_be_used_but_not_to_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_NODES", 10_000)
    assert value("a: &shared {b: 1}\nc: *shared\n") == {"a": {"b": 1}, "c": {"b": 1}}
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
    )
    assert "more than 10000 values" in mistake(bomb)


def test_a_syntax_error_does_not_quote_the_file() -> None:
    assert "hunter2" not in mistake('password: "hunter2" x\n')


def test_lines_are_those_of_the_keys() -> None:
    text = "a:\n  b: |\n    x\n  c: &c\n    d: 1\ne: *c\nf: [1,\n 2]\n"
    root = document.read(text.encode(), {}, Mistakes("seed.yaml"))
    for path, line in {
        "a": 1,
        "a b": 2,
        "a c d": 5,
        "a missing": 1,
        "a b deeper": 2,
        "e": 6,
        "e d": 5,
        "f": 7,
        "f 1": 8,
        "f 2": 7,
        "f x": 7,
    }.items():
        assert root.line_of(path.split()) == line
    assert [item.line for item in root.content["f"].content] == [7, 8]


def test_a_value_knows_whether_the_environment_has_a_part_in_it() -> None:
    text = 'a: {b: [1, "x ${TOKEN}"]}\nc: ${TOKEN}\nd: {e: [1, "${0}"], "${TOKEN}": 1}\n'
    root = document.read(text.encode(), ENVIRONMENT, Mistakes("seed.yaml"))
    assert {key: node.has_variables() for key, node in root.content.items()} == {
        "a": True,
        "c": True,
        "d": False,
    }
