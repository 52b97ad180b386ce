"""A provider that does what it is told: a further one, as any package could add it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from flask import Flask

from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report
from notifyhub.providers.errors import (
    BATCH_REFUSED,
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
)
from tests.support.factories import install_backends

NAME = "scripted"

FAILURES: dict[str, tuple[type[Failure], str, str]] = {
    "temporary": (Temporary, "deferred", "Not now."),
    "trouble": (NotifierTrouble, "unavailable", "Out of order."),
    "not_here": (NotServedHere, "unknown_pattern", "Never heard of it."),
    "refused": (Refused, "blacklisted", "Not to this one."),
    "uncertain": (Uncertain, "timeout", "No answer."),
    "too_fast": (RateLimited, "rate_limited", "Ask again in two seconds."),
    "batch_refused": (Temporary, BATCH_REFUSED, "One of them."),
}
"""The failures by the word that a script has for them; any other word is an acceptance."""


class Scripted:
    """Takes its outcomes from `scripts`, by the notifier's token; when they have run out it accepts.

    `sent` holds what each was given, `during` is called while it sends, `told` are its delivery reports.
    With `batch_size` above 1 it takes texts together, noted in `batches`: a word of the script is for all of
    a call, but `each` says that those that follow are for its messages. The notifiers `singly` take none.
    """

    offers_patterns: ClassVar[bool] = False
    report_batch: ClassVar[int] = 2
    batch_size: ClassVar[int] = 1
    singly: ClassVar[set[str]] = set()

    scripts: ClassVar[defaultdict[str, list[str]]] = defaultdict(list)
    sent: ClassVar[defaultdict[str, list[SMS]]] = defaultdict(list)
    batches: ClassVar[defaultdict[str, list[int]]] = defaultdict(list)
    asked: ClassVar[list[list[str]]] = []
    told: ClassVar[dict[str, Report | Failure]] = {}
    during: ClassVar[Callable[[], None]] = lambda: None

    def __init__(self, settings: Mapping[str, object], _url: str | None = None) -> None:
        self.token = str(settings["token"])

    @classmethod
    def reset(cls) -> None:
        for kept in (cls.scripts, cls.sent, cls.batches, cls.asked, cls.told, cls.singly):
            kept.clear()
        cls.during = lambda: None
        cls.batch_size = 1

    @classmethod
    def script(cls, token: str, outcomes: Iterable[str]) -> None:
        cls.scripts[token] = list(outcomes)

    def send(self, sms: SMS) -> Accepted:
        type(self).during()
        outcome = self._outcome(self._word(), sms)
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    def batch_key(self, sms: SMS) -> str | None:
        return sms.text if sms.may_share_a_call and self.token not in self.singly else None

    def send_batch(self, messages: Sequence[SMS]) -> list[Accepted | Failure]:
        type(self).during()
        self.batches[self.token].append(len(messages))
        word = self._word()
        if word == "each":
            return [self._outcome(self._word(), sms) for sms in messages]
        outcomes = [self._outcome(word, sms) for sms in messages]
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                raise outcome
        return outcomes

    def _word(self) -> str:
        script = self.scripts[self.token]
        return script.pop(0) if script else "accepted"

    def _outcome(self, word: str, sms: SMS) -> Accepted | Failure:
        self.sent[self.token].append(sms)
        if word in FAILURES:
            failure, code, detail = FAILURES[word]
            made = failure(code, detail)
            if isinstance(made, RateLimited):
                made.retry_after = 2
            return made
        return Accepted(f"{self.token}-{len(self.sent[self.token])}")

    def reports(self, ids: Sequence[str]) -> dict[str, Report]:
        self.asked.append(list(ids))
        told = {sent: self.told[sent] for sent in ids if sent in self.told}
        for report in told.values():
            if isinstance(report, Failure):
                raise report
        return {sent: report for sent, report in told.items() if isinstance(report, Report)}

    def patterns(self) -> Iterator[ProviderPattern]:
        return iter(())

    def check(self) -> Credit | None:
        return None


@pytest.fixture
def scripted(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    """The backend `scripted`, which does what it is told, installed as any package's backend is."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    install_backends(folder, **{NAME: "tests.support.scripted:Scripted"})
    monkeypatch.syspath_prepend(folder)
    yield Scripted
    Scripted.reset()
    app.extensions["versioned_cache"].clear()
