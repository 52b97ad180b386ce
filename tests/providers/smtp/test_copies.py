"""Mails to several: who is named to the server, who is refused, and what is told of it."""

import email
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.providers.base import Email
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary
from notifyhub.providers.smtp.client import SMTP
from notifyhub.providers.smtp.envelope import Envelope, RefusedCopy, read_envelope
from notifyhub.providers.sockets import Timeouts
from notifyhub.text.addresses import Mailbox
from tests.simulators import SMTPSimulator

CC, BCC = "Sara <sara@example.org>", "boss.secret@hidden.example"


def backend(mail: SMTPSimulator) -> SMTP:
    settings = {"host": "127.0.0.1", "port": mail.port}
    return SMTP(settings, timeouts=Timeouts(connect=2, read=2))


def message(**changes: object) -> Email:
    fields = {
        "to": "ali@example.com",
        "from_email": "Notify Hub <info@example.com>",
        "subject": "Hello",
        "text": "Hello.",
        "message_id": "<1@example.com>",
        "cc": [CC],
        "bcc": [BCC],
    }
    return Email(**{**fields, **changes})  # type: ignore[arg-type]


def failure_of(mail: SMTPSimulator, sent: Email) -> Failure:
    with pytest.raises(Failure) as caught:
        backend(mail).send(sent)
    return caught.value


def test_all_get_one_mail_in_which_nobody_reads_of_blind_copies(mail: SMTPSimulator) -> None:
    accepted = backend(mail).send(message())
    assert (accepted.provider_message_id, accepted.refusal) == ("<1@example.com>", None)
    [received] = mail.journal.messages()
    assert received.recipients == ("ali@example.com", "sara@example.org", BCC)
    found = email.message_from_bytes(received.content, policy=email.policy.default)
    assert (found["To"], found["Cc"]) == ("ali@example.com", CC)
    assert "Bcc" not in found
    assert b"bcc" not in received.content.lower()
    assert b"secret" not in received.content


def test_an_address_that_is_named_twice_is_named_once_to_the_server(mail: SMTPSimulator) -> None:
    backend(mail).send(
        message(cc=[CC, "S <sara@example.org>", "ali@example.com"], bcc=[BCC, "sara@example.org", BCC])
    )
    assert mail.journal.messages()[0].recipients == ("ali@example.com", "sara@example.org", BCC)


@pytest.mark.parametrize(
    ("kind", "failure", "code", "words"),
    [
        ("unknown_recipient", Refused, "invalid_recipient", "550 5.1.1 No such user here"),
        ("greylisted", Temporary, "deferred", "451 4.7.1 Greylisted, try again later"),
        ("relay_denied", NotServedHere, "relay_denied", "554 5.7.1 Relay access denied"),
        ("sending_limit", NotifierTrouble, "rate_limited", "550 5.4.5 Daily user sending limit exceeded"),
    ],
)
def test_a_refused_copy_is_told_with_its_address_and_the_others_get_theirs(
    mail: SMTPSimulator, kind: str, failure: type[Failure], code: str, words: str
) -> None:
    mail.troubles.add(kind, recipient="sara@example.org")
    refusal = backend(mail).send(message()).refusal
    assert refusal
    assert (type(refusal), refusal.code) == (failure, code)
    assert refusal.detail == f"The copy to sara@example.org was refused: {words}"
    [received] = mail.journal.messages()
    assert received.recipients == ("ali@example.com", BCC)
    assert b"Cc: Sara <sara@example.org>" in received.content
    assert backend(mail).send(message()).refusal is None
    assert mail.connections == 1


def test_a_refused_blind_copy_is_told_without_its_address(mail: SMTPSimulator) -> None:
    mail.troubles.add("unknown_by_name", recipient=BCC)
    refusal = backend(mail).send(message()).refusal
    assert refusal
    assert refusal.detail == (
        "A blind copy was refused: 550 5.1.1 <•••>: Recipient address rejected 5.1.1 ••• is no user of •••, "
        "•••"
    )
    assert mail.journal.messages()[0].recipients == ("ali@example.com", "sara@example.org")


def test_all_refused_copies_are_told(mail: SMTPSimulator) -> None:
    mail.troubles.add("greylisted", recipient="sara@example.org")
    mail.troubles.add("unknown_by_name", recipient=BCC)
    refusal = backend(mail).send(message()).refusal
    assert refusal
    assert (type(refusal), refusal.code) == (Temporary, "deferred")
    assert refusal.detail.startswith("The copy to sara@example.org was refused: 451 4.7.1")
    assert "try again later A blind copy was refused: 550" in refusal.detail
    assert mail.journal.messages()[0].recipients == ("ali@example.com",)
    mail.troubles.add("unknown_by_name", times=50)
    many = [f"copy-{number}@example.org" for number in range(50)]
    mail.troubles.add("unknown_recipient", recipient="nobody")
    refusal = read_envelope(message(cc=many)).refusal([RefusedCopy(each, Refused("x", "y")) for each in many])
    assert refusal
    assert refusal.detail.count("was refused: y") == 50


