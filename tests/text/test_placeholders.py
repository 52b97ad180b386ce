import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.placeholders import InvalidArguments, Template

LITERALS = st.text(st.characters(exclude_characters="{}%", exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(0, 30).map(str)
NAMES = st.from_regex(r"[a-zآ-ی_][a-z0-9_آ-ی\u200c]{0,6}", fullmatch=True)
POSITIONAL = NUMBERS.map("{{{}}}".format)
NAMED = NAMES.map("%{}%".format)
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["{0}", "%name%", "{1}%code%", " "]
)


def bodies(placeholders: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(LITERALS, placeholders), max_size=6).map(
        lambda pieces: "".join(literal + placeholder for literal, placeholder in pieces)
    )


def placeholders(body: str) -> list[str]:
    return [str(placeholder) for placeholder in Template.parse(body).placeholders]


def render(body: str, args: object) -> str:
    return Template.parse(body).fill(args).text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Your login otp code is {0}", ["{0}"]),
        ("کاربر با شماره تماس {0} و نام {۱} ثبت نام کرد", ["{0}", "{1}"]),
        ("{١} {۱} {1} {01}", ["{1}"]),
        ("{1} {0}", ["{1}", "{0}"]),
        ("پترن تستی %var% . کد شما %code%", ["%var%", "%code%"]),
        ("%name% {0} %name%", ["%name%", "{0}"]),
        ("%نام_کاربر% %نام\u200cکاربر%", ["%نام_کاربر%", "%نام\u200cکاربر%"]),
        ("%كد% %کد% %کد۱% %کد1%", ["%كد%", "%کد۱%"]),
        ("%Code% %code%", ["%Code%", "%code%"]),
        ("100%%code%", ["%code%"]),
        ("10%20%code%", ["%code%"]),
        ("%2fa%", ["%2fa%"]),
        ("{{0}}", ["{0}"]),
        ("100% sure 50%", []),
        ("10%20% off, 10%۲۰%", []),
        ("(0) {} { 0 } {a} {-1} {0 %% % name% %a-b% %\u200c%", []),
        ("", []),
    ],
)
def test_placeholders_are_listed_as_they_first_appear(body: str, expected: list[str]) -> None:
    assert placeholders(body) == expected


@pytest.mark.parametrize(
    ("body", "args", "text"),
    [
        ("Code {0}", ["12345"], "Code 12345"),
        ("{0} و {۱} و {0}", ["a", "b"], "a و b و a"),
        ("Hello {1}, code {0}", ["12345", "Ali"], "Hello Ali, code 12345"),
        ("{1} and {2}", ["a", "b"], "a and b"),
        ("{10} {9}", ["nine", "ten"], "ten nine"),
        ("%name%: %code%, %name%", {"code": "1", "name": "Ali"}, "Ali: 1, Ali"),
        ("%name%: %code%", ["Ali", "1"], "Ali: 1"),
        ("%كد%", {"کد": "1"}, "1"),
        ("%کد۱%", {"كد1": "1"}, "1"),
        ("%name% {1} {0}", ["zero", "one", "name"], "name one zero"),
        ("{0} {1}", [" a ", ""], " a  "),
        ("{0} {1} {2}", [7, -1.5, 10**18], "7 -1.5 1000000000000000000"),
        ("{0}{1}", ["{1}", "{0}"], "{1}{0}"),
        ("%a%%b%", {"a": "%b%", "b": "%a%"}, "%b%%a%"),
        ("100% sure 50%", [], "100% sure 50%"),
        ("100% sure 50%", {}, "100% sure 50%"),
    ],
)
def test_rendering(body: str, args: object, text: str) -> None:
    assert render(body, args) == text


