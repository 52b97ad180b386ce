"""What a provider is: the classes to inherit from, what they are asked to send, and what they answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Generic, Literal, TypeVar

from marshmallow import Schema

from notifyhub.providers.errors import NotServedHere
from notifyhub.providers.fields import TokenSettingsSchema


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


M = TypeVar("M", bound=SMS | Email)


class Provider(ABC, Generic[M]):
    """Who sends messages, for one notifier.

    An object holds no connection of its own (they are shared within the process) and may be used by several
    threads. Making one and calling its methods raises `errors.Failure` and nothing else.
    """

    report_batch: ClassVar[int] = 0
    """How many ids one call of `reports` takes; 0 where the provider reports nothing."""

    @abstractmethod
    def send(self, message: M, /) -> Accepted:
        """Hand one message to the provider."""

    def reports(self, ids: Sequence[str], /) -> Mapping[str, Report]:  # noqa: ARG002 - for subclasses
        """Return the delivery reports by id; an id that the provider says nothing of is left out."""
        return {}

    @abstractmethod
    def check(self) -> Credit | None:
        """Log in at the provider, sending nothing; return the credit where the provider tells it."""


class SMSProvider(Provider[SMS]):
    """A provider of text messages.

    `settings` are the notifier's: empty, or as `settings_schema` has checked them. `url` is another address
    than the provider's own.
    """

    name: ClassVar[str]
    """What clients give as a notifier's `backend`; in this package alone, where it makes a class be found."""

    settings_schema: ClassVar[type[Schema]] = TokenSettingsSchema
    """What `settings` must hold if they are not empty; keys that it does not name are kept."""

    line_setting: ClassVar[str | None] = None
    """The key of `settings` that holds the number which texts are sent from, without which only patterns can
    be sent; None where texts need none."""

    url_variable: ClassVar[str | None] = None
    """The variable that gives `url`, without its prefix NOTIFYHUB_; in this package alone."""

    offers_patterns: ClassVar[bool] = False
    """Whether `patterns` can be called."""

    def __init__(self, settings: Mapping[str, object], url: str | None = None) -> None:
        """Take the settings of a notifier; raises NotifierTrouble if they are not enough."""

    def patterns(self) -> Iterator[ProviderPattern]:
        """Yield every pattern of the account."""
        raise NotServedHere("not_offered", "The provider shows no patterns of an account.")


EmailProvider = Provider[Email]
"""A way to send mail."""
