"""Moments, spans and numbers as people of the request's language read them.

In Persian: Jalali dates and Persian digits. What is copied or typed elsewhere (recipients, codes, ids) stays
as it is, from left to right: `code`.
"""

import re
from datetime import UTC, datetime, timedelta
from unicodedata import bidirectional

from babel.numbers import format_compact_decimal
from flask_babel import format_decimal, format_timedelta, get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape
from persiantools import digits
from persiantools.jdatetime import JalaliDateTime

from notifyhub.console.preferences import timezone
from notifyhub.console.translation import RIGHT_TO_LEFT, api_words
from notifyhub.database.base import now

Moment = datetime | str | None

_PLACEHOLDER = re.compile(r"%\w+%|\{\w*\}")


def is_persian() -> bool:
    """Return whether the page is in Persian."""
    return str(get_locale()) in RIGHT_TO_LEFT


def parse(moment: datetime | str) -> datetime:
    """Return a moment, which the API writes as a text."""
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment


def number(value: float | None) -> str:
    """Return a number with its thousands grouped; of None a dash."""
    if value is None:
        return "–"
    text = str(format_decimal(value))
    return digits.en_to_fa(text.replace(",", "٬").replace(".", "٫")) if is_persian() else text


def short_number(value: float) -> str:
    """Return a number as the lines of a picture have it: 1.5K."""
    text = format_compact_decimal(value, locale=get_locale(), fraction_digits=1)
    return digits.en_to_fa(text.replace(".", "٫")) if is_persian() else text


def percent(part: float, whole: float) -> str:
    """Return a share in percent with one decimal; of nothing a dash."""
    if not whole:
        return "–"
    shown = number(round(100 * part / whole, 1))
    return f"{shown}٪" if is_persian() else f"{shown}%"


def date(moment: Moment) -> str:
    """Return a day in the chosen time zone."""
    return _written(moment, "%d %B %Y", "%-d %B %Y")


def weekday(moment: Moment, *, short: bool = False) -> str:
    """Return the name of a day of the week in the chosen time zone."""
    return _written(moment, "%a", "%a") if short else _written(moment, "%A", "%A")


def day_of_month(moment: Moment) -> str:
    """Return the number of a day in its month in the chosen time zone."""
    return _written(moment, "%d", "%-d")


def time(moment: Moment) -> str:
    """Return a time of day with seconds in the chosen time zone."""
    return _written(moment, "%H:%M:%S", "%H:%M:%S")


def text(moment: Moment) -> str:
    """Return a moment to the second in the chosen time zone."""
    return _written(moment, "%d %B %Y، %H:%M:%S", "%-d %b %Y, %H:%M:%S")


def _written(moment: Moment, persian: str, english: str) -> str:
    if moment is None:
        return "–"
    local = parse(moment).astimezone(timezone())
    if not is_persian():
        return local.strftime(english)
    written = JalaliDateTime.to_jalali(local).strftime(persian, locale="fa")
    return str(written).lstrip("۰") if persian.startswith("%d") else str(written)


def when(moment: Moment) -> Markup:
    """Return a moment as an element that says it in words, and exactly to machines and on hovering."""
    if moment is None:
        return Markup("–")
    exact = parse(moment).astimezone(UTC).isoformat()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, text(moment))


def ago(moment: Moment) -> Markup:
    """Return how long ago a moment was, or how long until it comes, exactly on hovering."""
    if moment is None:
        return Markup("–")
    exact = parse(moment)
    span = now() - exact
    words = span_text(max(abs(span), timedelta(seconds=1)))
    said = _("in %(span)s", span=words) if span < timedelta(0) else _("%(span)s ago", span=words)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact.isoformat(), text(exact), said)


def due(moment: Moment) -> Markup:
    """Return how long until a moment comes; of one that has passed, that it is due."""
    if moment is not None and parse(moment) <= now():
        return Markup('<time datetime="{}">{}</time>').format(parse(moment).isoformat(), _("now"))
    return ago(moment)


def span_text(span: timedelta | float | None) -> str:
    """Return a span of time, or seconds, in words, in its greatest unit."""
    if span is None:
        return "–"
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if 0 < seconds < 1:
        words = _("%(number)s ms", number=number(round(seconds * 1000)))
        return str(words)
    words = format_timedelta(timedelta(seconds=round(seconds)), threshold=1.5)
    return str(digits.en_to_fa(words)) if is_persian() else str(words)


def code(value: object) -> Markup:
    """Return what is read from left to right in any language: a recipient, a token, an id, a code."""
    if value is None or value == "":
        return Markup("–")
    return Markup('<bdi class="code" dir="ltr">{}</bdi>').format(value)


def direction_of_words(words: str) -> str:
    """Return which way a sentence to the reader runs, in HTML's words, whatever it begins with."""
    if not is_persian():
        return "ltr"
    return "rtl" if any(bidirectional(character) in {"R", "AL"} for character in words) else "ltr"


def isolated(value: object) -> Markup:
    """Return a name within a sentence, whichever way either runs."""
    return Markup('<bdi dir="auto">{}</bdi>').format(value)


def direction_of(text: str) -> str:
    """Return which way a pattern runs, in HTML's words: placeholders, which may come first, say nothing."""
    for character in _PLACEHOLDER.sub("", text):
        kind = bidirectional(character)
        if kind in {"L", "R", "AL"}:
            return "ltr" if kind == "L" else "rtl"
    return "auto"


def sentence(words: str, **values: object) -> Markup:
    """Return a sentence with values, each of which is read its own way: names, and what `code` gives."""
    whole = {name: value if isinstance(value, Markup) else isolated(value) for name, value in values.items()}
    return escape(words) % whole


FILTERS = {
    "ago": ago,
    "api_words": api_words,
    "code": code,
    "day": date,
    "direction_of": direction_of,
    "direction_of_words": direction_of_words,
    "due": due,
    "isolated": isolated,
    "number": number,
    "percent": percent,
    "short_number": short_number,
    "span": span_text,
    "time_of_day": time,
    "when": when,
}
