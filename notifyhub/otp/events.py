"""What others can learn of one-time passwords."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OTPVerified:
    """A one-time password was verified: its row, as it is shown; `test` if a test token asked for it."""

    row: Mapping[str, Any]
    test: bool
