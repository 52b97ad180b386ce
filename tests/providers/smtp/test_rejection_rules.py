"""Replies of mail servers, as they and their documentation word them."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary, Uncertain
from notifyhub.providers.smtp.rejection_rules import RULES, Stage, classify_reply

STAGES: tuple[Stage, ...] = get_args(Stage)
TAKING: tuple[Stage, ...] = ("rcpt", "data", "end")
SENDING: tuple[Stage, ...] = ("mail", *TAKING)

# (stages, reply): each line of a reply after its code, the lines as smtplib puts them together.
ACCOUNT = {
    "rate_limited": [
        (
            "mail rcpt end",
            "550 5.4.5 Daily user sending limit exceeded. For more information, go to support. - gsmtp",
        ),
        ("rcpt", "550 5.4.5 Daily user sending limit exceeded"),
        ("rcpt end", "550 5.7.1 Daily SMTP relay sending limit exceeded for customer."),
        ("rcpt end", "450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error."),
        ("rcpt", "550 5.4.5 Daily\n5.4.5 user sending\n5.4.5 limit exceeded"),
        ("end", "550 5.7.28 Gmail has detected an unusual rate of mail from this SPF domain"),
        (
            "end",
            "550 5.7.1 Our system has detected an unusual rate of\n5.7.1 unsolicited mail from here. - gsmtp",
        ),
        ("end", "550 5.7.0 Requested action not taken: too many emails per second"),
        (
            "end",
            "554 5.7.0 The limit on the number of outgoing messages was exceeded. Try again later.",
        ),
        ("mail rcpt end", "454 Throttling failure: Maximum sending rate exceeded."),
        ("end", "454 Throttling failure: Daily message quota exceeded."),
        ("mail rcpt", "452 4.5.3 Too many recipients received this hour (throttled)"),
        (
            "rcpt",
            "550 Domain example.com has exceeded the max emails per hour (125/100 (125%)) allowed.",
        ),
        ("rcpt", "550 5.7.1 <info@example.com>: Sender address rejected: Quota limit exceeded"),
        ("rcpt", "450 4.7.1 <info@example.com>: Sender address rejected: rate limit"),
        ("rcpt end", "450 4.7.1 Error: too much mail from 192.0.2.7"),
        (
            "end",
            "550 5.1.90 Your message can't be sent because you've reached your daily limit",
        ),
        (
            "end",
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed",
        ),
        ("rcpt", "550 Ratelimit: hourly quota exceeded"),
        ("end", "451 4.7.1 Rate limit exceeded, 100 messages per minute"),
    ],
    "blocked": [
        (
            "mail end",
            "550 5.1.8 Access denied, bad outbound sender. For more information please go to AS(42004)",
        ),
        ("mail rcpt end", "550 5.4.6 Unusual sending activity detected. Please try after sometime"),
        ("auth mail end", "554 5.1.8 Email Outgoing Blocked"),
        ("end", "554 5.1.8 Sender Address Blocked"),
        ("end", "550 5.7.501 Access denied, spam abuse detected"),
        ("rcpt", "550 5.7.705 Access denied, tenant has exceeded threshold"),
        ("mail rcpt", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP"),
        ("mail rcpt end", "550 5.7.1 Your account has been suspended for abuse"),
        ("mail end", "554 5.7.1 Account temporarily disabled"),
        ("end", "554 Sending paused for this account. For more information, please check the inbox"),
        ("auth mail", "525 5.7.13 User account disabled"),
        ("rcpt", "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org"),
        ("rcpt", "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied"),
        ("rcpt", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"),
        ("open", "554 5.7.1 No SMTP service here"),
        ("open", "521 5.3.2 Server does not accept mail"),
    ],
    "bad_credentials": [
        ("auth", "535 5.7.8 Username and Password not accepted. - gsmtp"),
        (
            "auth",
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant",
        ),
        ("auth", "550 5.7.1 Not today"),
        ("auth", "534 5.7.9 Application-specific password required"),
        ("mail", "530 5.7.0 Authentication Required"),
        ("rcpt", "550 Unauthenticated senders not allowed"),
        (
            "rcpt",
            "550 5.7.1 Invalid credentials for relay [192.0.2.7]. The address you've registered is another",
        ),
        ("mail", "550 5.7.1 Authentication required"),
    ],
    "bad_settings": [("mail", "530 5.7.0 Must issue a STARTTLS command first")],
    "no_credit": [
        ("auth mail", "451 Authentication failed: Maximum credits exceeded"),
        ("end", "550 Insufficient credit"),
    ],
    "unavailable": [
        ("open auth mail rcpt data end", "421 4.7.0 Temporary System Problem. Try again later."),
        ("rcpt end", "421 Too many concurrent SMTP connections"),
        ("open mail", "450 4.3.2 try again later"),
        ("auth", "454 4.7.0 Temporary authentication failure"),
        ("mail", "452 4.3.1 Insufficient system storage"),
        ("rcpt", "554 5.3.2 System not accepting network messages"),
        ("end", "554 5.3.5 Local configuration error"),
    ],
    "not_understood": [
        ("rcpt data", "503 5.5.1 Error: need MAIL command"),
        ("mail rcpt data", "502 5.5.2 Error: command not recognized"),
        ("open mail rcpt data", "299 Whatever"),
    ],
}
SENDER = {
    "sender_refused": [
        (
            "mail end",
            "550 The from address does not match a verified Sender Identity. Mail cannot be sent",
        ),
        ("mail rcpt end", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
        ("end", "554 5.2.252 SendAsDenied; info@example.com not allowed to send as boss@example.com"),
        (
            "end",
            "554 Message rejected: Email address is not verified. These failed the check: info@example.com",
        ),
        (
            "mail rcpt",
            "553 5.7.1 <info@example.com>: Sender address rejected: not owned by user shop@example.com",
        ),
        (
            "rcpt",
            "550 5.1.0 <nobody@example.com>: Sender address rejected: User unknown in virtual mailbox table",
        ),
        ("rcpt", "550 Verification failed for <info@example.com>\nSender verify failed"),
        (
            "end",
            "550 5.7.1 Domain mg.example.com is not allowed to send: The domain is unverified.",
        ),
        ("end", "550 5.7.26 This mail is unauthenticated, which poses a security risk to the sender"),
        ("end", "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification"),
        ("rcpt end", "550 5.7.27 Sender address has null MX"),
        ("mail", "550 5.1.7 Bad sender's mailbox address syntax"),
        ("mail", "501 5.5.4 Invalid domain name"),
        ("mail", "550 Sender not allowed"),
    ],
    "relay_denied": [
        ("rcpt", "554 5.7.1 <ali@example.org>: Relay access denied"),
        ("rcpt", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
        ("rcpt", "550 relay not permitted"),
        ("rcpt", "550 5.7.1 Relaying denied. Proper authentication required."),
    ],
    "too_large": [
        ("mail end", "552 5.3.4 Message size exceeds fixed limit"),
        ("end", "552 5.2.3 Your message exceeded Google's message size limits."),
        ("mail data end", "552 Message size limit exceeded"),
        ("end", "550 5.7.0 Message Size Violation"),
    ],
    "not_offered": [("mail rcpt", "553 5.6.7 Non-ASCII addresses not permitted")],
}
MESSAGE = {
    "invalid_recipient": [
        ("rcpt", "550 5.1.1 No such user"),
        (
            "rcpt",
            "550 5.1.1 The email account that you tried to reach does not exist. Please\n5.1.1 check",
        ),
        ("rcpt", "550 5.2.1 The email account that you tried to reach is disabled."),
        ("rcpt", "550 5.2.1 This account is suspended"),
        ("rcpt end", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        ("rcpt", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"),
        ("rcpt", "556 5.1.10 Recipient address has null MX"),
        ("rcpt", "553 5.1.3 The recipient address is not a valid RFC 5321 address."),
        ("rcpt", "501 5.1.3 Bad recipient address syntax"),
        ("rcpt", "550 Requested action not taken: mailbox unavailable"),
        ("rcpt", "551 User not local; please try <other@example.com>"),
        ("rcpt", "550 <account.suspended@example.com>: User unknown"),
        ("rcpt", "550 daily.limit.exceeded@example.com... User unknown"),
        ("rcpt", "550 #5.1.0 Address rejected."),
        ("rcpt", "550 5.7.17 Mailbox owner has changed"),
    ],
    "mailbox_full": [
        ("rcpt end", "552 5.2.2 The email account that you tried to reach is over quota"),
        ("rcpt", "552 Requested mail action aborted: exceeded storage allocation"),
        ("rcpt", "550 Mailbox is full / Blocks limit exceeded / Inode limit exceeded"),
        ("rcpt", "554 5.2.2 Quota exceeded (mailbox for user is full)"),
    ],
    "content_refused": [
        ("end", "554 5.6.0 spam"),
        ("end", "554 5.7.1 Message rejected under suspicion of SPAM"),
        (
            "end",
            "552 5.7.0 This message was blocked because its content presents a potential security issue.",
        ),
        ("end", "550 5.7.1 Message contains spam or virus"),
        ("end", "550 Spam score limit of this server exceeded"),
        ("data", "554 no valid recipients"),
    ],
}
LATER = {
    "deferred": [
        ("rcpt", "451 4.7.1 Greylisting in action, please come back later"),
        ("rcpt", "450 4.2.1 The user you are trying to contact is receiving mail too quickly."),
        ("rcpt end", "452 4.2.2 The email account that you tried to reach is over quota."),
        ("end", "451 4.3.0 Mail server temporarily rejected message."),
        ("rcpt", "450 4.1.8 <info@example.com>: Sender address rejected: Domain not found"),
        ("rcpt", "454 4.7.1 <ali@example.org>: Relay access denied"),
    ]
}
UNSURE = {"not_understood": [("end", "299 Whatever"), ("end", "354 Go ahead")]}

KNOWN = [
    (failure, code, stage, reply)
    for failure, replies in (
        (NotifierTrouble, ACCOUNT),
        (NotServedHere, SENDER),
        (Refused, MESSAGE),
        (Temporary, LATER),
        (Uncertain, UNSURE),
    )
    for code, found in replies.items()
    for stages, reply in found
    for stage in stages.split()
]


def judged(stage: Stage, reply: str) -> Failure:
    return classify_reply(stage, int(reply[:3]), reply[4:])


@pytest.mark.parametrize(("failure", "code", "stage", "reply"), KNOWN)
def test_a_reply_of_the_world_is_judged(failure: type[Failure], code: str, stage: Stage, reply: str) -> None:
    found = judged(stage, reply)
    assert (type(found), found.code, found.detail) == (failure, code, reply)


@pytest.mark.parametrize(("failure", "code", "stage", "reply"), KNOWN)
def test_it_is_judged_the_same_when_its_words_are_broken_into_lines(
    failure: type[Failure], code: str, stage: Stage, reply: str
) -> None:
    status, first, *rest = re.sub(r"\n([245][.0-9]+ )?", " ", reply).split(" ")
    begins = f"{first} " if first[0].isdigit() and first[1:2] == "." else ""
    found = judged(stage, f"{status} {first} " + f"\n{begins}".join(rest))
    assert (type(found), found.code) == (failure, code)


@given(st.sampled_from(("open", "auth")), st.integers(200, 599), st.text())
def test_before_a_mail_begins_it_is_always_the_notifiers_trouble(stage: Stage, code: int, text: str) -> None:
    assert type(classify_reply(stage, code, text)) is NotifierTrouble


@pytest.mark.parametrize("stage", ["open", "auth"])
@pytest.mark.parametrize("reply", sorted({reply for *_, reply in KNOWN}))
def test_so_it_is_whatever_words_are_known(stage: Stage, reply: str) -> None:
    assert type(judged(stage, reply)) is NotifierTrouble


@given(st.sampled_from(STAGES), st.integers(200, 599), st.text())
def test_every_reply_is_judged(stage: Stage, code: int, text: str) -> None:
    assert isinstance(classify_reply(stage, code, text), Failure)


@given(
    st.sampled_from(SENDING),
    st.sampled_from((450, 451, 550, 554)),
    st.sampled_from([words for rule in RULES for words in rule.words]),
    st.sampled_from(("<{}@example.com>", "{}@example.com", "<{}>")),
)
def test_what_an_address_says_decides_nothing(stage: Stage, code: int, phrase: str, form: str) -> None:
    address = form.format(phrase.replace(" ", "."))
    plain, named = classify_reply(stage, code, "Not: now"), classify_reply(stage, code, f"Not {address}: now")
    assert (type(named), named.code) == (type(plain), plain.code)


@pytest.mark.parametrize("stage", TAKING)
@given(st.integers(400, 499), st.text("0123456789. abc"))
def test_a_refusal_for_now_never_ends_a_message(stage: Stage, code: int, text: str) -> None:
    assert classify_reply(stage, code, text).outcome == "temporary"


def test_every_rule_says_where_it_comes_from() -> None:
    assert all(rule.source for rule in RULES)


def test_the_replies_above_have_every_meaning_that_the_rules_know() -> None:
    assert {(rule.failure, rule.code) for rule in RULES} == {(failure, code) for failure, code, *_ in KNOWN}
