"""What a mail server's rejection means: the table of SMTP replies.

Its rules are those of every provider: `status` is the reply's code, `result` its enhanced status code
(RFC 3463), `field` the stage at which it came, `words` what its text says, without the addresses in it, which
may be a stranger's. What no row knows is judged by its class and enhanced status code, in the rows at the
end. [N] is a choice, where nothing documents the words.
"""

import re
from typing import Literal

from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary, Uncertain
from notifyhub.providers.rejection_rules import Rejection, Rule, classify

Stage = Literal["open", "auth", "mail", "rcpt", "data", "end"]
"""Where in a conversation a reply comes: greeting, EHLO and STARTTLS; the log-in; the commands of a mail; and
its end, the reply to the whole of it."""

_OPENING = r"open|auth"
_ANY = r"open|auth|mail|rcpt|data|end"
_SENDING = r"mail|rcpt|data|end"
_TAKING = r"rcpt|data|end"  # the stages at which a reply may be about the recipient or the message
_LATER, _NEVER, _EITHER = range(400, 500), range(500, 600), range(400, 600)


def _words(
    failure: type[Failure], code: str, source: str, *phrases: tuple[str, ...], at: str
) -> tuple[Rule, ...]:
    """Return a rule for each of some texts, which all mean the same of a rejection for good."""
    return tuple(Rule(failure, code, source, status=_NEVER, field=at, words=words) for words in phrases)


