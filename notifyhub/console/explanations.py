"""Why a message has not arrived, in one sentence, and what can be done about it.

From what the message shows: its state, and the code of its last failure. Pure functions.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from notifyhub.messages.models import Channel, MessageStatus


class Explanation(NamedTuple):
    """A sentence on a message, and what can be done, if anything; `kind` is that of a notice."""

    sentence: str
    advice: str | None
    kind: str


class _Reason(NamedTuple):
    sentence: Any
    advice: Any = None


_ACCOUNT = _("Check the account, mend it, then retry the message.")
_WAIT = _("Nothing has to be done now: it is tried again by itself. If it has ended, retry it.")
_LOG = _("Look into the log under the message's request id.")
_CONTENT = _("Change the text, and send it as a new message.")
_PATTERN = _("Check the pattern at the provider, or sync the account's patterns, then retry the message.")

REASONS: dict[str, _Reason] = {
    "address_not_allowed": _Reason(
        _("The provider does not let this server's address in."),
        _("Allow the server's address in the provider's panel, then retry the message."),
    ),
    "backend_error": _Reason(_("The program that talks to the provider has failed."), _LOG),
    "bad_credentials": _Reason(_("The provider does not accept the account's credentials."), _ACCOUNT),
    "bad_settings": _Reason(_("The account's settings lack something, or are wrong."), _ACCOUNT),
    "batch_refused": _Reason(
        _("It went out in one call with others, and the provider refused the call because of one of them."),
        _("Nothing has to be done: it is tried again alone."),
    ),
    "blacklisted": _Reason(
        _("The recipient has blocked advertising messages with their operator, or is on a black list."),
        _("Send it by a pattern through a service line, or ask the recipient to allow such messages."),
    ),
    "blocked": _Reason(
        _("The provider has blocked the account."), _("Ask the provider, then retry the message.")
    ),
    "code_over": _Reason(
        _("The one-time password was not valid any more when its turn came."),
        _("The user can ask for a new code."),
    ),
    "connection_lost": _Reason(
        _("The connection to the provider broke after the message was handed over: it may have arrived."),
        _("Ask the recipient before you retry it."),
    ),
    "content_refused": _Reason(_("The mail server refused what the mail says."), _CONTENT),
    "deferred": _Reason(_("The mail server has put the mail off for now."), _WAIT),
    "forbidden_text": _Reason(
        _("The text holds a word or a link that the provider or the operator filters."), _CONTENT
    ),
    "host_not_allowed": _Reason(_("The account's server may not be called from here."), _ACCOUNT),
    "internal_error": _Reason(_("The service itself has failed, before anything was sent."), _LOG),
    "invalid_header": _Reason(_("The mail's subject, or an address in it, can't be sent."), _CONTENT),
    "invalid_recipient": _Reason(
        _("The provider does not know this recipient, or can't reach it."),
        _("Check the number or address, and send it as a new message."),
    ),
    "invalid_text": _Reason(_("The provider refused the text."), _CONTENT),
    "line_not_allowed": _Reason(
        _("The account may not send from this line."),
        _("Set a line that the account owns, then retry the message."),
    ),
    "mailbox_full": _Reason(
        _("The recipient's mailbox is full."), _("Retry it when the recipient has made room.")
    ),
    "no_credit": _Reason(
        _("The account has no credit left."), _("Top the account up at the provider, then retry the message.")
    ),
    "no_notifier": _Reason(
        _("Its account was deleted, and no backup can take its place."),
        _("Send it as a new message through another account."),
    ),
    "not_offered": _Reason(
        _("The account can't send messages of this kind."),
        _("Send it as a new message through another account."),
    ),
    "not_sent": _Reason(_("The provider has not sent it, and gives no reason."), _("Retry it once.")),
    "not_understood": _Reason(
        _("The provider's answer could not be understood: the message may have been taken."),
        _("Ask the recipient before you retry it."),
    ),
    "notifier_resting": _Reason(
        _("The account rests after several failures in a row, and no backup could take its place."),
        _("Check the account; it goes out as soon as that answers again."),
    ),
    "operator_error": _Reason(
        _("The mobile operator could not deliver it."),
        _("The phone may be off, out of reach, or full: retry it later."),
    ),
    "passed_over": _Reason(
        _("The account was not tried: it had been refused for this message before."), _ACCOUNT
    ),
    "pattern_mismatch": _Reason(_("The values don't fit the pattern at the provider."), _PATTERN),
    "pattern_not_approved": _Reason(_("The provider has not approved the pattern."), _PATTERN),
    "provider_error": _Reason(_("The provider has a fault of its own."), _WAIT),
    "rate_limited": _Reason(_("The account has reached a limit of the provider."), _WAIT),
    "recipient_not_served": _Reason(
        _("The account can't send to this recipient's country."),
        _("Send it as a new message through another account."),
    ),
    "redirected": _Reason(
        _("The provider answered from another address than the one that is set."), _ACCOUNT
    ),
    "refused": _Reason(
        _("The provider refused it, in words that this service does not know."),
        _("The provider's words below say why."),
    ),
    "rejected": _Reason(
        _("The recipient's mail server refused it."), _("The provider's words below say why.")
    ),
    "relay_denied": _Reason(_("The mail server does not send for this account."), _ACCOUNT),
    "sender_refused": _Reason(
        _("The mail server does not accept the sender's address."),
        _("Confirm the sender at the provider, or change the account's sender, then retry the message."),
    ),
    "suspended": _Reason(
        _("The provider has suspended the account."), _("Ask the provider, then retry the message.")
    ),
    "timeout": _Reason(
        _("The provider did not answer in time: the message may have been taken."),
        _("Ask the recipient before you retry it."),
    ),
    "too_large": _Reason(
        _("The mail is larger than the mail server takes."), _("Send it without its large files.")
    ),
    "too_many": _Reason(_("The account has reached a limit of the provider."), _WAIT),
    "unavailable": _Reason(_("The mail server is not available for a while."), _WAIT),
    "uncertain": _Reason(
        _("It is not known whether the provider took it; such messages are not sent again by themselves."),
        _("Ask the recipient before you retry it."),
    ),
    "undelivered": _Reason(
        _("The provider reports that it did not arrive, and gives no reason."),
        _("The phone may be off, out of reach, or full: retry it later."),
    ),
    "unknown_backend": _Reason(_("The program that talks to the provider is not installed."), _ACCOUNT),
    "unknown_pattern": _Reason(_("The provider does not know the pattern."), _PATTERN),
    "unreachable": _Reason(_("The provider could not be reached."), _WAIT),
    "worker_lost": _Reason(_("The worker that sent it stopped in the middle: it may have arrived."), _WAIT),
    "worker_stopped": _Reason(_("The worker that was to send it stopped before."), _WAIT),
}
"""By the code of a failure."""

UNKNOWN = _Reason(_("It failed, for a reason that this page has no words for."), _LOG)

_WAITING: dict[str, _Reason] = {
    MessageStatus.SCHEDULED: _Reason(_("Its time has not come yet.")),
    MessageStatus.QUEUED: _Reason(
        _("It waits for a worker."), _("If it waits for long, the overview says whether workers run.")
    ),
    MessageStatus.SENDING: _Reason(_("It is being sent.")),
}
_CANCELLED = _Reason(_("Somebody has cancelled it."))


def explain(message: Mapping[str, Any], *, report_due: bool) -> Explanation | None:
    """Return why a message, as the API shows it, has not arrived yet, or did not; None if it has.

    `report_due` says whether the provider is asked again what has become of it.
    """
    status, error = message["status"], message["error"]
    reason = REASONS.get(error["code"], UNKNOWN) if error else None
    if status == MessageStatus.DELIVERED:
        return None
    if status == MessageStatus.SENT:
        return _sent(message, report_due=report_due)
    if status in _WAITING:
        return _waiting(status, reason)
    if status == MessageStatus.EXPIRED:
        return _expired(reason)
    return _in_words(*_ended(status, reason))


def _ended(status: str, reason: _Reason | None) -> tuple[_Reason, str]:
    if status == MessageStatus.CANCELLED:
        return _CANCELLED, "info"
    return reason or REASONS["undelivered"], "bad"


def _waiting(status: str, reason: _Reason | None) -> Explanation:
    if reason is None:
        return _in_words(_WAITING[status], "info")
    return Explanation(gettext("Not yet: %(why)s", why=reason.sentence), str(_WAIT), "warn")


def is_erased(message: Mapping[str, Any]) -> bool:
    """Return whether a message's recipient and content are not kept any more."""
    return not message["to"]


def _in_words(reason: _Reason, kind: str) -> Explanation:
    return Explanation(str(reason.sentence), reason.advice and str(reason.advice), kind)


def _expired(reason: _Reason | None) -> Explanation:
    late = _("Its time was over before it could be sent.")
    if reason is None:
        return _in_words(_Reason(late, _("Retry it: it gets a new life.")), "bad")
    why = gettext("Its time was over before it could be sent: %(why)s", why=reason.sentence)
    return Explanation(why, reason.advice and str(reason.advice), "bad")


def _sent(message: Mapping[str, Any], *, report_due: bool) -> Explanation:
    if message["channel"] == Channel.EMAIL:
        sentence = _("The mail server has taken it; mail servers don't report whether a mail was read.")
        advice = _("If it did not arrive, look into the recipient's spam folder.")
        return _in_words(_Reason(sentence, advice), "info")
    if report_due:
        return _in_words(
            _Reason(_("The provider has taken it, and has not reported yet whether it arrived.")), "info"
        )
    unreported = _("The provider has taken it, and never reported whether it arrived.")
    return _in_words(_Reason(unreported, _("Ask the recipient before you send it again.")), "warn")
