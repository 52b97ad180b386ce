"""What a token's holder learns about themselves."""

from collections.abc import Callable

import pytest

from notifyhub.auth.models import Role
from tests.support.clients import Api

RANGES = (
    *((1036, 1037), (2811, 2814), (2821, 2824), (2831, 2834), (2841, 2844)),
    *((7811, 7813), (7821, 7824), (7831, 7834), (7842, 7842), (7851, 7854)),
)
ALL = [code for first, last in RANGES for code in range(first, last + 1)]


@pytest.mark.parametrize(
    ("role", "codes", "shown"),
    [
        (Role.ADMIN, (), ALL),
        (Role.STAFF, (), []),
        (Role.STAFF, (2831, 2812, 1036), [1036, 2812, 2831]),
        (Role.STAFF, tuple(ALL), ALL),
        (Role.USER, (), []),
        (Role.USER, (2812,), []),
    ],
)
def test_me_shows_the_role_and_what_it_may_do(
    role: Role, codes: tuple[int, ...], shown: list[int], anonymous: Api, token: Callable[..., str]
) -> None:
    answer = Api(anonymous.client, token(role, codes)).get("/api/me")
    assert answer.status == 200
    assert list(answer.json) == ["name", "role", "permissions", "test"]
    assert answer.json["name"].startswith("user-")
    assert {**answer.json, "name": ""} == {"name": "", "role": role, "permissions": shown, "test": False}


def test_me_tells_that_a_token_is_for_tests(anonymous: Api, token: Callable[..., str]) -> None:
    assert Api(anonymous.client, token(test=True)).get("/api/me").json["test"] is True