def _account(code: str, source: str, *phrases: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return a rule for each of some texts about the notifier's account, now or for good."""
    return tuple(Rule(NotifierTrouble, code, source, status=_EITHER, words=words) for words in phrases)


_DEFINED = (
    Rule(NotifierTrouble, "no_credit", "SendGrid: SMTP errors", words=("maximum credits exceeded",)),
    Rule(NotifierTrouble, "unavailable", "RFC 5321 4.2: the service closes", status=(421,)),
    Rule(NotifierTrouble, "blocked", "RFC 7504 3: no mail here", status=(521,)),
    Rule(NotifierTrouble, "bad_settings", "RFC 3207 4", status=(530,), words=("starttls",)),
    Rule(NotifierTrouble, "unavailable", "RFC 4954 4: for a while", status=(454,), field=_OPENING),
    Rule(NotifierTrouble, "blocked", "RFC 5248: User Account Disabled", result=r"5\.7\.13"),
    Rule(NotifierTrouble, "bad_credentials", "RFC 4954 6", status=(530, 534, 535, 538)),
    Rule(NotifierTrouble, "not_understood", "RFC 5321 4.2: bad sequence of commands", status=(503,)),
    Rule(
        NotifierTrouble,
        "not_understood",
        "RFC 5321 4.2: unknown command",
        status=(500, 502),
        field=r"mail|rcpt|data",
    ),
    Rule(NotServedHere, "not_offered", "RFC 6531 3.5", result=r"5\.6\.7", field=_SENDING),
    Rule(Refused, "invalid_recipient", "RFC 7505 4.1: null MX", result=r"5\.1\.10", field=_TAKING),
    Rule(Refused, "invalid_recipient", "RFC 7504 4: a host without mail", status=(556,), field=_TAKING),
    Rule(Refused, "invalid_recipient", "RFC 7293 10: another owner", result=r"5\.7\.1[78]", field=_TAKING),
    Rule(NotifierTrouble, "blocked", "RFC 7372 3.3: the client's reverse DNS", result=r"5\.7\.25"),
    Rule(NotServedHere, "sender_refused", "RFC 7505 4.2", result=r"5\.7\.27", field=_SENDING),
    Rule(NotServedHere, "sender_refused", "RFC 7372 3, RFC 7489", result=r"5\.7\.2[0-46]", field=_SENDING),
)
"""Replies and enhanced status codes that mean one thing, whatever the words."""

_ACCOUNT = (
    Rule(NotifierTrouble, "rate_limited", "Gmail: SMTP errors", result=r"[45]\.4\.5"),
    Rule(NotifierTrouble, "rate_limited", "RFC 5248's registry: mail flood", result=r"[45]\.7\.28"),
    Rule(NotifierTrouble, "rate_limited", "Microsoft 365: NDR codes", result=r"5\.1\.90"),
    Rule(
        NotifierTrouble,
        "blocked",
        "Microsoft 365: NDR codes (spam abuse, banned senders and addresses, limits of the tenant)",
        result=r"5\.7\.(50[1238]|51[01]|60[6-9]|6[1-4]\d|70[3-8])",
    ),
    *_account("blocked", "Microsoft 365: NDR codes, 5.1.8", ("bad outbound sender",)),
    *_account("rate_limited", "Microsoft 365", ("submissionquotaexceeded",), ("reached", "daily limit")),
    *_account("rate_limited", "Gmail: SMTP errors", ("sending limit",), ("relay", "limit exceeded")),
    *_account("rate_limited", "Gmail: SMTP errors", ("unusual rate of unsolicited mail",)),
    *_account("rate_limited", "Amazon SES: sending quotas", ("throttling failure",), ("sending rate",)),
    *_account("rate_limited", "Amazon SES: sending quotas", ("message quota",)),
    *_account("blocked", "Amazon SES: sending errors", ("sending paused",), ("sending has been paused",)),
    *_account("blocked", "Zoho Mail: outgoing mail blocked", ("unusual sending activity",)),
    *_account(
        "blocked", "Zoho Mail: outgoing mail blocked", ("outgoing blocked",), ("sender address blocked",)
    ),
    *_account("rate_limited", "SendGrid: SMTP errors", ("this hour", "throttled")),
    *_account("rate_limited", "Mailtrap: sending limits", ("too many emails",)),
    *_account("rate_limited", "cPanel: mail limits", ("exceeded the max", "per hour")),
    *_account("rate_limited", "Postfix: access policies", ("sender address rejected", "limit")),
    *_account("rate_limited", "Postfix: access policies", ("sender address rejected", "quota")),
)
"""Quota, rate and suspension of the notifier's account, in the words of those who keep accounts."""

_SENDER = (
    Rule(
        NotServedHere,
        "sender_refused",
        "Microsoft 365: NDR codes (send as, DMARC, unregistered domain, the recipient's own list)",
        result=r"5\.(7\.(60|509|513|750)|2\.252)",
        field=_SENDING,
    ),
    Rule(NotServedHere, "sender_refused", "RFC 3463 3.2", result=r"5\.1\.[78]", field=_SENDING),
    *_words(
        *(NotServedHere, "sender_refused", "SendGrid: Sender Identity"),
        ("verified sender identity",),
        ("not authorized to send from",),
        at=_SENDING,
    ),
    *_words(
        *(NotServedHere, "sender_refused", "Amazon SES: sending errors"),
        ("email address is not verified",),
        at=_SENDING,
    ),
    *_words(
        *(NotServedHere, "sender_refused", "Microsoft 365: NDR codes"),
        ("send as this sender",),
        ("sendasdenied",),
        at=_SENDING,
    ),
    *_words(
        *(NotServedHere, "sender_refused", "Mailgun, Postmark: verification of domains and senders"),
        ("domain", "is unverified"),
        ("domain", "not allowed to send"),
        ("sender signature",),
        at=_SENDING,
    ),
    *_words(
        *(NotServedHere, "sender_refused", "Postfix: restrictions of senders; Exim: verify = sender"),
        ("sender address rejected",),
        ("not owned by user",),
        ("sender verify failed",),
        at=_SENDING,
    ),
    *_words(
        *(NotServedHere, "sender_refused", "[N]"),
        ("sender not verified",),
        ("sender is not verified",),
        ("sender not authorized",),
        ("sender is not authorized",),
        ("from address is not verified",),
        ("domain is not verified",),
        ("domain not verified",),
        at=_SENDING,
    ),
)
"""Who sends is not one who may send here: another notifier may serve."""

_RECIPIENT = (
    *_words(
        *(Refused, "mailbox_full", "Exim, Dovecot, Gmail"),
        ("mailbox", "full"),
        ("mailbox", "quota"),
        ("over quota",),
        at=_TAKING,
    ),
    Rule(Refused, "mailbox_full", "RFC 3463 3.3", result=r"5\.2\.2", field=_TAKING),
    Rule(Refused, "invalid_recipient", "RFC 3463 3.2, 3.3", result=r"5\.(1\.[0-46]|2\.1)", field=_TAKING),
    Rule(Temporary, "deferred", "RFC 3463 3.3: the mailbox", result=r"4\.2\.\d+", field=_TAKING),
)
"""The recipient's mailbox: it may be full or disabled without the account being so."""

_CONTENT = (
    Rule(Refused, "content_refused", "Gmail: its content", status=(552,), result=r"5\.7\.\d+", field="end"),
    *_words(Refused, "content_refused", "SpamAssassin, Exim", ("spam score",), ("spam threshold",), at="end"),
    Rule(NotServedHere, "too_large", "RFC 1870 6.1, RFC 3463 3.3", result=r"5\.(2\.3|3\.4)", field=_SENDING),
    Rule(NotServedHere, "too_large", "RFC 1870 6.1", status=(552,), field=r"mail|data|end"),
    Rule(Refused, "mailbox_full", "RFC 5321 4.2: storage allocation", status=(552,), field="rcpt"),
    *_words(
        *(NotServedHere, "too_large", "[N] without its code"),
        ("message size",),
        ("message too large",),
        ("message too big",),
        at=_SENDING,
    ),
)

_LIMITS = (
    *_account(
        *("rate_limited", "[N] a limit in other words"),
        ("rate limit",),
        ("rate exceeded",),
        ("limit", "exceeded"),
        ("quota", "exceeded"),
        ("limit", "reached"),
        ("exceeded", "per hour"),
        ("exceeded", "per day"),
        ("too many", "per second"),
        ("too many", "per minute"),
        ("too many", "per hour"),
        ("too many", "per day"),
        ("too many messages",),
        ("too much mail",),
    ),
    *_account("no_credit", "[N]", ("insufficient credit",), ("not enough credit",), ("out of credit",)),
    *_account(
        *("blocked", "[N] the account by name"),
        *(("your account", what) for what in ("suspended", "disabled", "blocked", "locked", "restricted")),
        ("sending is disabled",),
        ("sending is suspended",),
    ),
    *_words(
        *(NotifierTrouble, "blocked", "[N] before a recipient is named and after it is taken: the sender's"),
        ("account", "suspended"),
        ("account", "disabled"),
        at=r"open|auth|mail|data|end",
    ),
    *_words(
        *(NotifierTrouble, "blocked", "Postfix: restrictions of clients; Spamhaus, Outlook: block lists"),
        ("client host",),
        ("helo command rejected",),
        ("blocked using",),
        ("our block list",),
        ("your ip address",),
        at=_ANY,
    ),
    *_words(
        *(NotifierTrouble, "bad_credentials", "SendGrid, Gmail: SMTP errors"),
        ("unauthenticated senders",),
        ("invalid credentials",),
        at=_ANY,
    ),
    *_words(NotServedHere, "relay_denied", "Postfix, Exim, Sendmail", ("relay",), at="rcpt"),
    *_words(NotifierTrouble, "bad_credentials", "[N]", ("authentication", "required"), at=_ANY),
)
"""The account, the machine and the log-in in words that many use."""

_CLASSES = (
    Rule(NotifierTrouble, "unavailable", "RFC 3463 3.4: the mail system", result=r"5\.3\.[125]"),
    Rule(NotifierTrouble, "unavailable", "RFC 5321 4.2.1", status=_LATER, field=r"open|auth|mail"),
    Rule(NotifierTrouble, "blocked", "RFC 5321 4.2.1, RFC 7504 3", status=_NEVER, field="open"),
    Rule(NotifierTrouble, "bad_credentials", "RFC 4954 6", status=_NEVER, field="auth"),
    Rule(NotServedHere, "sender_refused", "RFC 5321 3.3", status=_NEVER, field="mail"),
    Rule(Temporary, "deferred", "RFC 5321 4.2.1; RFC 6647: grey-listing", status=_LATER, field=_TAKING),
    Rule(Refused, "invalid_recipient", "RFC 5321 3.3", status=_NEVER, field="rcpt"),
    Rule(Refused, "content_refused", "RFC 5321 3.3", status=_NEVER, field=r"data|end"),
    Rule(Uncertain, "not_understood", "RFC 5321 4.2.1: neither yes nor no", field="end"),
    Rule(NotifierTrouble, "not_understood", "RFC 5321 4.2.1: neither yes nor no"),
)
"""What class and enhanced status code say, where no words are known."""

RULES = (*_DEFINED, *_ACCOUNT, *_SENDER, *_RECIPIENT, *_CONTENT, *_LIMITS, *_CLASSES)

_ENHANCED = re.compile(r"[ \t]*[#(\"']{0,2}([245]\.\d{1,3}\.\d{1,3})\b[)\"']{0,2}")
# Every line of a reply may begin with it (RFC 2034, 4).
_AT_LINES = re.compile(rf"^{_ENHANCED.pattern}", re.MULTILINE)
_ADDRESS = re.compile(r"<[^<>\n]*>|[^\s<>@]+@[^\s<>@]+")


def classify_reply(stage: Stage, code: int, text: str) -> Failure:
    """Return what a reply at a stage means; `text` is what follows the code, of all its lines."""
    rejection = Rejection(code, _ADDRESS.sub(" ", _AT_LINES.sub("", text)), _enhanced(code, text), (stage,))
    return classify(RULES, rejection, f"{code} {text}")


def _enhanced(code: int, text: str) -> str:
    """Return the enhanced status code; none if it is of another class than the reply (RFC 2034, 4)."""
    found = _ENHANCED.match(text)
    return found[1] if found and found[1][0] == str(code)[0] else ""
