"""A provider that does what it is told: a further one, as any package could add it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from flask import Flask

from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Temporary, Uncertain
from tests.support.factories import install_backends

NAME = "scripted"

FAILURES: dict[str, tuple[type[Failure], str, str]] = {
    "temporary": (Temporary, "deferred", "Not now."),
    "trouble": (NotifierTrouble, "unavailable", "Out of order."),
    "not_here": (NotServedHere, "unknown_pattern", "Never heard of it."),
    "refused": (Refused, "blacklisted", "Not to this one."),
    "uncertain": (Uncertain, "timeout", "No answer."),
}
"""The failures by the word that a script has for them; any other word is an acceptance."""


class Scripted:
    """Takes its outcomes from `scripts`, by the notifier's token; when they have run out it accepts.

    `sent` holds what each was given, `during` is called while it sends, `told` are its delivery reports.
    """

    offers_patterns: ClassVar[bool] = False
    report_batch: ClassVar[int] = 2

    scripts: ClassVar[defaultdict[str, list[str]]] = defaultdict(list)
    sent: ClassVar[defaultdict[str, list[SMS]]] = defaultdict(list)
    asked: ClassVar[list[list[str]]] = []
    told: ClassVar[dict[str, Report | Failure]] = {}
    during: ClassVar[Callable[[], None]] = lambda: None

    def __init__(self, settings: Mapping[str, object], _url: str | None = None) -> None:
        self.token = str(settings["token"])

    @classmethod
    def reset(cls) -> None:
        for kept in (cls.scripts, cls.sent, cls.asked, cls.told):
            kept.clear()
        cls.during = lambda: None

    @classmethod
    def script(cls, token: str, outcomes: Iterable[str]) -> None:
        cls.scripts[token] = list(outcomes)

    def send(self, sms: SMS) -> Accepted:
        type(self).during()
        script = self.scripts[self.token]
        outcome = script.pop(0) if script else "accepted"
        self.sent[self.token].append(sms)
        if outcome in FAILURES:
            failure, code, detail = FAILURES[outcome]
            raise failure(code, detail)
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
