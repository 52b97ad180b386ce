"""The check of a file's rows, and how they are divided into batches."""

from hypothesis import given
from hypothesis import strategies as st

from notifyhub.campaigns.checking import Checked, divide
from notifyhub.messages.bulk import MAX_RENDERED
from notifyhub.messages.request_schemas import MAX_BULK


@given(st.lists(st.integers(0, MAX_RENDERED // 2), max_size=50), st.integers(1, 400))
def test_rows_are_divided_in_their_order_into_batches_that_a_request_might_have(
    sizes: list[int], repeated: int
) -> None:
    messages = [Checked(place, 1, size) for place, size in enumerate(sizes * repeated)]
    batches = divide(messages)
    assert [place for batch in batches for place in batch] == list(range(len(messages)))
    for batch in batches:
        assert 0 < len(batch) <= MAX_BULK
        assert sum(messages[place].characters for place in batch) <= MAX_RENDERED


def test_a_message_larger_than_a_batch_may_be_has_one_of_its_own() -> None:
    messages = [Checked(place, 1, MAX_RENDERED + 1) for place in range(3)]
    assert divide(messages) == [[0], [1], [2]]


def test_short_messages_fill_their_batches() -> None:
    batches = divide([Checked(place, 1, 100) for place in range(2 * MAX_BULK + 1)])
    assert [len(batch) for batch in batches] == [MAX_BULK, MAX_BULK, 1]