@pytest.mark.parametrize(
    ("body", "args", "sentence"),
    [
        ("{0} {1}", ["a"], "Arguments needed: 2 ({0}, {1}); given: 1."),
        ("{0} {0}", ["a", "b"], "Arguments needed: 1 ({0}); given: 2."),
        ("%name%", [], "Arguments needed: 1 (%name%); given: 0."),
        ("Hello", ["a"], "Arguments needed: none; given: 1."),
        ("Hello", {"a": "b"}, "The body has no placeholder named a."),
        ("{1} {0}", {"0": "a", "1": "b"}, "{0}, {1} must be filled by a list, not by an object."),
        ("%name% %code%", {"code": "1"}, "No value is given for %name%."),
        ("%name%", {"name": "a", "Name": "b", "0": "c"}, "The body has no placeholder named Name, 0."),
        ("%كد%", {"كد": "1", "کد": "2"}, "%کد% is given twice."),
        ("{0}", [True], "The value of {0} must be a string or a number."),
        ("{0}", [None], "The value of {0} must be a string or a number."),
        ("%a%", {"a": ["b"]}, "The value of %a% must be a string or a number."),
        ("{0}", "a", "Arguments must be a list or an object."),
        ("Hello", None, "Arguments must be a list or an object."),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(body: str, args: object, sentence: str) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        render(body, args)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("body", "args", "as_list", "as_mapping"),
    [
        ("{1} {0} {1}", ["a", "b"], ["a", "b"], {"0": "a", "1": "b"}),
        ("{۲} {۱}", ["a", "b"], ["a", "b"], {"1": "a", "2": "b"}),
        ("%b% %a%", {"a": "1", "b": "2"}, ["2", "1"], {"a": "1", "b": "2"}),
        ("%كد% %کد%", {"کد": "1"}, ["1"], {"كد": "1", "کد": "1"}),
        ("Hello", [], [], {}),
    ],
)
def test_providers_get_the_values_in_their_form(
    body: str, args: object, as_list: list[str], as_mapping: Mapping[str, str]
) -> None:
    filled = Template.parse(body).fill(args)
    assert filled.as_list() == as_list
    assert filled.as_mapping() == as_mapping


@pytest.mark.parametrize(
    ("body", "args", "other", "text"),
    [
        ("{0} {1}", ["a", "b"], "%x%-%y%", "a-b"),
        ("{1} {0}", ["a", "b"], "%x%-%y%", "b-a"),
        ("%x% %y%", {"x": "a", "y": "b"}, "{0}-{1}", "a-b"),
        ("%x% %y%", {"x": "a", "y": "b"}, "{1}-{0}", "a-b"),
        ("%x% %y%", {"x": "a", "y": "b"}, "%y%-%x%", "b-a"),
        ("%كد% %y%", ["a", "b"], "%y%-%کد%", "b-a"),
        ("%x% %y%", {"x": "a", "y": "b"}, "%y%-%z%", "a-b"),
        ("{0} {1}", ["a", "b"], "{1}-{0}", "b-a"),
        ("{0} {1}", ["a", "b"], "{1}-{2}", "a-b"),
        ("{0} {0}", ["a"], "%code%", "a"),
        ("Hello", [], "سلام", "سلام"),
    ],
)
def test_values_carry_over_to_another_body(body: str, args: object, other: str, text: str) -> None:
    assert Template.parse(body).fill(args).carry_to(Template.parse(other)).text == text


def test_values_do_not_carry_over_to_a_body_with_another_number_of_placeholders() -> None:
    filled = Template.parse("{0}").fill(["a"])
    with pytest.raises(InvalidArguments, match="needed: 2"):
        filled.carry_to(Template.parse("%x% %y%"))


def test_a_filled_template_does_not_show_its_values() -> None:
    assert "12345" not in repr(Template.parse("Code {0}").fill(["12345"]))


@pytest.mark.parametrize("body", ["%name% {0} %2fa% {1}", "{0}%{1}%", "{۱} %D8%A7 {a}"])
def test_where_no_named_placeholders_are_taken_they_are_literal(body: str) -> None:
    template = Template.parse(body, named=False)
    assert all(placeholder.is_positional for placeholder in template.placeholders)
    assert template.fill(["x"] * len(template.placeholders)).text.count("%") == body.count("%")


@given(st.text() | bodies(POSITIONAL | NAMED))
def test_a_body_is_the_sum_of_its_pieces(body: str) -> None:
    pieces = Template.parse(body).pieces
    spelled = "".join(map(str, pieces))
    assert Template.parse(spelled) == Template.parse(body)
    if "{" not in body:  # a number is spelled in ASCII digits without leading zeros
        assert spelled == body


@given(bodies(POSITIONAL | NAMED), st.data())
def test_each_value_stands_in_its_place_exactly_as_given(body: str, data: st.DataObject) -> None:
    template = Template.parse(body)
    count = len(template.list_order)
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    filled = template.fill(values)
    by_placeholder = dict(zip(map(str, template.list_order), values, strict=True))
    assert filled.text == "".join(by_placeholder.get(str(piece), str(piece)) for piece in template.pieces)
    assert filled.length == len(filled.text)
    assert filled.as_list() == values
    assert list(filled.as_mapping().values()) == [by_placeholder[str(each)] for each in template.placeholders]


@given(bodies(NAMED), st.data())
def test_a_mapping_and_a_list_fill_names_alike(body: str, data: st.DataObject) -> None:
    template = Template.parse(body)
    mapping = {placeholder.spelling: data.draw(VALUES) for placeholder in template.placeholders}
    shuffled = dict(data.draw(st.permutations(list(mapping.items()))))
    assert template.fill(shuffled) == template.fill(list(mapping.values()))


@given(bodies(POSITIONAL | NAMED), bodies(POSITIONAL | NAMED), st.data())
def test_carrying_over_and_back_keeps_every_value(body: str, other: str, data: st.DataObject) -> None:
    one, two = Template.parse(body), Template.parse(other)
    filled = one.fill([str(index) for index in range(len(one.placeholders))])
    if len(one.placeholders) == len(two.placeholders):
        assert filled.carry_to(two).carry_to(one) == filled
    else:
        with pytest.raises(InvalidArguments):
            filled.carry_to(two)


@pytest.mark.parametrize(
    "body",
    [
        "%" * 10_000,
        "%" + "a" * 9_999,
        "%" + "1" * 9_999,
        "{" + "1" * 9_998 + "}",
        "%1" * 5_000,
        "{0}" * 3_333,
    ],
)
def test_the_longest_body_is_parsed_in_milliseconds(body: str) -> None:
    started = time.perf_counter()
    template = Template.parse(body)
    template.fill(["a"] * len(template.placeholders))
    assert time.perf_counter() - started < 0.3
