"""Charts: where the parts of a picture of stacked bars stand. The macro `chart.html` draws them.

Widths and places across are percentages, so that a picture is as wide as its page while its texts keep their
size; heights are pixels. Time runs in the direction of reading.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

HEIGHT = 180
TICKS = 4
BAR = 0.62
"""The part of a column's width that its bar takes."""
LEAST_HEIGHT = 2
"""Of what is not nothing, so that it is seen."""


class Series(NamedTuple):
    """What a part of each bar stands for, and its colour: ok, busy, warn, bad or none."""

    name: Any
    kind: str


class Column(NamedTuple):
    """A bar: its name, the two lines below it, and a number for each series, from the bottom up."""

    name: str
    label: tuple[str, str]
    values: Sequence[int]

    @property
    def total(self) -> int:
        """The sum of its numbers."""
        return sum(self.values)


class Part(NamedTuple):
    """A rectangle of a bar: `x` and `width` are percentages, `y` and `height` pixels."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Bar(NamedTuple):
    """A drawn column: its middle in percent, and its parts."""

    column: Column
    middle: float
    parts: Sequence[Part]


class Tick(NamedTuple):
    """A line across, for a number."""

    value: int
    y: float


class Chart(NamedTuple):
    """A picture of bars."""

    series: Sequence[Series]
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    right_to_left: bool
    height: int = HEIGHT

    @property
    def is_empty(self) -> bool:
        """Whether all numbers are nothing."""
        return not any(bar.parts for bar in self.bars)


def stacked(series: Sequence[Series], columns: Sequence[Column], *, right_to_left: bool) -> Chart:
    """Return the picture of columns in order of time."""
    step = _step(max((column.total for column in columns), default=0))
    top = step * TICKS
    ticks = [Tick(step * n, HEIGHT * (1 - n / TICKS)) for n in range(TICKS + 1)]
    slot = 100 / max(len(columns), 1)
    bars = []
    for place, column in enumerate(columns):
        shown = len(columns) - 1 - place if right_to_left else place
        left = slot * shown
        parts = _parts(series, column.values, top, left + slot * (1 - BAR) / 2, slot * BAR)
        bars.append(Bar(column, round(left + slot / 2, 2), parts))
    return Chart(series, bars, ticks, right_to_left)


def _step(most: int) -> int:
    """Return the least round number of which TICKS reach the greatest sum."""
    wanted = max(most / TICKS, 1)
    power: int = 10 ** math.floor(math.log10(wanted))
    steps = (math.ceil(factor * power) for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10))
    return next(step for step in steps if step >= wanted)


def _parts(
    series: Sequence[Series], values: Sequence[int], top: int, left: float, width: float
) -> Sequence[Part]:
    parts, foot = [], float(HEIGHT)
    for (_, kind), value in zip(series, values, strict=True):
        if value:
            height = max(HEIGHT * value / top, LEAST_HEIGHT)
            foot -= height
            parts.append(Part(kind, round(left, 2), round(foot, 2), round(width, 2), round(height, 2)))
    return parts
