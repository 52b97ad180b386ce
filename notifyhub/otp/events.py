"""The events of one-time passwords."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OTPVerified:
    """A one-time password was verified: as `OTPSchema` describes it; `test` if it is a test token's."""

    row: Mapping[str, Any]
    test: bool
