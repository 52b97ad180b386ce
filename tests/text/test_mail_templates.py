"""Mails with placeholders: one list of arguments for subject, text and HTML."""

import tracemalloc
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.lines import is_line
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import InvalidArguments

LITERALS = st.text(st.characters(exclude_characters="{}<>&\"'", exclude_categories=["Cs"]), max_size=8)
LINES = LITERALS.filter(is_line)
NUMBERS = st.integers(0, 5).map("{{{}}}".format)
NASTY = [
    "{0}",
    "{1} %name%",
    "<script>alert('{0}')</script>",
    '" onload="x',
    "&lt;",
    "a\r\nBcc: b@example.com",
]
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(NASTY)
ESCAPED = "&lt;b&gt;&amp;&#x27;&quot;"


def bodies(literals: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(literals, NUMBERS), max_size=5).map(
        lambda pieces: "".join(literal + placeholder for literal, placeholder in pieces)
    )


TEMPLATES = st.builds(MailTemplate.parse, bodies(LINES), bodies(LITERALS), bodies(LITERALS))


def render(subject: str, text: str, html: str | None, args: object) -> dict[str, str]:
    filled = MailTemplate.parse(subject, text, html).fill(args)
    return {name: part.text for name, part in filled.items()}


class Parsed(HTMLParser):
    """What a reader of HTML finds in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("parts", "args", "made"),
    [
        (("Order {0}", "{0} is {1}", "<p>{1}</p>"), ["7", "sent"], ("Order 7", "7 is sent", "<p>sent</p>")),
        (("{2}", "{0}", "<p>{1}</p>"), ["a", "b", "c"], ("c", "a", "<p>b</p>")),
        (("سفارش {۱}", "{٠}", "<p>{01}</p>"), ["صفر", "یک"], ("سفارش یک", "صفر", "<p>یک</p>")),
        (("{3}", "{7}", "{5}"), ["a", "b", "c"], ("a", "c", "b")),
        (("{0}", "{1}", "{0}"), ["{1}", "{0}"], ("{1}", "{0}", "{1}")),
        (
            ("100%name%", "https://x.example/%D8%A7 {a} {} {-1} { 0 }", "<style>p {color: red}</style>"),
            [],
            ("100%name%", "https://x.example/%D8%A7 {a} {} {-1} { 0 }", "<style>p {color: red}</style>"),
        ),
        (
            ("{0}", "{0}", "<a title='{0}' lang=\"{0}\">{0}</a>"),
            ["<b>&'\""],
            (
                "<b>&'\"",
                "<b>&'\"",
                f"<a title='{ESCAPED}' lang=\"{ESCAPED}\">{ESCAPED}</a>",
            ),
        ),
        (("{0}", "{0}", "{0}"), ["a\r\nb\nc\u2028d\x1be"], ("a b c d e", "a\r\nb\nc\u2028d\x1be", None)),
        (("Hi", "{0}{0}", "%{0}%"), [7], ("Hi", "77", "%7%")),
    ],
)
def test_rendering(
    parts: tuple[str, str, str], args: list[object], made: tuple[str, str, str | None]
) -> None:
    subject, text, html = made
    rendered = render(*parts, args)
    assert (rendered["subject"], rendered["text"]) == (subject, text)
    assert html in {None, rendered["html"]}


@pytest.mark.parametrize("html", [None, ""])
def test_a_mail_without_html_has_none(html: str | None) -> None:
    assert render("Hi", "{0}", html, ["a"]) == {"subject": "Hi", "text": "a"}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["a"], "Arguments needed: 2 ({0}, {1}); given: 1."),
        (["a", "b", "c"], "Arguments needed: 2 ({0}, {1}); given: 3."),
        ({"0": "a", "1": "b"}, "Arguments must be a list: a mail's placeholders are positional."),
        ({}, "Arguments must be a list: a mail's placeholders are positional."),
        ("ab", "Arguments must be a list: a mail's placeholders are positional."),
        (None, "Arguments must be a list: a mail's placeholders are positional."),
        ([True, "b"], "The value of {0} must be a string or a number."),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(args: object, sentence: str) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        render("{0}", "{1}", "{0}{1}", args)
    assert str(refusal.value) == sentence


@given(TEMPLATES, st.data())
def test_no_value_is_markup_or_expanded_and_each_stands_where_its_number_is(
    template: MailTemplate, data: st.DataObject
) -> None:
    count = len(template.list_order)
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    by_number = dict(zip(map(str, template.list_order), values, strict=True))
    filled = template.fill(values)
    text = "".join(by_number.get(str(piece), str(piece)) for piece in template.text.pieces)
    assert filled["text"].text == text
    if template.html:
        html = filled["html"].text
        assert not set("<>\"'") & set(html)  # the literals hold none
        assert Parsed(html).tags == []


@given(bodies(LITERALS).filter(bool), st.data())
def test_a_reader_of_html_finds_each_value_as_it_was_given(html: str, data: st.DataObject) -> None:
    template = MailTemplate.parse("Hi", "Hi", html)
    count = len(template.list_order)
    # What HTML itself reads otherwise: line ends, and control characters that it does not have.
    readable = st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.sampled_from(NASTY[:-1])
    values = data.draw(st.lists(readable, min_size=count, max_size=count))
    by_number = dict(zip(map(str, template.list_order), values, strict=True))
    assert template.html
    wanted = "".join(by_number.get(str(piece), str(piece)) for piece in template.html.pieces)
    parsed = Parsed(template.fill(values)["html"].text)
    assert (parsed.tags, parsed.text) == ([], wanted)


@given(TEMPLATES, st.data())
def test_a_subject_is_one_line_whatever_the_values(template: MailTemplate, data: st.DataObject) -> None:
    count = len(template.list_order)
    values = data.draw(st.lists(st.text() | st.sampled_from(NASTY), min_size=count, max_size=count))
    assert is_line(template.fill(values)["subject"].text)


@given(TEMPLATES, st.data())
def test_the_length_of_each_part_is_known_without_making_it(
    template: MailTemplate, data: st.DataObject
) -> None:
    count = len(template.list_order)
    values = data.draw(st.lists(VALUES, min_size=count, max_size=count))
    for part in template.fill(values).values():
        assert part.length == len(part.text)


def test_what_would_be_a_thousand_times_its_pattern_is_measured_without_being_made() -> None:
    template = MailTemplate.parse("{0}", "{0}" * 33_333, "{0}" * 166_666)
    tracemalloc.start()
    try:
        filled = template.fill(['"' * 1000])
        assert filled["html"].length == 166_666 * 6000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_what_is_filled_does_not_show_its_values() -> None:
    filled = MailTemplate.parse("{0}", "{0}", "{0}").fill(["12345"])
    assert "12345" not in repr(filled)
