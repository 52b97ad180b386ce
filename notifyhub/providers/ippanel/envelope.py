"""IPPanel's envelope, in which every answer comes: what it holds, and what it means if it refuses.

It is `{"data", "meta": {"status", "message", "message_code", "errors"}}`. "EDGE" is the repository
ippanelcom/Edge-Document.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Uncertain
from notifyhub.providers.http import Answer, Client
from notifyhub.providers.rejection_rules import (
    HTTP_STATUS_RULES,
    OVERLOAD_RULES,
    PERSIAN_TEXT_RULES,
    Rejection,
    Rule,
    classify,
)

RULES = (
    # EDGE-fa send/index.md: 429 also for the same text to the same recipient within 40 seconds, which nothing
    # in the answer tells from calls that are too fast.
    *OVERLOAD_RULES,
    Rule(NotifierTrouble, "bad_credentials", "EDGE docs/send/pattern.md: 401, 400-1", status=(401,)),
    *PERSIAN_TEXT_RULES,
    Rule(
        NotServedHere, "unknown_pattern", "EDGE-fa send/pattern.md: 404, 404-1", status=(404,), result="404-1"
    ),
    Rule(NotServedHere, "pattern_not_approved", "[N] a refused `code`", field="code"),
    Rule(NotServedHere, "line_not_allowed", "[N] a refused `from_number`", field="from_number"),
    Rule(Refused, "invalid_recipient", "[N] a refused recipient", field=r"(params\.)?recipients(\.\d+)?"),
    # Our own pattern was filled as it asks: that of the provider differs from ours.
    Rule(NotServedHere, "pattern_mismatch", "[N] a refused or missing value", field=r"params(\..+)?"),
    Rule(Refused, "invalid_text", "EDGE docs/send/webservice.md: 422 of `message`", field="message"),
    *HTTP_STATUS_RULES,
)


def data_of(client: Client, answer: Answer, secrets: Sequence[str] = ()) -> object:
    """Return the envelope's data, or raise what the refusal means."""
    if answer.status == 200:
        if answer.body is None:
            raise Uncertain("not_understood", answer.problem)
        accepted = meta_of(answer).get("status")
        if accepted is True and isinstance(answer.body, dict):
            return answer.body.get("data")
        if accepted is not False:
            raise Uncertain("not_understood", "The answer is no envelope of IPPanel.")
    message = meta_of(answer).get("message")
    words = message if isinstance(message, str) else ""
    raise failure_of(client, answer, refused_fields(answer), words, secrets)


def failure_of(
    client: Client,
    answer: Answer,
    fields: Mapping[str, list[str]],
    message: str = "",
    secrets: Sequence[str] = (),
) -> Failure:
    """Return what an answer means that refuses `fields`, each with some words, and says `message`."""
    texts = [message] if message else []
    texts += [f"{name}: {word}" for name, words in fields.items() for word in words]
    words = " · ".join(dict.fromkeys(texts)) or answer.problem
    result = meta_of(answer).get("message_code")
    rejection = Rejection(answer.status, words, str(result), tuple(fields), answer.retry_after)
    return classify(RULES, rejection, client.quote(words or f"HTTP {answer.status}", secrets))


def refused_fields(answer: Answer) -> dict[str, list[str]]:
    """Return the words about each refused field.

    They are documented in meta.errors, and were seen in meta.message and, for the log-in, beside meta.
    """
    meta = meta_of(answer)
    top = answer.body.get("errors") if isinstance(answer.body, dict) else None
    fields: dict[str, list[str]] = {}
    for errors in (meta.get("errors"), meta.get("message"), top):
        if isinstance(errors, dict):
            fields |= {str(name): _texts(words) for name, words in errors.items()}
    return fields


def meta_of(answer: Answer) -> dict[str, Any]:
    """Return the envelope's meta; empty if the answer is none."""
    meta = answer.body.get("meta") if isinstance(answer.body, dict) else None
    return meta if isinstance(meta, dict) else {}


def objects(data: object) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _texts(words: object) -> list[str]:
    return [str(word) for word in words] if isinstance(words, list) else [str(words)]
