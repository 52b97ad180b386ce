"""Who a mail goes to (RFC 5321, 2.3.1), and what is said of copies that were refused.

Nobody learns of blind copies: a server's words are quoted without the addresses of those.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from notifyhub.providers.base import Email
from notifyhub.providers.errors import Failure, NotifierTrouble, Refused
from notifyhub.providers.smtp.mime import read_mailbox
from notifyhub.text.addresses import Mailbox
from notifyhub.text.code_masks import MASK

_HIDDEN = 3 * MASK


class RefusedCopy(NamedTuple):
    """An address that a server has not taken a copy for, and why."""

    address: str
    failure: Failure


@dataclass(frozen=True)
class Envelope:
    """The mailboxes of a mail; `bcc` are those that no header names."""

    sender: Mailbox
    to: Mailbox
    cc: Sequence[Mailbox] = ()
    bcc: Sequence[Mailbox] = ()

    @property
    def copies(self) -> list[str]:
        """The addresses of those who get a copy, each once."""
        others = dict.fromkeys(mailbox.address for mailbox in (*self.cc, *self.bcc))
        return [address for address in others if address != self.to.address]

    @property
    def is_ascii(self) -> bool:
        """Whether no address needs SMTPUTF8 (RFC 6531)."""
        return all(address.isascii() for address in (self.sender.address, self.to.address, *self.copies))

    @property
    def _hidden(self) -> set[str]:
        """The addresses that nobody else may learn."""
        named = {mailbox.address for mailbox in (self.to, *self.cc)}
        return {mailbox.address for mailbox in self.bcc} - named

    def quotable(self, words: str) -> str:
        """Return a server's words without the addresses of blind copies."""
        return _without(words, self._hidden)

    def refusal(self, refused: Sequence[RefusedCopy]) -> Failure | None:
        """Return why some did not get their copy, of the kind of the first refusal; None if all got it."""
        if not refused:
            return None
        first = refused[0].failure
        return type(first)(first.code, " ".join(map(self._said_of, refused)))

    def _said_of(self, refused: RefusedCopy) -> str:
        address, words = refused.address, refused.failure.detail
        if address not in self._hidden:
            return f"The copy to {address} was refused: {self.quotable(words)}"
        hidden = _without(self.quotable(words), address.rpartition("@")[::-2], before=r"\w+-")
        return f"A blind copy was refused: {hidden}"


def read_envelope(email: Email) -> Envelope:
    """Return the mailboxes of a mail; raises the Failure that it is if one of them is none."""
    sender, to = read_mailbox(email.from_email), read_mailbox(email.to)
    if not sender:
        raise NotifierTrouble("bad_settings", "The notifier's from_email is not an e-mail address.")
    if not to:
        raise Refused("invalid_recipient", "It is not an e-mail address.")
    return Envelope(sender, to, _read_copies(email.cc), _read_copies(email.bcc))


def _read_copies(texts: Sequence[str]) -> list[Mailbox]:
    found = [mailbox for mailbox in map(read_mailbox, texts) if mailbox]
    if len(found) < len(texts):
        raise Refused("invalid_recipient", "An address for a copy is not an e-mail address.")
    return found


def _without(words: str, texts: Iterable[str], *, before: str = r"\w.+-") -> str:
    """Return words in which texts that stand alone are hidden, in any case.

    Those that stand behind one of the characters `before` are parts of others.
    """
    for text in texts:
        alone = rf"(?<![{before}]){re.escape(text)}(?!\.?[\w+-])"
        words = re.sub(alone, _HIDDEN, words, flags=re.IGNORECASE)
    return words
