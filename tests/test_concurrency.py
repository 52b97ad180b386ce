"""What must hold when clients meet: real gunicorn processes, requests that arrive together."""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError
from sqlalchemy import func, select

from notifyhub.auth.models import Role, User
from notifyhub.extensions import db
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.notifiers.provider_settings import check_settings
from notifyhub.patterns.models import SMSPattern
from notifyhub.settings.models import NotificationSettings
from tests.support.environment import slow_on_sqlite
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory, UserFactory
from tests.support.processes import Server, start_gunicorn, stop

pytestmark = slow_on_sqlite

SMS = "/api/notifications/notifiers/sms"
SETTINGS = "/api/settings/notifications"
USERS = "/api/users"
CLIENTS = 20
ROUNDS = 30

TAKEN = {"name": ["sms pattern with this name already exists."]}
NOT_FOUND = {"detail": "Not found."}

Call = tuple[str, str, Any]
Answered = tuple[int, Any]


@dataclass
class Crowd:
    """Clients that send their requests in the same moment."""

    url: str
    token: str
    pool: ThreadPoolExecutor

    def send(self, *calls: Call) -> list[Answered]:
        """Send the requests together and return their answers, status and JSON, in the same order."""
        start = threading.Barrier(len(calls))
        return list(self.pool.map(lambda call: self._send(start, *call), calls))

    def _send(self, start: threading.Barrier, method: str, path: str, body: Any) -> Answered:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        start.wait(30)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def server(
    migrated_app: Flask, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Four processes, each with four threads."""
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    served = start_gunicorn(environment, log, "--workers=4", "--threads=4")
    yield served
    stop(served.process)


@pytest.fixture
def crowd(server: Server, token: Callable[..., str]) -> Iterator[Crowd]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield Crowd(server.url, token(), pool)


@pytest.fixture
def notifier(app: Flask) -> Callable[[], str]:
    """Give a function that stores a notifier and returns its URL."""

    def make() -> str:
        with app.app_context():
            return f"{SMS}/{SMSNotifierFactory().id}"

    return make


def count(app: Flask, model: type) -> int | None:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model))


@pytest.mark.slow
def test_of_many_equal_names_one_is_created(crowd: Crowd, app: Flask, notifier: Callable[[], str]) -> None:
    url = f"{notifier()}/patterns"
    for n in range(3):
        body = {"name": f"otp-{n}", "code": "1", "body": "{0}"}
        answers = crowd.send(*[("POST", url, body)] * CLIENTS)
        assert Counter(status for status, _ in answers) == {201: 1, 400: CLIENTS - 1}
        assert all(body == TAKEN for status, body in answers if status == 400)
    assert count(app, SMSPattern) == 3


def test_of_many_renamings_to_one_name_one_succeeds(
    crowd: Crowd, app: Flask, notifier: Callable[[], str]
) -> None:
    url = f"{notifier()}/patterns"
    with app.app_context():
        parent = int(url.split("/")[-2])
        ids = [pattern.id for pattern in SMSPatternFactory.create_batch(8, notifier_id=parent)]
    answers = crowd.send(*[("PATCH", f"{url}/{one}", {"name": "one"}) for one in ids])
    assert Counter(status for status, _ in answers) == {200: 1, 400: 7}
    assert all(body == TAKEN for status, body in answers if status == 400)


def test_writers_wait_for_each_other(crowd: Crowd, app: Flask, notifier: Callable[[], str]) -> None:
    url = f"{notifier()}/patterns"
    for n in range(3):
        bodies = [{"name": f"{n}-{client}", "code": "1", "body": "b"} for client in range(CLIENTS)]
        answers = crowd.send(*[("POST", url, body) for body in bodies])
        assert [status for status, _ in answers] == [201] * CLIENTS
    assert count(app, SMSPattern) == 3 * CLIENTS


def test_changes_of_the_settings_that_meet_leave_one_row(crowd: Crowd, app: Flask) -> None:
    read, change = ("GET", SETTINGS, None), ("PATCH", SETTINGS, {"notifications_otp_ttl": 120})
    for _ in range(5):
        answers = crowd.send(*[read, change] * (CLIENTS // 2))
        assert [status for status, _ in answers] == [200] * CLIENTS
        assert all(body == answers[0][1] for _, body in answers)
        assert count(app, NotificationSettings) == 1


def test_a_deletion_meets_settings_that_begin_to_name_the_notifier(
    crowd: Crowd, notifier: Callable[[], str]
) -> None:
    for _ in range(ROUNDS):
        url = notifier()
        notifier_id = int(url.split("/")[-1])
        name = ("PATCH", SETTINGS, {"notifications_sms_notifier": notifier_id})
        deleted, *named = crowd.send(("DELETE", url, None), name, name, name)
        gone = {"notifications_sms_notifier": [f'Invalid pk "{notifier_id}" - object does not exist.']}
        if deleted[0] == 204:
            assert named == [(400, gone)] * 3
        else:
            assert deleted[0] == 409
            assert [(status, body["notifications_sms_notifier_data"]["id"]) for status, body in named] == [
                (200, notifier_id)
            ] * 3
        ((_, settings),) = crowd.send(("GET", SETTINGS, None))
        ((status, _),) = crowd.send(("GET", url, None))
        shown = settings["notifications_sms_notifier_data"]
        assert (status, shown and shown["id"]) == ((404, None) if deleted[0] == 204 else (200, notifier_id))
        crowd.send(("PATCH", SETTINGS, {"notifications_sms_notifier": None}))


def test_a_deletion_meets_settings_that_cease_to_name_the_notifier(
    crowd: Crowd, notifier: Callable[[], str]
) -> None:
    for _ in range(ROUNDS):
        url = notifier()
        crowd.send(("PATCH", SETTINGS, {"notifications_sms_notifier": int(url.split("/")[-1])}))
        forget = ("PATCH", SETTINGS, {"notifications_sms_notifier": None})
        deleted, forgotten, read = crowd.send(("DELETE", url, None), forget, ("GET", SETTINGS, None))
        assert deleted[0] in {204, 409}
        assert (forgotten[0], forgotten[1]["notifications_sms_notifier_data"]) == (200, None)
        assert read[0] == 200
        ((status, _),) = crowd.send(("GET", url, None))
        assert status == (404 if deleted[0] == 204 else 200)


def test_a_deletion_meets_everything_that_happens_to_its_patterns(
    crowd: Crowd, app: Flask, notifier: Callable[[], str]
) -> None:
    for n in range(ROUNDS):
        url = notifier()
        with app.app_context():
            ids = [one.id for one in SMSPatternFactory.create_batch(3, notifier_id=int(url.split("/")[-1]))]
        new = {"code": "1", "body": "b"}
        answers = crowd.send(
            ("POST", f"{url}/patterns", {"name": "a", **new}),
            ("POST", f"{url}/patterns", {"name": "b", **new}),
            ("PATCH", f"{url}/patterns/{ids[0]}", {"body": "changed"}),
            ("DELETE", f"{url}/patterns/{ids[1]}", None),
            ("DELETE", url, None),
            ("POST", f"{url}/patterns", {"name": "c", **new}),
            ("PATCH", url, {"name": f"renamed-{n}"}),
            ("GET", f"{url}/patterns", None),
            ("PATCH", f"{url}/patterns/{ids[2]}", {"name": "d"}),
        )
        wanted = [201, 201, 200, 204, 204, 201, 200, 200, 200]
        assert answers[4] == (204, None)
        for answer, status in zip(answers, wanted, strict=True):
            assert answer[0] == status or answer == (404, NOT_FOUND)
    assert (count(app, SMSNotifier), count(app, SMSPattern)) == (0, 0)


def test_of_many_deletions_one_succeeds(crowd: Crowd, notifier: Callable[[], str]) -> None:
    answers = crowd.send(*[("DELETE", notifier(), None)] * CLIENTS)
    assert Counter(status for status, _ in answers) == {204: 1, 404: CLIENTS - 1}


def test_a_backend_and_settings_changed_together_always_fit(
    crowd: Crowd, app: Flask, notifier: Callable[[], str]
) -> None:
    line = {"token": "t", "from_number": "+983000505"}
    for _ in range(ROUNDS):
        url = notifier()
        answers = crowd.send(
            ("PATCH", url, {"settings": line}),
            ("PATCH", url, {"backend": "ippanel"}),
            ("PATCH", url, {"settings": {"token": "t", "number": "50002"}}),
            ("PATCH", url, {"backend": "ippanel"}),
            ("PATCH", url, {"settings": {"token": "t"}}),
        )
        assert {status for status, _ in answers} <= {200, 400}
        for status, body in answers:
            if status == 200:
                assert fits(body["backend"], body["settings"])
            else:
                assert body == {"settings": {"from_number": ["This field is required."]}}
        ((_, stored),) = crowd.send(("GET", url, None))
        assert fits(stored["backend"], stored["settings"])


def fits(backend: str, settings: dict[str, Any]) -> bool:
    try:
        return check_settings(backend, settings) == settings
    except ValidationError:
        return False


def test_whatever_is_done_to_all_admins_together_an_active_one_stays(crowd: Crowd, app: Flask) -> None:
    with app.app_context():
        own = db.session.scalars(select(User.id)).one()
    for _ in range(ROUNDS):
        with app.app_context():
            first, second = (f"{USERS}/{user.id}" for user in UserFactory.create_batch(2))
        mine = f"{USERS}/{own}"
        answers = crowd.send(
            ("DELETE", first, None),
            ("PATCH", first, {"role": "user"}),
            ("PATCH", mine, {"is_active": False}),
            ("PATCH", second, {"is_active": False}),
            ("PATCH", mine, {"role": "staff"}),
            ("DELETE", second, None),
        )
        # Who has lost the right meanwhile is told so, too.
        assert {status for status, _ in answers} <= {200, 204, 401, 403, 404, 409}
        with app.app_context():
            left = db.session.scalars(select(User).where(User.role == Role.ADMIN, User.is_active)).all()
            assert left
            for user in db.session.scalars(select(User).where(User.id != own)):
                db.session.delete(user)
            db.session.get_one(User, own).role = Role.ADMIN
            db.session.get_one(User, own).is_active = True
            db.session.commit()
