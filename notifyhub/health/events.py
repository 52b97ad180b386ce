"""The events of health, for operators. Each has the notifier's line of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