@pytest.mark.parametrize(
    ("kind", "failure"),
    [("unknown_recipient", Refused), ("greylisted", Temporary), ("relay_denied", NotServedHere)],
)
def test_nothing_is_sent_to_anybody_if_the_recipient_is_refused(
    mail: SMTPSimulator, kind: str, failure: type[Failure]
) -> None:
    mail.troubles.add(kind, recipient="ali@example.com")
    assert type(failure_of(mail, message())) is failure
    assert not mail.journal.messages()
    backend(mail).send(message(to="other@example.com", cc=[], bcc=[]))
    [received] = mail.journal.messages()
    assert received.recipients == ("other@example.com",), "what was named before is cleared"
    assert mail.connections == 1


@pytest.mark.parametrize("kind", ["unavailable", "reset"])
def test_a_server_that_leaves_at_a_copy_has_taken_nothing(mail: SMTPSimulator, kind: str) -> None:
    mail.troubles.add(kind, recipient="sara@example.org")
    assert type(failure_of(mail, message())) is NotifierTrouble
    assert not mail.journal.messages()
    backend(mail).send(message())
    mail.troubles.add(kind, recipient="sara@example.org")
    assert backend(mail).send(message()).refusal is None, "a kept session is opened anew"
    assert [each.recipients for each in mail.journal.messages()] == 2 * [
        ("ali@example.com", "sara@example.org", BCC)
    ]


def test_what_is_refused_at_the_end_is_refused_for_all(mail: SMTPSimulator) -> None:
    mail.troubles.add("unknown_recipient", recipient="sara@example.org")
    mail.troubles.add("content_refused")
    error = failure_of(mail, message())
    assert (type(error), error.code) == (Refused, "content_refused")


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_beyond_ascii_needs_a_server_that_takes_it(mail: SMTPSimulator, field: str) -> None:
    sent = message(**{field: ["علی@example.com"]})
    backend(mail).send(sent)
    assert "علی@example.com" in mail.journal.messages()[0].recipients
    with SMTPSimulator(smtputf8=False) as old:
        assert type(failure_of(old, sent)) is NotServedHere
        assert not old.journal.messages()


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_to_no_address_reaches_no_server(mail: SMTPSimulator, field: str) -> None:
    error = failure_of(mail, message(**{field: ["a@example.com", "nobody"]}))
    assert (type(error), error.code) == (Refused, "invalid_recipient")
    assert mail.connections == 0


def test_a_mail_shows_nobody() -> None:
    assert "secret" not in repr(message())
    assert "sara" not in repr(message())


def envelope(to: str, cc: list[str], bcc: list[str]) -> Envelope:
    named = [Mailbox("", address) for address in (to, *cc, *bcc)]
    return Envelope(Mailbox("", "info@example.com"), named[0], named[1 : len(cc) + 1], named[len(cc) + 1 :])


def test_words_lose_blind_addresses_and_no_others() -> None:
    who = envelope("ali@x.ir", ["li@x.ir.com", "b.li@x.ir"], ["li@x.ir", "ali@x.ir"])
    words = "ali@x.ir b.li@x.ir li@x.ir.com LI@X.IR, li@x.ir."
    assert who.quotable(words) == "ali@x.ir b.li@x.ir li@x.ir.com •••, •••."


WORDS = st.from_regex(r"[a-z0-9]{1,8}([.+-][a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(WORDS, st.from_regex(r"[a-z]{2,8}\.[a-z]{2,5}", fullmatch=True), st.sampled_from("<>[]():; ,'\"\n"))
def test_no_part_of_a_blind_address_is_told_of_its_refusal(local: str, domain: str, mark: str) -> None:
    address = f"{local}@{domain}"
    words = f"550 {mark}{address}{mark} {mark}{local.upper()}{mark} mx.{domain}. {address}"
    told = envelope("to@x.ir", [], [address]).refusal([RefusedCopy(address, Refused("x", words))])
    assert told
    detail = told.detail.removeprefix("A blind copy was refused: ").lower()
    assert domain not in detail
    assert not re.search(rf"(?<![\w+-]){re.escape(local)}(?!\.?[\w+-])", detail)
