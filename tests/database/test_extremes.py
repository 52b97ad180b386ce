"""The greatest and the least of some values, on both databases."""

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, bindparam, select

from notifyhub.database.connections import autocommit
from notifyhub.database.extremes import greatest, least

numbers = st.integers(-(2**63), 2**63 - 1)
_one, _other, _third = (bindparam(name, type_=BigInteger) for name in ("one", "other", "third"))
_extremes = select(greatest(_one, _other, _third), least(_one, _other, _third))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=numbers, other=numbers, third=numbers)
def test_the_extremes_of_some_numbers_are_found(*, app: Flask, one: int, other: int, third: int) -> None:
    with app.app_context():
        found = autocommit().execute(_extremes, {"one": one, "other": other, "third": third}).one()
    assert tuple(found) == (max(one, other, third), min(one, other, third))
