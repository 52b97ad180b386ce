"""Columns: what they are called, and which of them holds what, guessed by name and by content."""

import re
from collections.abc import Callable, Sequence

from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.text.addresses import InvalidAddress, normalize_address
from notifyhub.text.digits import ascii_digits
from notifyhub.text.invisible import is_invisible
from notifyhub.text.letters import persian_letters
from notifyhub.text.phones import InvalidNumber, to_e164

_SAMPLED_ROWS = 100
_LOOSE = re.compile(r"[\W_]+")

_PHONE_NAMES = (
    *(
        "موبایل",
        "همراه",
        "شماره موبایل",
        "شماره همراه",
        "تلفن همراه",
        "شماره تلفن همراه",
        "گوشی",
        "تلفن",
        "شماره تلفن",
    ),
    *(
        "شماره تماس",
        "تماس",
        "شماره",
        "گیرنده",
        "mobile",
        "mobile number",
        "cell",
        "cellphone",
        "phone",
        "phone number",
    ),
    *("msisdn", "tel", "telephone", "number", "recipient", "to"),
)
_MAIL_NAMES = (
    *("ایمیل", "آدرس ایمیل", "نشانی ایمیل", "پست الکترونیک", "پست الکترونیکی", "رایانامه", "گیرنده"),
    *("email", "e mail", "email address", "mail", "recipient", "to"),
)
NAMES = {"sms": _PHONE_NAMES, "email": _MAIL_NAMES}
"""What columns of recipients are called, by the channel; the likelier the earlier."""


def letter(index: int) -> str:
    """Return the name that spreadsheets give a column, counted from 0: A, …, Z, AA, …."""
    name, rest = "", index + 1
    while rest:
        rest, place = divmod(rest - 1, 26)
        name = chr(ord("A") + place) + name
    return name


def has_header(rows: Sequence[Row]) -> bool:
    """Return whether the first row names the columns: it holds no recipient, and no number alone."""
    return not any(is_recipient(cell, channel) for cell in rows[0].cells for channel in NAMES) and not any(
        ascii_digits(cell).replace(".", "").isdecimal() for cell in rows[0].cells
    )


def names(rows: Sequence[Row], *, header: bool) -> list[str]:
    """Return what each column is called: by the header, else by its letter."""
    return [(cell if header else "") or letter(index) for index, cell in enumerate(rows[0].cells)]


def filled(rows: Sequence[Row]) -> list[int]:
    """Return the columns that hold anything, from 0 on."""
    return [index for index in range(len(rows[0].cells)) if any(row.cells[index] for row in rows)]


def recipient_text(cell: str) -> str:
    """Return a cell as a recipient: a number with a fraction of nothing is whole."""
    whole, dot, fraction = cell.partition(".")
    return whole if dot and fraction.strip("0") == "" and len(whole) >= 10 and whole.isdecimal() else cell


def is_recipient(cell: str, channel: str) -> bool:
    """Return whether a cell holds a phone number, or an address, that messages can go to."""
    try:
        to_e164(recipient_text(cell)) if channel == "sms" else normalize_address(cell)
    except (InvalidNumber, InvalidAddress):
        return False
    return True


def guess_recipient(names: Sequence[str], rows: Sequence[Row], channel: str) -> int | None:
    """Return the column of the recipients: by what it holds, then by its name; else None."""
    sample = rows[:_SAMPLED_ROWS]
    shares = [_share(sample, index, channel) for index in range(len(names))]
    ranks = [_rank(name, NAMES[channel]) for name in names]
    best = max(range(len(names)), key=lambda index: (shares[index] > 0.5, -ranks[index], shares[index]))
    return best if shares[best] > 0 or ranks[best] < len(NAMES[channel]) else None


def _share(rows: Sequence[Row], index: int, channel: str) -> float:
    cells = [row.cells[index] for row in rows if row.cells[index]]
    return sum(is_recipient(cell, channel) for cell in cells) / len(cells) if cells else 0.0


def _rank(name: str, known: Sequence[str]) -> int:
    """Return the place of a name among known ones; the same for all that are none of them: the last."""
    key = folded(name)
    return next((place for place, one in enumerate(known) if folded(one) == key), len(known))


def guess_args(placeholders: Sequence[str], names: Sequence[str], free: Sequence[int]) -> list[int | None]:
    """Return the column for each placeholder, of those that are `free`: the one of its name, else the next.

    A positional placeholder, whose name is its number, goes by that: it may stand in the column's name.
    """
    left, found = list(free), dict[int, int]()

    def take(matches: Callable[[str, str], bool]) -> None:
        for place, placeholder in enumerate(placeholders):
            column = next((one for one in left if matches(folded(placeholder), folded(names[one]))), None)
            if place not in found and column is not None:
                found[place] = column
                left.remove(column)

    take(lambda placeholder, name: placeholder == name)
    take(lambda placeholder, name: placeholder in re.findall(r"[0-9]+", name))
    take(lambda _placeholder, _name: True)
    return [found.get(place) for place in range(len(placeholders))]


def folded(name: str) -> str:
    """Return a name as it is compared: without case, joiners, blanks and other marks, in Persian letters."""
    text = ascii_digits(persian_letters(name)).casefold().replace("_", " ")
    visible = "".join(character for character in text if character == " " or not is_invisible(character))
    return _LOOSE.sub("", visible)
