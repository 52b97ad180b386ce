"""Where requests end, however their bytes arrive."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.process.server.framing import MAX_HEAD_BYTES, ChunkedBody, LengthBody, head_end

LINE = 4094

chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
extensions = st.sampled_from([b"", b";a", b';name="value"'])
trailers = st.lists(st.sampled_from([b"X-A: 1\r\n", b"X-B: two\r\n"]), max_size=2)


@given(chunks=chunks, extension=extensions, trailers=trailers, rest=st.binary(max_size=60), data=st.data())
def test_a_chunked_body_ends_where_it_ends_however_it_arrives(
    chunks: list[bytes], extension: bytes, trailers: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    sized = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    body = sized + b"0\r\n" + b"".join(trailers) + b"\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=6)) | {0, len(body)})
    framing, arrived = ChunkedBody(), bytearray()
    for start, end in itertools.pairwise(cuts):
        assert framing.end(arrived) is None
        arrived += body[start:end]
    arrived += rest
    assert framing.end(arrived) == len(body)


@pytest.mark.parametrize(
    "broken", [b"zz\r\n", b"\r\n", b"-1\r\n\r\n\r\n", b"1" * 9000, b"0\r\n" + b"X" * 70_000]
)
def test_a_broken_chunk_is_waited_for_no_longer(broken: bytes) -> None:
    assert ChunkedBody().end(bytearray(broken)) is not None


@given(length=st.integers(0, 50), arrived=st.binary(max_size=80))
def test_a_body_of_known_length_ends_there(length: int, arrived: bytes) -> None:
    expected = length if len(arrived) >= length else None
    assert LengthBody(length).end(bytearray(arrived)) == expected


@given(cut=st.integers(0, 60), rest=st.binary(max_size=20))
def test_a_head_ends_with_an_empty_line(cut: int, rest: bytes) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: example.com\r\nX-A: b\r\n\r\n"
    cut = min(cut, len(head) - 1)
    arrived = bytearray(head[:cut])
    assert head_end(arrived, 0, LINE) is None
    arrived += head[cut:] + rest
    assert head_end(arrived, cut, LINE) == len(head)


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\nHost: x\n", b"GET /" + b"a" * LINE, b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES],
    ids=["bare line feeds", "long line", "long head"],
)
def test_a_head_that_cannot_become_valid_is_waited_for_no_longer(head: bytes) -> None:
    assert head_end(bytearray(head), 0, LINE) == min(len(head), MAX_HEAD_BYTES)
