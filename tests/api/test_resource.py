"""Resources that have some of the operations, or another kind of pages."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Blueprint, Flask

from notifyhub.api.endpoint import declarations
from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.filters import one_of, text
from notifyhub.api.resource import Names, Resource
from notifyhub.database.base import table_of
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.notifiers.schemas import SMSNotifierSchema
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema
from notifyhub.providers.registry import BUILT_IN
from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory

NOTIFIERS, PATTERNS = table_of(SMSNotifier).c, table_of(SMSPattern).c


@pytest.fixture
def client(other_app: Callable[..., Flask], api: Api) -> Api:
    """A client of an application with two more resources, which are listed by cursor and not changed."""
    app = other_app()
    things = Blueprint("things", __name__, url_prefix="/api/things")
    Resource(
        Names("thing", "ThingPermission", 9001),
        SMSNotifier,
        SMSNotifierSchema,
        operations=("list", "read"),
        pagination=CursorListing,
        filters={"name": text(NOTIFIERS.name, "By name."), "backend": one_of(NOTIFIERS.backend, BUILT_IN)},
        indexes=(),
    ).register(things)
    parts = Blueprint("parts", __name__, url_prefix="/api/things/<id:notifier_id>/parts")
    Resource(
        Names("part", "PartPermission", 9011),
        SMSPattern,
        SMSPatternSchema,
        operations=("list",),
        pagination=CursorListing,
        parent="notifier_id",
        filters={"name": text(PATTERNS.name, "By name.")},
        indexes=(("notifier_id",),),
    ).register(parts)
    app.register_blueprint(things)
    app.register_blueprint(parts)
    app.extensions["declarations"] = declarations(app)
    return Api(app.test_client(), api.token)


def test_a_resource_has_the_operations_that_it_names(client: Api, app: Flask) -> None:
    with app.app_context():
        id_ = SMSNotifierFactory().id
    assert client.get(f"/api/things/{id_}").json["id"] == id_
    for method, url in (
        ("POST", "/api/things"),
        ("PATCH", f"/api/things/{id_}"),
        ("DELETE", f"/api/things/{id_}"),
    ):
        assert client.call(method, url, {"name": "another", "backend": "ippanel"}).status == 405


def test_a_resource_is_listed_by_cursor_if_it_says_so(client: Api, app: Flask) -> None:
    with app.app_context():
        ids = [SMSNotifierFactory(name=name).id for name in ("a", "b", "a", "a")]
    first = client.get("/api/things?name=a&limit=2").json
    assert [one["id"] for one in first["results"]] == [ids[3], ids[2]]
    assert (list(first), first["previous"]) == (["next", "previous", "results"], None)
    second = client.get(f"/api/things?{urlsplit(first['next']).query}").json
    assert ([one["id"] for one in second["results"]], second["next"]) == ([ids[0]], None)
    assert client.get("/api/things?backend=none").json == {"backend": ['"none" is not a valid choice.']}


def test_a_list_by_cursor_is_of_its_parent_alone(client: Api, app: Flask) -> None:
    with app.app_context():
        one, other = SMSNotifierFactory().id, SMSNotifierFactory().id
        ids = {SMSPatternFactory(notifier_id=one).id for _ in range(3)}
    assert {part["id"] for part in client.get(f"/api/things/{one}/parts").json["results"]} == ids
    assert client.get(f"/api/things/{other}/parts").json["results"] == []
    assert client.get(f"/api/things/{other + 1}/parts").status == 404
    assert client.get(f"/api/things/{one}/parts?notifier_id={other}").status == 400
