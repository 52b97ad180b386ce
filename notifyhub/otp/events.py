"""The events of one-time passwords."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OTPVerified:
    """A one-time password was verified; `test` if it is a test token's.

    Its row is for those to read who need it.
    """

    id: int
    test: bool
