"""The catalogues: complete, and nothing in them that no page says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from notifyhub.console.translation import FOLDER, LANGUAGES

CONSOLE = FOLDER.parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {
    "**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
}
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
TRANSLATED = [language for language in LANGUAGES if language != "en"]
OF_THE_API = "api.po"
"""Words that the API's own modules say."""

_FIELD = re.compile(r"%\(\w+\)s|\{\}")


def _said() -> Iterator[str]:
    for _, _, words, _, _ in extract_from_dir(CONSOLE, METHODS, OPTIONS, KEYWORDS):
        yield words[0] if isinstance(words, tuple) else words


def _catalogue(path: Path) -> dict[str, list[str]]:
    with path.open("rb") as text:
        catalogue = read_po(text, abort_invalid=True)
    found = {}
    for entry in catalogue:
        if entry.id:
            forms = [entry.string] if isinstance(entry.string, str) else [*entry.string]
            assert not entry.fuzzy, entry.id
            found[entry.id if isinstance(entry.id, str) else entry.id[0]] = forms
    return found


def _catalogues(language: str) -> dict[str, dict[str, list[str]]]:
    paths = sorted((FOLDER / language / "LC_MESSAGES").glob("*.po"))
    return {path.name: _catalogue(path) for path in paths}


@pytest.mark.parametrize("language", TRANSLATED)
def test_each_text_is_translated_once_and_none_that_nobody_says(language: str) -> None:
    said = set(_said())
    catalogues = _catalogues(language)
    translated = [words for catalogue in catalogues.values() for words in catalogue]
    assert said - set(translated) == set(), "not translated"
    own = {words for name, catalogue in catalogues.items() if name != OF_THE_API for words in catalogue}
    assert own - said == set(), "not said by any page"
    assert sorted(translated) == sorted(set(translated)), "translated twice"


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_fields_of_its_text(language: str) -> None:
    for catalogue in _catalogues(language).values():
        for words, forms in catalogue.items():
            for form in forms:
                assert form, words
                assert sorted(_FIELD.findall(form)) == sorted(_FIELD.findall(words)), words
