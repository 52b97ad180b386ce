"""Clients of the API, by what their tokens may do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from notifyhub.auth.accounts import issue_token
from notifyhub.auth.models import Role
from notifyhub.extensions import db
from tests.support.factories import UserFactory
from tests.support.logs import TOKENS


@dataclass
class Answer:
    """An answer, briefly: its status, its JSON, its headers."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def json(self) -> Any:
        return self.response.get_json() if self.response.data else None

    @property
    def headers(self) -> Any:
        return self.response.headers


@dataclass
class Api:
    """A client of the API that sends a token."""

    client: FlaskClient
    token: str | None
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        if self.token is not None:
            headers.setdefault("Authorization", f"Token {self.token}")
        if json is not None:
            options["json"] = json
        return Answer(self.client.open(path, method=method, headers=headers, **options))

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Answer:
        return self.call("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)


@pytest.fixture
def token(app: Flask) -> Callable[..., str]:
    """Give a function that makes a user and returns a token of theirs."""

    def make(role: Role = Role.ADMIN, codes: tuple[int, ...] = (), **options: Any) -> str:
        with app.app_context():
            user = UserFactory.build(role=role, codes=codes)
            db.session.add(user)
            key = issue_token(
                db.session(), user, options.pop("lifetime", None), test=options.pop("test", False)
            )
            db.session.commit()
        TOKENS.add(key)
        return key

    return make


@pytest.fixture
def anonymous(app: Flask) -> Api:
    """A client without a token."""
    return Api(app.test_client(), None)


@pytest.fixture
def api(app: Flask, token: Callable[..., str]) -> Api:
    """An admin's client."""
    return Api(app.test_client(), token())


@pytest.fixture
def staff(app: Flask, token: Callable[..., str]) -> Callable[..., Api]:
    """Give a function that returns the client of a member of staff with some permission codes."""
    return lambda *codes: Api(app.test_client(), token(Role.STAFF, codes))
