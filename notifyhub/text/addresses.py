"""Mail addresses: each has one form, in which it is stored, shown, compared and sent.

The domain is that of IDNA 2008 (RFC 5891), mapped as UTS 46 has it without its transitional rules, in ASCII
and lower case; the local part is as given. Standards: RFC 5321, 4.1.2 and 4.5.3.1; RFC 6531 for characters.
"""

import re
from dataclasses import dataclass

import idna

from notifyhub.text.invisible import is_invisible
from notifyhub.text.lines import is_line

MAX_LOCAL_BYTES = 64
"""The octets that a local part may have (RFC 5321, 4.5.3.1.1)."""
MAX_DOMAIN_CHARACTERS = 253
"""The characters that a domain may have, which are 255 octets in a query for it (RFC 1035, 2.3.4)."""
MAX_GIVEN_CHARACTERS = 1000
"""What is longer is not read: some spellings are longer than the address that they come to."""

_INVALID = "Enter a valid email address."
_FORBIDDEN = "IDNA 2008 allows no such domain name."
_LINE_END = "Line ends and control characters are not allowed."
_INVISIBLE = "Blanks and invisible characters are not allowed in an email address."
_JOINERS = "\u200c\u200d"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\ud7ff\ue000-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\[ -~])*)"')
_ENCODED_WORD = re.compile(r"=\?.*\?=")
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+")

_QUOTED_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PHRASE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"<>@,])*')
_MAILBOX = re.compile(r"(?P<phrase>.*)<(?P<address>[^<>]*)>", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)")


class InvalidAddress(ValueError):
    """The text is no address that mail can be sent to; its words are for the client."""


@dataclass(frozen=True)
class Mailbox:
    """An address in its one form, and the name that readers see beside it, which may be empty."""

    name: str
    address: str

    @property
    def local(self) -> str:
        """What stands before the @."""
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """The domain, in ASCII."""
        return self.address.rpartition("@")[2]


def normalize_address(text: str) -> str:
    """Return the one form of a bare address; raise `InvalidAddress` if `text` is none.

    A quoted local part that needs no quotes loses them: it is the same mailbox (RFC 5321, 4.1.2). An address
    literal, `user@[192.0.2.1]`, is refused: what it names is a machine, under as many spellings as it has.
    """
    _check_line(text)
    local, at, domain = text.rpartition("@")
    if not at or len(text) > MAX_GIVEN_CHARACTERS:
        raise InvalidAddress(_INVALID)
    return f"{_normalize_local(local)}@{normalize_domain(domain)}"


def normalize_domain(text: str) -> str:
    """Return a domain of two labels or more, or `localhost`, in its one form; raise `InvalidAddress`."""
    domain = to_ascii(text)
    _, dot, last = domain.rpartition(".")
    if not dot and domain != "localhost":
        raise InvalidAddress(_INVALID)
    if _NUMBER.fullmatch(last):  # an IP address is none (RFC 3696, 2)
        raise InvalidAddress(_INVALID)
    return domain


def to_ascii(domain: str) -> str:
    """Return a domain's A-labels in lower case; raise `InvalidAddress` for what IDNA 2008 forbids.

    UTS 46 would drop what can't be seen. Joiners are letters where the rules of IDNA let them stand.
    """
    lower = domain.lower()
    if len(lower) <= MAX_DOMAIN_CHARACTERS and _DOMAIN.fullmatch(lower):
        return lower
    if len(domain) > MAX_GIVEN_CHARACTERS:
        raise InvalidAddress(_INVALID)
    if any(is_invisible(character) for character in domain if character not in _JOINERS):
        raise InvalidAddress(_INVISIBLE)
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        is_idn = not domain.isascii() or "xn--" in lower
        raise InvalidAddress(_FORBIDDEN if is_idn else _INVALID) from None
    if len(encoded) > MAX_DOMAIN_CHARACTERS or encoded.endswith("."):
        raise InvalidAddress(_INVALID)
    return encoded


def parse_mailbox(text: str) -> Mailbox:
    """Read one address, or `Name <address>` (RFC 5322, 3.4); raise `InvalidAddress` for all else.

    A name with a comma, an @ or an angle bracket must be quoted: they would begin another address, as a line
    end would begin another header. The quotes are not part of the name.
    """
    _check_line(text)
    phrase, address = _split(text)
    name = _QUOTED_WORD.sub(lambda quoted: _ESCAPE.sub(r"\1", quoted[1]), phrase).strip()
    return Mailbox(name, normalize_address(address))


def normalize_mailbox(text: str) -> str:
    """Return one address, or `Name <address>`, with the address in its one form and the name as given."""
    mailbox = parse_mailbox(text)
    phrase, _ = _split(text)
    return f"{phrase}<{mailbox.address}>" if _is_named(text) else mailbox.address


def _check_line(text: str) -> None:
    if not (text.isprintable() or is_line(text)):
        raise InvalidAddress(_LINE_END)


def _is_named(text: str) -> bool:
    return text.endswith(">")


def _split(text: str) -> tuple[str, str]:
    """Return what stands before the angle brackets, and the address."""
    if not _is_named(text):
        return "", text
    match = _MAILBOX.fullmatch(text)
    if match is None or not _PHRASE.fullmatch(match["phrase"]):
        raise InvalidAddress(_INVALID)
    return match["phrase"], match["address"]


def _normalize_local(local: str) -> str:
    if quoted := _QUOTED_STRING.fullmatch(local):
        content = _ESCAPE.sub(r"\1", quoted[1])
        local = content if _DOT_STRING.fullmatch(content) else _quoted(content)
    elif not _DOT_STRING.fullmatch(local):
        raise InvalidAddress(_INVALID)
    elif not local.isascii() and any(map(is_invisible, local)):
        raise InvalidAddress(_INVISIBLE)
    if _ENCODED_WORD.search(local):
        raise InvalidAddress("Encoded words (`=?…?=`) are not allowed in an email address.")
    if len(local.encode()) > MAX_LOCAL_BYTES:
        raise InvalidAddress(f"What stands before the @ may have no more than {MAX_LOCAL_BYTES} bytes.")
    return local


def _quoted(content: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'
