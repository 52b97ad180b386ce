"""The events of the delivery."""

from dataclasses import dataclass, field


@dataclass
class CodeNeeded:
    """A message is about to be handed to a provider, and needs the code of its one-time password.

    It is published outside any transaction. The subscriber that knows the code sets `code`; it stays None if
    the code may not be sent any more.
    """

    otp_id: int
    code: str | None = field(default=None, repr=False)
