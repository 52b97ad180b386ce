"""What the delivery asks of a provider, and what it is given back.

A backend is made for one notifier, holds no connection of its own (they are shared within the process) and
may be used by several threads. Making one and asking it anything raises a `failures.Failure` and nothing
else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal, Protocol


@dataclass(frozen=True)
class SMS:
    """A text message to one recipient; its `repr` shows no content.

    `to` is in E.164; `text` is the whole text as rendered. With a `pattern_code`, the provider renders: by
    `args` (in the order of the placeholders) or by `params` (placeholder's name to value). `attempt` counts
    from 1. No failure repeats one of `secrets`, such as a one-time code.
    """

    to: str
    text: str = field(repr=False)
    pattern_code: str | None = None
    args: Sequence[str] = field(default=(), repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempt: int = 1
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Attachment:
    """A file of a mail; `content_type` as in MIME, with or without parameters."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Email:
    """A mail to one recipient; its `repr` shows no content.

    `from_email` and `to` are an address or `Name <address>`; at least one of `text` and `html` is not empty;
    `message_id` is the Message-ID header with its angle brackets, the same at every attempt.
    """

    to: str
    from_email: str
    subject: str = field(repr=False)
    message_id: str
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    reply_to: str | None = None
    attachments: Sequence[Attachment] = ()
    attempt: int = 1
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Accepted:
    """The provider took the message; `provider_message_id` is its name for it, by which `reports` asks."""

    provider_message_id: str


@dataclass(frozen=True)
class Report:
    """What became of an accepted message; `pending` may still change, the others are final.

    `code` and `detail` say why a message was not delivered, as those of a failure do.
    """

    state: Literal["pending", "delivered", "undelivered"]
    code: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class ProviderPattern:
    """A pattern as the provider keeps it; a status that the provider alone knows is shown as `pending`."""

    code: str
    name: str
    body: str
    status: Literal["pending", "approved", "rejected"]


@dataclass(frozen=True)
class Credit:
    """What is left on the provider's account; `unit` is `rial` or `sms` (messages)."""

    amount: Decimal
    unit: Literal["rial", "sms"]


class Backend(Protocol):
    """What both channels have.

    `report_batch` is how many ids one call of `reports` takes; 0 where the provider reports nothing.
    """

    report_batch: ClassVar[int]

    def reports(self, ids: Sequence[str], /) -> Mapping[str, Report]:
        """Return the reports by id; an id that the provider says nothing of is left out."""

    def check(self) -> Credit | None:
        """Talk to the provider with the notifier's credentials, sending nothing; credit where it is told."""


class SMSBackend(Backend, Protocol):
    """A provider of text messages, made from a notifier's `settings` and the provider's address.

    Without `url` it is the provider's own. `offers_patterns` says whether `patterns` can be called.
    """

    offers_patterns: ClassVar[bool]

    def __init__(self, settings: Mapping[str, object], url: str | None = None) -> None: ...

    def send(self, sms: SMS, /) -> Accepted:
        """Hand one message to the provider."""

    def patterns(self) -> Iterator[ProviderPattern]:
        """Yield every pattern of the account."""


class EmailBackend(Backend, Protocol):
    """A way to send mail."""

    def send(self, email: Email, /) -> Accepted:
        """Hand one mail over."""
