"""The events of health."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotifierCreditLow:
    """The credit of a notifier has fallen below `credit_low` of the delivery settings."""

    channel: str
    id: int
