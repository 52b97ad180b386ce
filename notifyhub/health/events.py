"""The events of health, for operators. Those of a notifier have its line of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifyhub.jobs.models import Role


@dataclass(frozen=True)
class NotifierResting:
    """A notifier that worked has failed several times in a row, and is left alone for a while."""

    line: Mapping[str, Any]


@dataclass(frozen=True)
class NotifierRecovered:
    """A notifier that has rested takes messages again."""

    line: Mapping[str, Any]


@dataclass(frozen=True)
class NotifierCreditLow:
    """The credit of a notifier has fallen below `credit_low` of the delivery settings."""

    line: Mapping[str, Any]
    credit_low: float


@dataclass(frozen=True)
class RoleMissing:
    """No worker, or no scheduler, has been seen for 15 seconds, the last time at `since`; `words` say so."""

    role: Role
    since: datetime
    words: str


@dataclass(frozen=True)
class RoleRecovered:
    """A worker, or a scheduler, is there again, where there was none since then."""

    role: Role
    since: datetime
    words: str
