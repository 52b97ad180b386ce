"""The languages of the console: catalogues of Babel, one for each subject, read as they are edited.

The texts in the source are the English ones. `translations/LANGUAGE/LC_MESSAGES/*.po` have the others.
"""

import re
from functools import cache
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale, gettext
from persiantools.digits import en_to_fa

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"fa": "فارسی", "en": "English"}
"""By their codes, each in its own words; the first is what a browser gets that asks for neither."""
RIGHT_TO_LEFT = frozenset({"fa"})

_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:, [0-9]+)*")
_VARIABLE = re.compile(
    r"^.+(?= is the last active admin:)|^.+(?= is not known here: use)"
    r"|(?<=^No answer from the receiver: ).+(?=\.$)|(?<= The last error: ).+$"
    rf'|"[^"]*"|{_NUMBERS.pattern}|(?<=not name )[A-Z]{{2}}(?=,)'
)


class Catalogues(Domain):  # type: ignore[misc]
    """All catalogues of a language as one."""

    def get_translations(self) -> NullTranslations:
        """Return those of the request's language."""
        return _catalogues(str(get_locale() or "en"))


@cache
def _catalogues(language: str) -> NullTranslations:
    merged = Translations()
    for path in sorted((FOLDER / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as text:
            catalogue = read_po(text, locale=language)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        read = Translations(compiled)
        merged.merge(read)
        merged.plural = read.plural  # merge() leaves it out
    return merged


def direction() -> str:
    """Return the direction of the request's language, as HTML calls it."""
    return "rtl" if str(get_locale()) in RIGHT_TO_LEFT else "ltr"


def _is_code(before: str, value: str) -> bool:
    """Return whether a value of a sentence keeps its digits: a text, a name, or the prefix of a country."""
    return not _NUMBERS.fullmatch(value) or before.endswith("+")


def api_words(words: str) -> str:
    """Return a sentence of the API in the request's language; one that no catalogue has as it is.

    The catalogues have `{}` for each number or country, for numbers in a row, for each text in quotation
    marks, and for the names and reasons of some sentences.
    """
    template = _VARIABLE.sub("{}", words)
    translated = gettext(template)
    if translated == template:
        return words
    literal = translated.split("{}")  # not by `format`: there are words with braces, such as {code}
    values = _VARIABLE.findall(words)
    if direction() == "rtl":
        pairs = zip_longest(literal, values, fillvalue="")
        values = [value if _is_code(before, value) else en_to_fa(value) for before, value in pairs]
    pieces = zip(literal, [*values, ""], strict=False)
    return "".join(piece for pair in pieces for piece in pair)
