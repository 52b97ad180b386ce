"""The codes themselves: how they are made, how they are spread, who could make them."""

import hashlib
import hmac
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from notifyhub.otp.codes import compute_code, is_right

KEY = "a secret key of the tests"
COUNT = 100_000


@dataclass
class Row:
    id: int
    nonce: bytes
    code_len: int = 5


@pytest.fixture(autouse=True)
def context() -> Iterator[Flask]:
    """All that codes need of an application is its secret key."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = KEY
    with app.app_context():
        yield app


def rows(count: int, code_len: int) -> Iterator[Row]:
    """Give rows as they are made: rising ids and random nonces, the same in every run."""
    source = random.Random(8)
    for number in range(count):
        yield Row(number + 1, source.randbytes(16), code_len)


def chi_squared(counts: Counter[str], kinds: int) -> float:
    """Return how far counts are from being equal; its mean is `kinds` - 1."""
    expected = counts.total() / kinds
    missing = kinds - len(counts)
    return sum((count - expected) ** 2 / expected for count in counts.values()) + missing * expected


def test_a_code_is_the_hmac_of_its_row_modulo_its_length() -> None:
    row = Row(7, bytes(range(16)), 6)
    key = hmac.new(KEY.encode(), b"notifyhub one-time passwords", hashlib.sha256).digest()
    digest = hmac.new(key, (7).to_bytes(8, "big") + bytes(range(16)), hashlib.sha256).hexdigest()
    assert compute_code(row) == f"{int(digest, 16) % 1_000_000:06}"


def test_every_digit_is_as_likely_in_every_place() -> None:
    codes = [compute_code(row) for row in rows(COUNT, 5)]
    assert {len(code) for code in codes} == {5}
    for place in range(5):
        # 9 degrees of freedom: above 33.7 in one case of 10,000.
        assert chi_squared(Counter(code[place] for code in codes), 10) < 33.7
    for place in range(4):
        # 99 degrees of freedom: above 161 in one case of 10,000.
        assert chi_squared(Counter(code[place : place + 2] for code in codes), 100) < 161
    leading = sum(code.startswith("0") for code in codes)
    assert abs(leading - COUNT / 10) < 4 * (COUNT * 0.1 * 0.9) ** 0.5


def test_every_code_is_as_likely() -> None:
    counts = Counter(compute_code(row) for row in rows(COUNT, 4))
    # 9,999 degrees of freedom: the deviation is 141.
    assert abs(chi_squared(counts, 10_000) - 9_999) < 4 * 141


@pytest.mark.parametrize("length", range(4, 11))
def test_a_code_has_its_length_with_leading_zeros(length: int) -> None:
    codes = [compute_code(row) for row in rows(500, length)]
    assert {len(code) for code in codes} == {length}
    assert any(code.startswith("0") for code in codes)


def test_the_row_the_nonce_and_the_key_each_make_another_code(context: Flask) -> None:
    row = Row(7, b"n" * 16, 10)
    others = [Row(8, b"n" * 16, 10), Row(7, b"m" * 16, 10)]
    codes = {compute_code(one) for one in (row, *others)}
    context.config["SECRET_KEY"] = "another secret key of the tests"
    assert len({*codes, compute_code(row)}) == 4


def test_the_code_alone_is_right() -> None:
    row = Row(7, b"n" * 16, 4)
    right = [guess for guess in (f"{number:04}" for number in range(10_000)) if is_right(row, guess)]
    assert right == [compute_code(row)]
