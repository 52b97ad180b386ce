"""Percentiles."""

import statistics
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from notifyhub.delivery.figures import rounded_up
from notifyhub.health.notifiers import percentile


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 50) is None


@given(st.lists(st.integers(1, 10_000), min_size=1), st.sampled_from([50, 95, 100]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    found = percentile(Counter(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


@given(st.lists(st.integers(1, 600_000), min_size=1))
def test_rounding_up_makes_a_median_a_tenth_longer_at_most(values: list[int]) -> None:
    median = statistics.median_high(values) if len(values) % 2 else statistics.median_low(values)
    shown = percentile(Counter(map(rounded_up, values)), 50)
    assert shown is not None
    assert median <= shown <= median * 1.1 + 1
