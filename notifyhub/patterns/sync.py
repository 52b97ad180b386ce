"""Bringing the patterns of a notifier up to what its provider keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api.fields import MAX_LENGTH
from notifyhub.api.resource import or_404
from notifyhub.notifiers.backends import sms_backend, sms_provider_class
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.notifiers.provider_calls import provider_call
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema
from notifyhub.providers.base import ProviderPattern, SMSProvider
from notifyhub.providers.boundary import ask
from notifyhub.providers.errors import NotifierTrouble, NotServedHere

MAX_PATTERNS = 10_000
READ_SECONDS = 30.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""How many patterns, in what time and of how many bytes in all, a provider may show."""

_schema = SMSPatternSchema()


@dataclass
class Counts:
    """How many of our patterns were created, updated and left as they are.

    `unknown` counts those of the provider that we don't have: none was to be created, or it can't be kept,
    because its name, code or body is empty, or code or body are too long.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    unknown: int = 0


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


def sync(session: Session, notifier_id: int, provided: Iterable[ProviderPattern], *, create: bool) -> Counts:
    """Set the statuses of a notifier's patterns to those of the provider's with the same codes.

    With `create` the missing ones are added, in the order given; one whose name is taken gets a number behind
    it. Raises NotFound if the notifier is gone.
    """
    # This lock keeps patterns from being added, as they refer to the notifier; the next, from being renamed.
    or_404(session.scalar(select(SMSNotifier.id).where(SMSNotifier.id == notifier_id).with_for_update()))
    here = SMSPattern.notifier_id == notifier_id
    ours = session.scalars(select(SMSPattern).where(here).with_for_update()).all()
    by_code: dict[str, list[SMSPattern]] = {}
    for pattern in ours:
        by_code.setdefault(pattern.code, []).append(pattern)
    names = {pattern.name for pattern in ours}
    counts = Counts()
    for theirs in provided:
        if theirs.code in by_code:
            for pattern in by_code[theirs.code]:
                if pattern.status == theirs.status:
                    counts.unchanged += 1
                else:
                    pattern.status = theirs.status
                    counts.updated += 1
        elif create and (created := _new(theirs, names)):
            created.notifier_id = notifier_id
            session.add(created)
            counts.created += 1
        else:
            counts.unknown += 1
    return counts


def _new(theirs: ProviderPattern, names: set[str]) -> SMSPattern | None:
    """Return a new pattern, its name added to `names`; None if the rules for patterns don't allow it."""
    name = _free_name(theirs.name, names)
    given = {"name": name, "code": theirs.code, "body": theirs.body, "status": theirs.status}
    try:
        values = _schema.load(given)
    except ValidationError:
        return None
    names.add(name)
    return SMSPattern(**values)


def _free_name(name: str, names: set[str]) -> str:
    """Return the name, cut to what is kept, with the least number from 2 on behind it if it is taken."""
    ends = chain([""], (f" ({number})" for number in count(2)))
    candidates = (f"{name[: MAX_LENGTH - len(end)].rstrip()}{end}" for end in ends)
    return next(candidate for candidate in candidates if candidate not in names)
