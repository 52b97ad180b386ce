"""Composing, without a database: what is right is composed, what is wrong has errors field by field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from notifyhub.messages.composition import ComposedMessage, compose
from notifyhub.messages.models import Channel
from notifyhub.messages.references import NotifierReference, PatternKey, PatternReference, References
from notifyhub.messages.request_schemas import MessageRequestSchema
from notifyhub.text.mail_templates import MailTemplate
from notifyhub.text.placeholders import Template

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
SMS = NotifierReference(1, "ippanel")
PATTERNS_ONLY = NotifierReference(2, "melipayamak", sends_texts=False)
MAIL = NotifierReference(1, "mail")


def pattern(
    id: int,
    body: str,
    status: str = "approved",
    notifier: NotifierReference = PATTERNS_ONLY,
    name: str | None = None,
) -> PatternReference:
    return PatternReference(id, name or f"pattern-{id}", status, Template.parse(body), notifier)


def mail_pattern(
    id: int, subject: str, text: str, html: str | None = None, from_email: str | None = None
) -> PatternReference:
    template = MailTemplate.parse(subject, text, html)
    return PatternReference(id, f"mail-{id}", None, template, MAIL, from_email)


def by_id_and_name(*patterns: PatternReference) -> dict[PatternKey, PatternReference]:
    by_id: dict[PatternKey, PatternReference] = {found.id: found for found in patterns}
    return by_id | {(found.notifier.id, found.name): found for found in patterns}


REFERENCES = References(
    patterns={
        Channel.SMS: by_id_and_name(
            pattern(1, "Your code is {0}"),
            pattern(2, "{1} to {0}"),
            pattern(3, "%name%, your code is %code%"),
            pattern(4, "Happy new year"),
            pattern(5, "Not yet {0}", "pending"),
            pattern(6, "{0}" * 50),
            pattern(7, "Hello, {0}", notifier=SMS),
            pattern(8, "{0} {1}", name="1"),
        ),
        Channel.EMAIL: by_id_and_name(
            mail_pattern(1, "Order {0}", "Hello {1}, it is {0}.", "<p title='{1}'>{0}</p>"),
            mail_pattern(2, "Hello", "{0}", from_email="Shop <shop@example.com>"),
            mail_pattern(3, "Off %20% {a} {}", "100%name% %D8%A7", "<style>p {color: red}</style>"),
            mail_pattern(4, "{0}", "Hello", "<b>" + "{1}" * 1000 + "</b>"),
            mail_pattern(5, "Hello", "{0}" * 100),
            mail_pattern(6, "Hello", "{0}" * 100 + "."),
        ),
    },
    notifiers={Channel.SMS: {1: SMS, 2: PATTERNS_ONLY}, Channel.EMAIL: {1: MAIL}},
    defaults={Channel.SMS: SMS, Channel.EMAIL: MAIL},
    message_ttl=timedelta(hours=1),
)
BY_PATTERN = {"channel": "sms", "to": "09121234567", "pattern": 1, "args": ["12345"]}
TEXT = {"channel": "sms", "to": "09121234567", "text": "Hello"}
LIST = "Arguments must be a list: a mail's placeholders are positional."
ADDRESS = "Enter a valid email address."
EMAIL = {"channel": "email", "to": "a@example.com", "subject": "Hello", "text": "World"}


def composed(message: dict[str, Any], references: References = REFERENCES) -> ComposedMessage:
    return compose(MessageRequestSchema().load(message), references, NOW)


def refused(message: dict[str, Any], references: References = REFERENCES) -> dict[str, Any]:
    with pytest.raises(ValidationError) as error:
        composed(message, references)
    return error.value.messages_dict


def test_a_pattern_is_sent_through_its_own_notifier_with_its_text_as_rendered() -> None:
    message = composed(BY_PATTERN)
    assert (message.recipient, message.text, message.args) == (
        "+989121234567",
        "Your code is 12345",
        ["12345"],
    )
    assert (message.notifier, message.encoding, message.segments) == (PATTERNS_ONLY, "gsm7", 1)
    assert message.expires_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("id", "args", "text", "kept"),
    [
        (1, [12345], "Your code is 12345", ["12345"]),
        (1, [" 1 "], "Your code is  1 ", [" 1 "]),
        (2, ["a", "b"], "b to a", ["a", "b"]),
        (3, {"code": 7, "name": "Ali"}, "Ali, your code is 7", {"code": "7", "name": "Ali"}),
        (3, ["Ali", "7"], "Ali, your code is 7", ["Ali", "7"]),
        (4, [], "Happy new year", []),
        (4, {}, "Happy new year", {}),
        (4, None, "Happy new year", []),
    ],
)
def test_arguments_fill_the_pattern(id: int, args: Any, text: str, kept: Any) -> None:
    message = composed({**BY_PATTERN, "pattern": id, "args": args})
    assert (message.text, message.args) == (text, kept)


def test_a_pattern_without_placeholders_needs_no_arguments() -> None:
    assert composed({"channel": "sms", "to": "09121234567", "pattern": 4}).args == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"args": []}, {"args"}),
        ({"args": ["1", "2"]}, {"args"}),
        ({"args": {"0": "1"}}, {"args"}),
        ({"pattern": 3, "args": {"name": "Ali"}}, {"args"}),
        ({"pattern": 3, "args": {"name": "Ali", "code": "1", "more": "2"}}, {"args"}),
        ({"pattern": 5}, {"pattern"}),
        ({"pattern": 99}, {"pattern"}),
        ({"notifier": 1}, {"notifier"}),
        ({"notifier": 99}, {"notifier"}),
        ({"text": "Hello"}, {"text"}),
        ({"to": "12345"}, {"to"}),
        ({"to": "02188776655"}, {"to"}),
        ({"to": "a@example.com"}, {"to"}),
        ({"subject": "Hello"}, {"subject"}),
        ({"html": "<p>"}, {"html"}),
        ({"reply_to": "a@example.com"}, {"reply_to"}),
        ({"attachments": []}, {"attachments"}),
        ({"cc": []}, {"cc"}),
        ({"bcc": ["a@example.com"]}, {"bcc"}),
        ({"unsubscribe_url": "https://example.com/"}, {"unsubscribe_url"}),
        (
            {"to": "1", "args": [], "html": "x", "pattern": 5, "notifier": 1},
            {"to", "args", "html", "pattern", "notifier"},
        ),
    ],
)
def test_a_pattern_is_refused_with_all_that_is_wrong(change: dict[str, Any], fields: set[str]) -> None:
    assert set(refused({**BY_PATTERN, **change})) == fields


def test_what_arguments_make_has_a_greatest_length() -> None:
    assert composed({**BY_PATTERN, "pattern": 6, "args": ["x" * 200]}).text == "x" * 10_000
    assert set(refused({**BY_PATTERN, "pattern": 6, "args": ["x" * 201]})) == {"args"}


def test_a_pattern_takes_its_own_notifier_named_beside_it() -> None:
    assert composed({**BY_PATTERN, "notifier": 2}).notifier == PATTERNS_ONLY


def test_a_text_goes_through_the_named_notifier_or_the_default_one() -> None:
    assert composed(TEXT).notifier == composed({**TEXT, "notifier": 1}).notifier == SMS


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"text": None}, {"text"}),
        ({"args": []}, {"args"}),
        ({"notifier": 2}, {"notifier"}),
        ({"notifier": 99}, {"notifier"}),
        ({"text": "x" * 10_001}, {"text"}),
    ],
)
def test_a_text_is_refused(change: dict[str, Any], fields: set[str]) -> None:
    assert set(refused({**TEXT, **change})) == fields


@pytest.mark.parametrize("message", [TEXT, EMAIL])
def test_without_a_notifier_anywhere_nothing_is_sent(message: dict[str, Any]) -> None:
    assert set(refused(message, References())) == {"notifier"}


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("x" * 160, "gsm7", 1),
        ("x" * 161, "gsm7", 2),
        ("€" * 80, "gsm7", 1),
        ("س" * 70, "ucs2", 1),
        ("س" * 71, "ucs2", 2),
    ],
)
def test_an_sms_is_measured(text: str, encoding: str, segments: int) -> None:
    message = composed({**TEXT, "text": text})
    assert (message.encoding, message.segments) == (encoding, segments)


def test_an_email_keeps_all_its_parts() -> None:
    file = {"filename": "صورتحساب.pdf", "content_type": "application/pdf", "content": "aGVsbG8="}
    message = composed({**EMAIL, "html": "<p>", "reply_to": "Shop <s@example.com>", "attachments": [file]})
    assert (message.subject, message.text, message.html) == ("Hello", "World", "<p>")
    assert (message.reply_to, message.encoding, message.segments) == ("Shop <s@example.com>", None, None)
    assert [(a.filename, a.content_type, a.content) for a in message.attachments] == [
        ("صورتحساب.pdf", "application/pdf", b"hello")
    ]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"subject": None}, {"subject"}),
        ({"text": None}, {"text"}),
        ({"pattern": 1}, {"subject", "text", "args"}),
        ({"pattern": 99}, {"pattern"}),
        ({"args": []}, {"args"}),
        ({"notifier": 2}, {"notifier"}),
        ({"to": "09121234567"}, {"to"}),
        ({"to": "Ali <a@example.com>"}, {"to"}),
        ({"to": "a@example"}, {"to"}),
    ],
)
def test_an_email_is_refused(change: dict[str, Any], fields: set[str]) -> None:
    assert set(refused({**EMAIL, **change})) == fields


BY_MAIL_PATTERN = {"channel": "email", "to": "a@example.com", "pattern": 1, "args": ["7", "<Sara>"]}


def test_a_mail_is_made_by_a_pattern_and_stored_as_rendered() -> None:
    file = {"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8="}
    message = composed({**BY_MAIL_PATTERN, "reply_to": "s@example.com", "attachments": [file]})
    assert (message.subject, message.text, message.html) == (
        "Order 7",
        "Hello <Sara>, it is 7.",
        "<p title='&lt;Sara&gt;'>7</p>",
    )
    assert message.pattern
    assert (message.pattern.id, message.args, message.notifier) == (1, ["7", "<Sara>"], MAIL)
    assert (message.from_email, message.encoding, message.segments) == (None, None, None)
    assert (message.reply_to, len(message.attachments)) == ("s@example.com", 1)


def test_a_mail_by_a_pattern_has_its_sender_and_html_only_where_it_has() -> None:
    message = composed({**BY_MAIL_PATTERN, "pattern": 2, "args": ["x"]})
    assert (message.from_email, message.text, message.html) == ("Shop <shop@example.com>", "x", None)


@pytest.mark.parametrize("args", [{}, {"args": []}, {"args": None}])
def test_nothing_but_numbers_in_braces_is_a_placeholder_in_mails(args: dict[str, Any]) -> None:
    message = composed({"channel": "email", "to": "a@example.com", "pattern": 3, **args})
    assert (message.subject, message.text, message.html, message.args) == (
        "Off %20% {a} {}",
        "100%name% %D8%A7",
        "<style>p {color: red}</style>",
        [],
    )


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"pattern": 99}, {"pattern": ['Invalid pk "99" - object does not exist.']}),
        ({"pattern": "1"}, {"pattern": ["Object with name=1 does not exist."]}),
        ({"pattern": "pattern-1"}, {"pattern": ["Object with name=pattern-1 does not exist."]}),
        ({"notifier": 2}, {"notifier": ["The pattern belongs to another notifier: 1."]}),
        ({"pattern": "mail-1", "notifier": 2}, {"notifier": ['Invalid pk "2" - object does not exist.']}),
        ({"args": []}, {"args": ["Arguments needed: 2 ({0}, {1}); given: 0."]}),
        ({"args": ["1", "2", "3"]}, {"args": ["Arguments needed: 2 ({0}, {1}); given: 3."]}),
        ({"args": {"0": "1", "1": "2"}}, {"args": [LIST]}),
        ({"pattern": 3, "args": {}}, {"args": [LIST]}),
        (
            {"subject": "Hello", "text": "Hello", "html": "Hello", "args": ["1"], "notifier": 2},
            {
                "subject": ["The subject is the pattern's: give one or the other."],
                "text": ["The text is the pattern's: give one or the other."],
                "html": ["The html is the pattern's: give one or the other."],
                "args": ["Arguments needed: 2 ({0}, {1}); given: 1."],
                "notifier": ["The pattern belongs to another notifier: 1."],
            },
        ),
        ({"to": "x", "args": []}, {"to": [ADDRESS], "args": ["Arguments needed: 2 ({0}, {1}); given: 0."]}),
    ],
)
def test_a_mail_by_a_pattern_is_refused(change: dict[str, Any], errors: dict[str, list[str]]) -> None:
    assert refused({**BY_MAIL_PATTERN, **change}) == errors


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        (["x" * 255, "x"], None),
        (["x" * 256, "x"], "Ensure the subject that they make has no more than 255 characters."),
        (["\x1b", "x"], "Ensure the subject that they make is not blank."),
        (["\r\n\u2028\x1b", "x"], "Ensure the subject that they make is not blank."),
        (["x", "<" * 249], None),
        (["x", "<" * 250], "Ensure the html that they make has no more than 1000000 characters."),
    ],
)
def test_what_arguments_make_of_a_mail_has_the_limits_of_a_mail(args: list[str], wrong: str | None) -> None:
    message = {**BY_MAIL_PATTERN, "pattern": 4, "args": args}
    if wrong:
        assert refused(message) == {"args": [wrong]}
    else:
        assert composed(message).subject == args[0]


def test_the_text_of_a_mail_by_a_pattern_has_a_greatest_length() -> None:
    message = {**BY_MAIL_PATTERN, "pattern": 5}
    assert composed({**message, "args": ["x" * 1000]}).text == "x" * 100_000
    words = "Ensure the text that they make has no more than 100000 characters."
    assert refused({**message, "pattern": 6, "args": ["x" * 1000]}) == {"args": [words]}


@pytest.mark.parametrize(
    ("message", "id"),
    [
        ({**BY_PATTERN, "pattern": "pattern-1", "notifier": 2}, 1),
        ({**BY_PATTERN, "pattern": " pattern-1 ", "notifier": 2}, 1),
        ({**BY_PATTERN, "pattern": "pattern-7"}, 7),
        ({**BY_PATTERN, "pattern": "pattern-7", "notifier": 1}, 7),
        ({**BY_PATTERN, "pattern": "1", "args": ["7", "<Sara>"], "notifier": 2}, 8),
        ({**BY_MAIL_PATTERN, "pattern": "mail-1"}, 1),
        ({**BY_MAIL_PATTERN, "pattern": "mail-1", "notifier": 1}, 1),
    ],
)
def test_a_pattern_is_found_by_its_name_at_the_notifier_or_at_the_default_one(
    message: dict[str, Any], id: int
) -> None:
    found = composed(message).pattern
    assert found
    assert found.id == id


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"pattern": "pattern-1"}, {"pattern": ["Object with name=pattern-1 does not exist."]}),
        ({"pattern": "Pattern-7"}, {"pattern": ["Object with name=Pattern-7 does not exist."]}),
        ({"pattern": "mail-1"}, {"pattern": ["Object with name=mail-1 does not exist."]}),
        ({"pattern": "x" * 255}, {"pattern": [f"Object with name={'x' * 99}… does not exist."]}),
        ({"pattern": "x" * 256}, {"pattern": ["Ensure this field has no more than 255 characters."]}),
        ({"pattern": " "}, {"pattern": ["This field may not be blank."]}),
        ({"pattern": True}, {"pattern": ["Incorrect type. Expected pk value, received bool."]}),
        ({"pattern": 1.5}, {"pattern": ["Incorrect type. Expected pk value, received float."]}),
        ({"pattern": 0}, {"pattern": ['Invalid pk "0" - object does not exist.']}),
        (
            {"pattern": "pattern-5", "notifier": 2},
            {"pattern": ["This pattern is not approved: its status is `pending`."]},
        ),
        ({"pattern": "pattern-1", "notifier": 9}, {"notifier": ['Invalid pk "9" - object does not exist.']}),
    ],
)
def test_a_pattern_that_is_not_there_by_this_name_is_refused(
    change: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    assert refused({**BY_PATTERN, **change}) == errors


@pytest.mark.parametrize("message", [BY_PATTERN, BY_MAIL_PATTERN])
def test_without_a_notifier_anywhere_a_name_is_nobodys(message: dict[str, Any]) -> None:
    assert set(refused({**message, "pattern": "pattern-1"}, References())) == {"notifier"}


BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\u2029", "\x1b"]


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("to", "x{}Bcc: b@example.com"),
        ("reply_to", "x{}Bcc: b@example.com"),
        *(("subject", place) for place in ("{}x", "x{}Bcc: b@example.com", "x{}")),
    ],
)
def test_line_ends_in_headers_are_refused(name: str, place: str, break_: str) -> None:
    assert set(refused({**EMAIL, name: place.format(break_)})) == {name}


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize("name", ["to", "reply_to"])
@pytest.mark.parametrize("place", ["{}x@example.com", "x@example.com{}"])
def test_line_ends_around_an_address_never_become_part_of_it(name: str, place: str, break_: str) -> None:
    body = {**EMAIL, name: place.format(break_)}
    if break_.strip():
        assert set(refused(body)) == {name}
    else:
        message = composed(body)
        assert {"to": message.recipient, "reply_to": message.reply_to}[name] == "x@example.com"


@pytest.mark.parametrize("break_", BREAKS)
@pytest.mark.parametrize("name", ["filename", "content_type"])
def test_line_ends_in_names_and_types_of_files_are_refused(name: str, break_: str) -> None:
    file = {
        "filename": "a.txt",
        "content_type": "text/plain",
        "content": "aGVsbG8=",
        name: f"text/x;{break_}y",
    }
    assert refused({**EMAIL, "attachments": [file]})["attachments"][0].keys() == {name}


@pytest.mark.parametrize(
    "content", ["aGVsbG8", "aGVs bG8=", "aGVs\nbG8=", "aGVsbG8_", "a", "=", "سلام", 1, True, None, ""]
)
def test_base64_is_strict(content: Any) -> None:
    file = {"filename": "a.txt", "content_type": "text/plain", "content": content}
    assert refused({**EMAIL, "attachments": [file]})["attachments"][0].keys() == {"content"}


@pytest.mark.parametrize(
    "address", ["a@example.com, b@example.com", "a b@example.com", "Doe, John <a@example.com>", "<>", "Ali"]
)
def test_an_address_to_reply_to_is_one_address(address: str) -> None:
    assert set(refused({**EMAIL, "reply_to": address})) == {"reply_to"}


@pytest.mark.parametrize(
    "address",
    [
        "shop@example.com",
        "Shop <shop@example.com>",
        "فروشگاه\u200cما <shop@example.com>",
        '"Shop <Tehran>, Inc." <shop@example.com>',
    ],
)
def test_an_address_to_reply_to_may_have_a_name_as_senders_have(address: str) -> None:
    assert composed({**EMAIL, "reply_to": address}).reply_to == address


@pytest.mark.parametrize(
    ("times", "fields"),
    [
        ({"send_at": "2025-03-01T12:00:00Z"}, {"send_at"}),
        ({"send_at": "2025-03-31T12:00:00.000001Z"}, {"send_at"}),
        ({"expires_at": "2025-03-01T12:00:00Z"}, {"expires_at"}),
        ({"send_at": "2025-03-02T12:00:00Z", "expires_at": "2025-03-02T12:00:00Z"}, {"expires_at"}),
        ({"send_at": "2025-03-01"}, {"send_at"}),
        ({"send_at": "2025-02-30T12:00:00Z"}, {"send_at"}),
        ({"send_at": "tomorrow", "expires_at": 1740916800}, {"send_at", "expires_at"}),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, {"send_at"}),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, {"expires_at"}),
    ],
)
def test_moments_out_of_their_range_are_refused(times: dict[str, Any], fields: set[str]) -> None:
    assert set(refused({**TEXT, **times})) == fields


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2025-03-01T12:00:00.000001Z", NOW + timedelta(microseconds=1)),
        ("2025-03-31T12:00:00Z", NOW + timedelta(days=30)),
        ("2025-03-02T15:30:00+03:30", NOW + timedelta(days=1)),
        ("2025-03-02T12:00", NOW + timedelta(days=1)),
        ("2025-03-02 12:00:00", NOW + timedelta(days=1)),
    ],
)
def test_a_moment_has_a_zone_or_is_in_utc(written: str, moment: datetime) -> None:
    message = composed({**TEXT, "send_at": written})
    assert (message.send_at, message.expires_at) == (moment, moment + timedelta(hours=1))


def test_a_message_may_expire_when_the_client_says() -> None:
    assert composed({**TEXT, "expires_at": "2025-03-01T12:00:01Z"}).expires_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"a": True}, {"a": ["Not a valid string."]}),
        ({"a": None}, {"a": ["This field may not be null."]}),
        ({"a": {}}, {"a": ["Not a valid string."]}),
        ({"a": " "}, {"a": ["This field may not be blank."]}),
        ({"": "a"}, {"": ["This field may not be blank."]}),
        ({"a": "x" * 256}, {"a": ["Ensure this field has no more than 255 characters."]}),
        ({str(n): "x" for n in range(51)}, ["Ensure this field has no more than 50 elements."]),
        ([], ['Expected a dictionary of items but got type "list".']),
        (None, ["This field may not be null."]),
    ],
)
def test_metadata_is_an_object_of_short_texts(metadata: Any, words: Any) -> None:
    assert refused({**TEXT, "metadata": metadata}) == {"metadata": words}
    assert composed({**TEXT, "metadata": {"a": 1, "b": " c "}}).client_metadata == {"a": "1", "b": "c"}


@pytest.mark.parametrize(
    "args", ["x", 1, True, [None], [True], [["x"]], [{}], {"name": None}, [""], [" "], ["x" * 1001]]
)
def test_arguments_are_texts_or_numbers(args: Any) -> None:
    assert set(refused({**BY_PATTERN, "args": args})) == {"args"}


SECRET = "53c237"


def test_a_message_shows_no_content() -> None:
    message = composed({**BY_PATTERN, "args": [SECRET], "metadata": {"a": SECRET}})
    file = {"filename": "a", "content_type": "text/plain", "content": "NTNjMjM3"}
    email = composed({**EMAIL, "subject": SECRET, "text": SECRET, "html": SECRET, "attachments": [file]})
    assert SECRET not in repr((message, email))


@given(
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=50).filter(
        str.strip
    )
)
def test_any_argument_goes_out_as_it_is(value: str) -> None:
    message = composed({**BY_PATTERN, "args": [value]})
    assert message.text == f"Your code is {value}"
    assert message.args == [value]
