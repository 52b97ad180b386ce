"""The boundary with providers, those of other packages too.

Whatever they raise or return, what comes back is one of our own types, fit to be stored and shown.
"""

import logging
import re
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from notifyhub.logs import LogThrottle, outline
from notifyhub.providers.base import SMS, Accepted, M, Provider, SMSProvider
from notifyhub.providers.errors import (
    Broken,
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
    quote,
    seconds_to_wait,
)
from notifyhub.providers.http import asked_by
from notifyhub.providers.sockets import writes
from notifyhub.text.code_masks import MASK
from notifyhub.text.digits import mask_digits

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_ID_LENGTH = 255
MAX_CODE_LENGTH = 64

_outlined = LogThrottle(60.0)


def hand_over(provider: Provider[M], message: M) -> Accepted | Failure:
    """Have a provider send a message; return how that ended."""
    with asked_by(message.request_id):
        answer = _answer(provider, lambda: provider.send(message))
    return _outcome(answer, message.secrets)


def hand_over_all(provider: SMSProvider, messages: Sequence[SMS]) -> list[Accepted | Failure]:
    """Have a provider send messages that share a call; return how that ended, in their order."""
    secrets = [secret for message in messages for secret in message.secrets]
    first, *others = {message.request_id for message in messages}
    with asked_by(None if others else first):
        answer = _answer(provider, lambda: _listed(provider.send_batch(messages)))
    if isinstance(answer, list) and len(answer) == len(messages):
        return [_outcome(one, secrets) for one in answer]
    return [_outcome(answer if isinstance(answer, Failure) else None, secrets)] * len(messages)


def batch_key(provider: SMSProvider, message: SMS) -> Hashable | None:
    """Return the key of the messages that may share a call with this one; None if it goes singly.

    So does what a provider of another package has no key for, or fails to tell it.
    """
    try:
        key: Hashable | None = provider.batch_key(message) if hasattr(provider, "batch_key") else None
        hash(key)
    except BaseException as error:
        if _stops_the_process(error):
            raise
        _words(error)
        return None
    return key


def ask(call: Callable[[], T]) -> T:
    """Return what a call of a provider's method returns; raises Failure and nothing else."""
    try:
        return call()
    except Failure as failure:
        raise _known(failure) from failure.__cause__
    except BaseException as error:
        if _stops_the_process(error):
            raise
        trouble = NotifierTrouble("backend_error", _words(error))
    raise trouble  # outside of the `except`: the error's words may hold secrets


def detail_of(words: object, secrets: Sequence[str] = (), *, coded: bool = False) -> str:
    """Return a provider's words as they are stored: of a message with a one-time code, without any digit."""
    line = quote(str(words), secrets)
    return mask_digits(line, MASK) if coded else line


def code_of(word: object, *, coded: bool = False) -> str:
    """Return the code of a failure or a report as it is stored."""
    code = re.sub(r"[^\w.-]+", "_", str(word), flags=re.ASCII)[:MAX_CODE_LENGTH] or "unknown"
    return mask_digits(code, MASK) if coded else code


def _answer(provider: object, call: Callable[[], object]) -> object:
    """Return what a call that sends returns, or the failure that it ends with."""
    before = writes()
    try:
        return call()
    except Failure as failure:
        return failure
    except BaseException as error:
        if _stops_the_process(error):
            raise
        # Others may write to sockets that we don't watch.
        unsent = _is_ours(provider) and writes() == before
        return (Broken if unsent else Uncertain)("backend_error", _words(error))


def _listed(answers: object) -> object:
    return list(answers) if isinstance(answers, Sequence) else answers


def _outcome(answer: object, secrets: Sequence[str]) -> Accepted | Failure:
    """Return how a sending ended of which a provider answers this."""
    if isinstance(answer, Failure):
        return _known(answer, secrets)
    if not isinstance(answer, Accepted):
        return Uncertain("not_understood", "The backend does not say whether the message was taken.")
    id_: object = answer.provider_message_id
    if not (isinstance(id_, str) and len(id_) <= MAX_ID_LENGTH and id_.isprintable()):
        id_ = quote(str(id_))[:MAX_ID_LENGTH]
    refusal = _known(answer.refusal, secrets) if isinstance(answer.refusal, Failure) else None
    return Accepted(id_, refusal)


def _known(failure: Failure, secrets: Sequence[str] = ()) -> Failure:
    """Return a failure that can be stored, of a class that the delivery knows."""
    coded = bool(secrets)
    code, detail = code_of(failure.code, coded=coded), detail_of(failure.detail, secrets, coded=coded)
    if not isinstance(failure, Temporary | NotServedHere | Refused | Uncertain):
        return Uncertain(code, detail)
    failure.code, failure.detail = code, detail
    if isinstance(failure, RateLimited):
        failure.retry_after = seconds_to_wait(failure.retry_after)
    return failure


def _stops_the_process(error: BaseException) -> bool:
    """Return whether it comes from a signal, as those are raised in the main thread alone.

    In any other it is the provider's own: `asyncio.CancelledError` is no Exception, either.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt | SystemExit)


def _words(error: BaseException) -> str:
    """Return what can be said of an unexpected error; where it was raised is in the log."""
    where = outline(error)
    if _outlined.allows(where):
        log.error("A provider raised %s", where)
    return f"The notifier's backend failed: {type(error).__name__}."


def _is_ours(provider: object) -> bool:
    return type(provider).__module__.startswith("notifyhub.")
