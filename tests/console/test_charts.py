"""Pictures of bars: that they fit, and stand for their numbers."""

from hypothesis import given
from hypothesis import strategies as st

from notifyhub.console.charts import HEIGHT, LEAST_HEIGHT, Chart, Column, Series, stacked

SERIES = [Series("delivered", "ok"), Series("failed", "bad")]
NUMBERS = st.integers(min_value=0, max_value=10**12)
COLUMNS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=31)


def drawn(numbers: list[tuple[int, int]], *, right_to_left: bool = False) -> Chart:
    columns = [Column(f"day {place}", ("", ""), values) for place, values in enumerate(numbers)]
    return stacked(SERIES, columns, right_to_left=right_to_left)


@given(COLUMNS)
def test_all_bars_are_within_the_picture(numbers: list[tuple[int, int]]) -> None:
    for bar in drawn(numbers).bars:
        for part in bar.parts:
            assert part.x >= 0
            assert part.x + part.width <= 100
            assert part.y >= -LEAST_HEIGHT * len(SERIES)
            assert part.height >= LEAST_HEIGHT
            assert part.y + part.height <= HEIGHT + 0.02


@given(COLUMNS)
def test_the_lines_are_whole_numbers_that_reach_above_all_bars(numbers: list[tuple[int, int]]) -> None:
    chart = drawn(numbers)
    values = [tick.value for tick in chart.ticks]
    assert values == sorted(set(values))
    assert values[-1] >= max((sum(each) for each in numbers), default=0)
    assert chart.is_empty == (not any(map(any, numbers)))


@given(COLUMNS)
def test_time_runs_in_the_direction_of_reading(numbers: list[tuple[int, int]]) -> None:
    there = [bar.middle for bar in drawn(numbers).bars]
    back = [bar.middle for bar in drawn(numbers, right_to_left=True).bars]
    assert there == sorted(there)
    assert back == sorted(back, reverse=True)


def test_parts_stand_on_each_other_as_high_as_their_numbers() -> None:
    (bar,) = drawn([(60, 20)]).bars
    assert [(part.kind, part.y, part.height) for part in bar.parts] == [
        ("ok", HEIGHT * 0.25, HEIGHT * 0.75),
        ("bad", 0, HEIGHT * 0.25),
    ]
