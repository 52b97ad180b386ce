"""What a provider is: the classes to inherit from, what they are asked to send, and what they answer."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Generic, Literal, TypeVar

from marshmallow import Schema

from notifyhub.providers.errors import Broken, Failure, NotServedHere
from notifyhub.providers.fields import TokenSettingsSchema


@dataclass(frozen=True)
class SMS:
    """A text message to one recipient; its `repr` shows no content.

    `to` is in E.164; `text` is the whole text as rendered. With a `pattern_code`, the provider renders: by
    `args` (in the order of the placeholders) or by `params` (placeholder's name to value). `attempt` counts
    from 1. No failure repeats one of `secrets`, such as a one-time code. `request_id` is the request that
    asked for it, which goes with every call over HTTP.
    """

    to: str
    text: str = field(repr=False)
    pattern_code: str | None = None
    args: Sequence[str] = field(default=(), repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempt: int = 1
    secrets: Sequence[str] = field(default=(), repr=False)
    request_id: str | None = None

    @property
    def may_share_a_call(self) -> bool:
        """Whether it may go together with others: a text without a pattern that holds no secret."""
        return self.pattern_code is None and not self.secrets


@dataclass(frozen=True)
class Attachment:
    """A file of a mail; `content_type` as in MIME, with or without parameters.

    One with a `content_id` is shown within the HTML, which names it as `cid:` and this (RFC 2392).
    """

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None


@dataclass(frozen=True)
class Email:
    """A mail to one recipient, and to those of `cc` and `bcc`; its `repr` shows no content.

    `from_email`, `to` and those of `cc` and `bcc` are an address or `Name <address>`; at least one of `text`
    and `html` is not empty; `message_id` is the Message-ID header with its angle brackets, the same at every
    attempt. No reader and no failure's words name those of `bcc`. `unsubscribe_url`, in ASCII, takes the
    recipient off a list by a POST (RFC 8058).
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
    cc: Sequence[str] = field(default=(), repr=False)
    bcc: Sequence[str] = field(default=(), repr=False)
    unsubscribe_url: str | None = field(default=None, repr=False)
    request_id: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The provider took the message; `provider_message_id` is its name for it, by which `reports` asks.

    Messages that one call has sent may have one id. `refusal` is why copies of a mail were not taken, None
    if all were.
    """

    provider_message_id: str
    refusal: Failure | None = None


@dataclass(frozen=True)
class Sent:
    """A message that the provider took: its id there, and its recipient, which is empty once it is erased."""

    id: str
    recipient: str = ""


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
    """How many ids one call of `reports` or `reports_of` takes; 0 where the provider reports nothing."""

    @abstractmethod
    def send(self, message: M, /) -> Accepted:
        """Hand one message to the provider."""

    def reports(self, ids: Sequence[str], /) -> Mapping[str, Report]:  # noqa: ARG002 - for subclasses
        """Return the delivery reports by id; an id that the provider says nothing of is left out."""
        return {}

    def reports_of(self, sent: Sequence[Sent], /) -> Mapping[Sent, Report]:
        """Return the delivery reports of messages; one that the provider says nothing of is left out.

        What the delivery calls. Several may have one id, and messages to one recipient may be equal. By
        default `reports` is asked, where an id is that of one message.
        """
        told = self.reports(list(dict.fromkeys(one.id for one in sent)))
        return {one: told[one.id] for one in sent if one.id in told}

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

    batch_size: ClassVar[int] = 1
    """How many texts without a pattern one call of `send_batch` takes; 1 where each is a call of its own."""

    def __init__(self, settings: Mapping[str, object], url: str | None = None) -> None:
        """Take the settings of a notifier; raises NotifierTrouble if they are not enough."""

    def batch_key(self, sms: SMS, /) -> Hashable | None:  # noqa: ARG002 - for subclasses
        """Return what is equal for messages that may share a call; None if this one goes singly.

        Nothing is sent for it. What is not `may_share_a_call` has no key.
        """
        return None

    def send_batch(self, messages: Sequence[SMS], /) -> Sequence[Accepted | Failure]:  # noqa: ARG002
        """Hand messages with one key to the provider, within 45 seconds; return how each of them ended.

        Raises the failure that is the same for all.
        """
        raise Broken("not_offered", "The provider takes one message at a time.")

    def patterns(self) -> Iterator[ProviderPattern]:
        """Yield every pattern of the account."""
        raise NotServedHere("not_offered", "The provider shows no patterns of an account.")


EmailProvider = Provider[Email]
"""A way to send mail."""
