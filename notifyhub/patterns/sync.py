"""Bringing the patterns of a notifier up to what its provider keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count, islice
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api.changes import Action, Changes, ObjectChanged, ObjectChanges
from notifyhub.api.fields import MAX_LENGTH
from notifyhub.api.resource import or_404
from notifyhub.events import publish
from notifyhub.notifiers.backends import sms_backend, sms_provider_class
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.notifiers.provider_calls import provider_call
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema
from notifyhub.providers.base import ProviderPattern, SMSProvider
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import NotifierTrouble, NotServedHere
from notifyhub.text.truncation import truncate

MAX_PATTERNS = 10_000
READ_SECONDS = 30.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""How many patterns, in what time and of how many bytes in all, a provider may show."""

MAX_UNKNOWN_CODES = 100
"""How many codes of patterns that we lack an answer names."""

_schema = SMSPatternSchema()
_changes = ObjectChanges(SMSPattern, _schema)


@dataclass
class SyncResult:
    """How many of our patterns were created, updated and left as they are, and what we lack.

    `missing` has the codes of those that were not to be created, `refused` by code why others can't be kept,
    such as `body: This field may not be blank`.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)


def source(backend_name: str, settings: Mapping[str, Any]) -> SMSProvider:
    """Return the backend to read patterns from; raises Failure where there is none."""
    if not sms_provider_class(backend_name).offers_patterns:
        words = f"The SMS backend {backend_name} shows no patterns of an account."
        raise NotServedHere("not_offered", words)
    return sms_backend(backend_name, settings)


def read(backend: SMSProvider) -> list[ProviderPattern]:
    """Return all patterns of the provider, trimmed, one for each code, by code; raises Failure.

    Raises TooManyRequests if too many such calls are under way.
    """
    with provider_call(READ_SECONDS, MAX_RESPONSE_BYTES):
        trimmed = ask(lambda: [_trimmed(pattern) for pattern in islice(backend.patterns(), MAX_PATTERNS + 1)])
    if len(trimmed) > MAX_PATTERNS:
        raise NotifierTrouble("too_many", f"The provider shows more than {MAX_PATTERNS} patterns.")
    by_code = {pattern.code: pattern for pattern in trimmed}
    return [by_code[code] for code in sorted(by_code)]


def _trimmed(pattern: ProviderPattern) -> ProviderPattern:
    return replace(pattern, code=pattern.code.strip(), name=pattern.name.strip())


def sync(
    session: Session, notifier_id: int, provided: Iterable[ProviderPattern], *, create: bool
) -> SyncResult:
    """Set the statuses of a notifier's patterns to those of the provider's with the same codes.

    With `create` the missing ones are added, in the order given; one whose name is taken gets a number behind
    it. Raises NotFound if the notifier is gone.
    """
    # This lock keeps patterns from being added, as they refer to the notifier; the next, from being renamed.
    notifier = select(SMSNotifier.name).where(SMSNotifier.id == notifier_id).with_for_update()
    notifier_name = or_404(session.scalar(notifier))
    here = SMSPattern.notifier_id == notifier_id
    ours = session.scalars(select(SMSPattern).where(here).with_for_update()).all()
    by_code: dict[str, list[SMSPattern]] = {}
    for pattern in ours:
        by_code.setdefault(pattern.code, []).append(pattern)
    names = {pattern.name for pattern in ours}
    before = [_changes.read(pattern) for pattern in ours]
    added: list[SMSPattern] = []
    result = SyncResult()
    for theirs in provided:
        if theirs.code in by_code:
            _follow(theirs.status, by_code[theirs.code], result)
        elif values := _values(theirs, result):
            if create:
                values["name"] = _free_name(values["name"], names)
                names.add(values["name"])
                added.append(SMSPattern(notifier_id=notifier_id, **values))
            else:
                result.missing.append(theirs.code)
    result.created = len(added)
    session.add_all(added)
    session.flush()
    publish(
        session.connection(),
        ObjectChanged(SMSNotifier, notifier_id, notifier_name, Action.SYNC, _counted(result)),
        *(_changes.created(pattern.id, _changes.read(pattern)) for pattern in added),
        *chain.from_iterable(map(_changes.changed, ours, before)),
    )
    return result


def _counted(result: SyncResult) -> Changes:
    """Return how many patterns were created and updated, where there were any."""
    counts = {"created": result.created, "updated": result.updated}
    return {name: (None, count) for name, count in counts.items() if count}


def _follow(status: str, ours: Iterable[SMSPattern], result: SyncResult) -> None:
    for pattern in ours:
        if pattern.status == status:
            result.unchanged += 1
        else:
            pattern.status = status
            result.updated += 1


def _values(theirs: ProviderPattern, result: SyncResult) -> dict[str, Any] | None:
    """Return what we keep of a pattern; None if our rules don't allow it, which is added to `result`."""
    name = theirs.name[:MAX_LENGTH].rstrip()
    given = {"name": name, "code": theirs.code, "body": theirs.body, "status": theirs.status}
    try:
        values: dict[str, Any] = _schema.load(given)
    except ValidationError as error:
        messages = error.messages_dict.items()
        reasons = [f"{key}: {words.rstrip('.')}" for key, all_words in messages for words in all_words]
        result.refused[theirs.code] = reasons
        return None
    return values


def response(result: SyncResult) -> dict[str, Any]:
    """Return what is answered: the counts and, if we lack some of the provider's patterns, which and why."""
    unknown = sorted([*result.missing, *result.refused])
    counts = {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "unknown": len(unknown),
    }
    if not unknown:
        return counts
    codes = [_shown(code) for code in unknown[:MAX_UNKNOWN_CODES]]
    return {**counts, "unknown_codes": codes, "detail": _detail(result)}


def _detail(result: SyncResult) -> str:
    """Return the sentence about the patterns that we lack."""
    created = f"?create=true creates {len(result.missing)} of them" if result.missing else ""
    if not result.refused:
        return f"{created}."
    reasons = sorted({reason for reasons in result.refused.values() for reason in reasons})
    refused = f"{len(result.refused)} can't be kept ({'; '.join(reasons)})."
    return f"{created}, {refused}" if created else refused


def _shown(code: str) -> str:
    """Return a code fit for an answer: the provider's may be of any length, and no text at all."""
    return truncate(code, MAX_LENGTH).encode(errors="replace").decode()


def _free_name(name: str, names: set[str]) -> str:
    """Return the name, cut to what is kept, with the least number from 2 on behind it if it is taken."""
    ends = chain([""], (f" ({number})" for number in count(2)))
    candidates = (f"{name[: MAX_LENGTH - len(end)].rstrip()}{end}" for end in ends)
    return next(candidate for candidate in candidates if candidate not in names)
