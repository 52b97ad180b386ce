"""Who may do what: every operation of the API, called by every kind of caller."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Blueprint, Flask

from notifyhub import app as factory
from notifyhub.api.endpoint import Access, Permission, UndeclaredView
from notifyhub.auth.guard import declared
from notifyhub.auth.models import Role
from tests.support.clients import Api
from tests.support.environment import slow_on_postgresql
from tests.support.factories import EmailPatternFactory, SMSPatternFactory

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
PATTERNS = f"{SMS}/<id:notifier_id>/patterns"
EMAIL_PATTERNS = f"{EMAIL}/<id:notifier_id>/patterns"
SETTINGS = "/api/settings/notifications"
DELIVERY = "/api/settings/delivery"
MESSAGES = "/api/notifications/messages"
HEALTH = "/api/notifications/health"
STATISTICS = "/api/notifications/statistics"
BATCHES = "/api/notifications/batches"
OTP = "/api/notifications/otp"
OTP_SETTINGS = "/api/settings/otp"
WEBHOOKS = "/api/notifications/webhooks"
USERS = "/api/users"
TOKENS = f"{USERS}/<id:id>/tokens"

FORBIDDEN = {"detail": "You do not have permission to perform this action."}
UNAUTHENTICATED = {"detail": "Authentication credentials were not provided."}


def resource(collection: str, first_code: int) -> dict[tuple[str, str], int]:
    """Return the codes of a resource's operations. POST on one object is the documentation's own update."""
    one = f"{collection}/<id:id>"
    create, view, change, delete = range(first_code, first_code + 4)
    return {
        ("POST", collection): create,
        ("GET", collection): view,
        ("HEAD", collection): view,
        ("GET", one): view,
        ("HEAD", one): view,
        ("PATCH", one): change,
        ("POST", one): change,
        ("DELETE", one): delete,
    }


CODES = {
    **resource(SMS, 2811),
    **resource(PATTERNS, 2821),
    **resource(EMAIL, 2831),
    **resource(EMAIL_PATTERNS, 2841),
    ("POST", f"{SMS}/<id:id>/check"): 2812,
    ("POST", f"{EMAIL}/<id:id>/check"): 2832,
    ("POST", f"{PATTERNS}/sync"): 2823,
    **{("POST", f"{MESSAGES}{rest}"): 7811 for rest in ("", "/bulk", "/preview")},
    **{(method, MESSAGES): 7812 for method in ("GET", "HEAD")},
    **{(method, f"{MESSAGES}/<id:id>"): 7812 for method in ("GET", "HEAD")},
    **{(method, f"{BATCHES}{rest}"): 7812 for method in ("GET", "HEAD") for rest in ("", "/<id:id>")},
    **{
        ("POST", f"{collection}/<id:id>/{change}"): 7813
        for collection in (MESSAGES, BATCHES)
        for change in ("cancel", "retry")
    },
    **{(method, url): 7812 for method in ("GET", "HEAD") for url in (HEALTH, STATISTICS)},
    ("POST", OTP): 7821,
    **{(method, f"{OTP}{rest}"): 7822 for method in ("GET", "HEAD") for rest in ("", "/<id:id>")},
    ("POST", f"{OTP}/verify"): 7823,
    ("POST", f"{OTP}/<id:id>/cancel"): 7824,
    **{(method, url): 1036 for method in ("GET", "HEAD") for url in (SETTINGS, DELIVERY, OTP_SETTINGS)},
    **{("PATCH", url): 1037 for url in (SETTINGS, DELIVERY, OTP_SETTINGS)},
    **resource(WEBHOOKS, 7831),
    **{(method, f"{WEBHOOKS}/<id:id>/deliveries"): 7832 for method in ("GET", "HEAD")},
    **{("POST", f"{WEBHOOKS}/<id:id>/{change}"): 7833 for change in ("rotate-secret", "test", "recover")},
    ("POST", f"{WEBHOOKS}/<id:id>/deliveries/<id:delivery_id>/redeliver"): 7833,
    **{(method, "/api/audit"): 7842 for method in ("GET", "HEAD")},
    **resource(USERS, 7851),
    **{(method, TOKENS): 7852 for method in ("GET", "HEAD")},
    ("POST", TOKENS): 7853,
    ("DELETE", f"{TOKENS}/<id:token_id>"): 7853,
}
ALL = frozenset(CODES.values())
operations = pytest.mark.parametrize(("method", "rule"), CODES, ids=str)


class Objects(NamedTuple):
    """The ids of one object of each kind, and of none."""

    sms: int
    pattern: int
    email: int
    email_pattern: int
    missing: int = 99


@pytest.fixture
def objects(app: Flask) -> Objects:
    with app.app_context():
        sms, email = SMSPatternFactory(), EmailPatternFactory()
        return Objects(sms.notifier_id, sms.id, email.notifier_id, email.id)


def path(rule: str, parent: int = 99, id: int = 99) -> str:
    rule = rule.replace("<id:delivery_id>", str(id)).replace("<id:token_id>", str(id))
    return rule.replace("<id:notifier_id>", str(parent)).replace("<id:id>", str(id))


def test_the_operations_are_those_of_the_contract(app: Flask) -> None:
    """Whatever else there is, is open to anybody or to any token, and named here."""
    found: dict[tuple[str, str], int] = {}
    others: set[tuple[str, Access]] = set()
    with app.app_context():
        for rule in app.url_map.iter_rules():
            access = declared(rule.endpoint).access
            if declared(rule.endpoint).for_browsers:  # the console's pages: tests/console
                continue
            for method in (rule.methods or set()) - {"OPTIONS"}:
                if isinstance(access, Permission):
                    found[method, rule.rule] = access.code
                else:
                    others.add((rule.rule.split("<")[0].rstrip("/"), access))
    assert found == CODES
    assert others <= {
        ("", Access.PUBLIC),
        ("/healthz", Access.PUBLIC),
        ("/readyz", Access.PUBLIC),
        ("/metrics", Access.PUBLIC),
        ("/api/openapi.json", Access.PUBLIC),
        ("/api/docs", Access.PUBLIC),
        ("/api/me", Access.ANY_TOKEN),
    }


@slow_on_postgresql
@operations
def test_an_operation_is_for_admins_and_for_staff_with_its_code(
    method: str,
    rule: str,
    anonymous: Api,
    api: Api,
    staff: Callable[..., Api],
    token: Callable[..., str],
) -> None:
    code = CODES[method, rule]
    head = method == "HEAD"

    refused = anonymous.call(method, path(rule))
    assert (refused.status, refused.json) == (401, None if head else UNAUTHENTICATED)
    user = Api(api.client, token(Role.USER, tuple(ALL)))
    for caller in (user, staff(), staff(*(ALL - {code}))):
        refused = caller.call(method, path(rule))
        assert (refused.status, refused.json) == (403, None if head else FORBIDDEN)
    for caller in (staff(code), api):
        assert caller.call(method, path(rule)).status in {200, 400, 404}


MISSING = [
    ("GET", f"{SMS}/99", {}),
    ("PATCH", f"{SMS}/99", {"json": {"name": None}}),
    ("POST", f"{SMS}/99", {"json": {"name": None}}),
    ("DELETE", f"{SMS}/99", {"json": []}),
    ("PATCH", f"{EMAIL}/99", {"json": {"port": "x"}}),
    ("DELETE", f"{EMAIL}/99", {}),
    ("POST", f"{SMS}/99/patterns", {"json": {}}),
    ("GET", f"{SMS}/99/patterns?limit=none", {}),
    ("GET", f"{SMS}/99/patterns?ordering=colour", {}),
    ("GET", f"{SMS}/99/patterns/{{pattern}}", {}),
    ("PATCH", f"{SMS}/99/patterns/{{pattern}}", {"json": {"status": "x"}}),
    ("PATCH", f"{SMS}/{{sms}}/patterns/99", {"json": {"status": "x"}}),
    ("PATCH", f"{SMS}/{{sms}}/patterns/99", {"data": "{", "content_type": "application/json"}),
    ("PATCH", f"{SMS}/{{sms}}/patterns/99", {"data": "a=b", "content_type": "text/plain"}),
    ("DELETE", f"{SMS}/99/patterns/{{pattern}}", {}),
    ("POST", f"{EMAIL}/99/patterns", {"json": {}}),
    ("GET", f"{EMAIL}/99/patterns?limit=none", {}),
    ("GET", f"{EMAIL}/99/patterns/{{email_pattern}}", {}),
    ("PATCH", f"{EMAIL}/99/patterns/{{email_pattern}}", {"json": {"subject": None}}),
    ("POST", f"{EMAIL}/{{email}}/patterns/99", {"json": {"subject": None}}),
    ("DELETE", f"{EMAIL}/99/patterns/{{email_pattern}}", {}),
    ("GET", f"{SMS}/{'9' * 400}", {}),
    ("PATCH", f"{SMS}/{2**63}", {"json": {}}),
    ("GET", f"{MESSAGES}/99", {}),
    ("GET", f"{BATCHES}/99", {}),
    ("POST", f"{BATCHES}/99/cancel", {"json": []}),
    ("POST", f"{BATCHES}/99/retry", {"data": "a=b", "content_type": "text/plain"}),
    ("POST", f"{MESSAGES}/99/cancel", {"json": []}),
    ("POST", f"{MESSAGES}/99/retry", {"data": "a=b", "content_type": "text/plain"}),
    ("GET", f"{OTP}/99", {}),
    ("POST", f"{OTP}/99/cancel", {"json": []}),
    ("PATCH", f"{WEBHOOKS}/99", {"json": {"url": "x"}}),
    ("GET", f"{WEBHOOKS}/99/deliveries?limit=none", {}),
    ("POST", f"{WEBHOOKS}/99/rotate-secret", {"json": []}),
    ("POST", f"{WEBHOOKS}/99/test", {"data": "a=b", "content_type": "text/plain"}),
    ("POST", f"{WEBHOOKS}/99/deliveries/99/redeliver", {}),
    ("POST", f"{WEBHOOKS}/99/recover", {"json": {}}),
    ("GET", f"{USERS}/99", {}),
    ("PATCH", f"{USERS}/99", {"json": {"role": "x"}}),
    ("POST", f"{USERS}/99", {"data": "{", "content_type": "application/json"}),
    ("DELETE", f"{USERS}/99", {"json": []}),
    ("GET", f"{USERS}/99/tokens?limit=none", {}),
    ("POST", f"{USERS}/99/tokens", {"json": {"test": "x"}}),
    ("DELETE", f"{USERS}/99/tokens/1", {}),
    ("DELETE", f"{USERS}/1/tokens/99", {}),
]


@slow_on_postgresql
@pytest.mark.parametrize(("method", "url", "request_"), MISSING)
def test_401_comes_before_403_before_404_before_400(
    method: str,
    url: str,
    request_: dict[str, Any],
    anonymous: Api,
    api: Api,
    staff: Callable[..., Api],
    objects: Objects,
) -> None:
    url = url.format(**objects._asdict())
    assert anonymous.call(method, url, **request_).status == 401
    assert staff().call(method, url, **request_).status == 403
    answer = api.call(method, url, **request_)
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    ("method", "url", "request_", "status"),
    [
        ("POST", SMS, {"json": {}}, 400),
        ("GET", f"{SMS}?limit=none", {}, 400),
        ("PATCH", f"{SMS}/{{sms}}", {"json": {"name": None}}, 400),
        ("PATCH", f"{SMS}/{{sms}}", {"data": "{", "content_type": "application/json"}, 400),
        ("PATCH", f"{SMS}/{{sms}}", {"data": "a=b", "content_type": "text/plain"}, 415),
        ("POST", SMS, {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"}, 413),
        ("POST", f"{SMS}/{{sms}}/patterns", {"json": []}, 400),
        ("PATCH", f"{EMAIL}/{{email}}", {"json": {"port": 0}}, 400),
        ("POST", f"{EMAIL}/{{email}}/patterns", {"json": {}}, 400),
        ("PATCH", f"{EMAIL}/{{email}}/patterns/{{email_pattern}}", {"json": {"subject": ""}}, 400),
        ("PATCH", SETTINGS, {"json": {"notifications_otp_ttl": 1}}, 400),
        *(("POST", f"{MESSAGES}{rest}", {"json": {}}, 400) for rest in ("", "/bulk", "/preview")),
        ("POST", MESSAGES, {"data": "a=b", "content_type": "text/plain"}, 415),
        ("GET", f"{MESSAGES}?limit=none", {}, 400),
        ("GET", f"{MESSAGES}?cursor=x", {}, 404),
        *(("GET", f"{collection}?limit=none", {}, 400) for collection in (BATCHES, OTP)),
    ],
)
def test_a_body_is_judged_only_for_those_who_may_send_it(
    method: str,
    url: str,
    request_: dict[str, Any],
    status: int,
    anonymous: Api,
    api: Api,
    staff: Callable[..., Api],
    objects: Objects,
) -> None:
    url = url.format(**objects._asdict())
    assert anonymous.call(method, url, **request_).status == 401
    assert staff().call(method, url, **request_).status == 403
    assert api.call(method, url, **request_).status == status


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("PUT", SMS, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("DELETE", SMS, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", f"{SMS}/1", {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"}),
        ("PUT", f"{EMAIL}/1", {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"}),
        ("TRACE", f"{SMS}/1/patterns", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", f"{EMAIL}/1/patterns", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", f"{EMAIL}/1/patterns/1", {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"}),
        ("POST", SETTINGS, {"GET", "HEAD", "OPTIONS", "PATCH"}),
        ("PUT", SETTINGS, {"GET", "HEAD", "OPTIONS", "PATCH"}),
        ("POST", "/api/me", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", MESSAGES, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PATCH", f"{MESSAGES}/1", {"GET", "HEAD", "OPTIONS"}),
        ("GET", f"{MESSAGES}/1/cancel", {"OPTIONS", "POST"}),
        ("GET", f"{MESSAGES}/bulk", {"OPTIONS", "POST"}),
        ("POST", f"{BATCHES}/1", {"GET", "HEAD", "OPTIONS"}),
        ("POST", BATCHES, {"GET", "HEAD", "OPTIONS"}),
        ("GET", f"{BATCHES}/1/retry", {"OPTIONS", "POST"}),
        ("PUT", f"{USERS}/1", {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"}),
        ("PATCH", f"{USERS}/1/tokens", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", f"{USERS}/1/tokens/1", {"DELETE", "OPTIONS"}),
    ],
)
def test_a_method_that_a_url_lacks_is_405_after_the_401(
    method: str, url: str, allowed: set[str], anonymous: Api, api: Api, staff: Callable[..., Api]
) -> None:
    refused = anonymous.call(method, url)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Token")
    for caller in (api, staff()):
        answer = caller.call(method, url)
        assert (answer.status, answer.json) == (405, {"detail": f'Method "{method}" not allowed.'})
        assert set(answer.headers["Allow"].split(", ")) == allowed


def test_a_public_url_without_the_method_is_405_for_anybody(anonymous: Api) -> None:
    assert anonymous.post("/healthz", {}).status == 405


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("url", ["/api", "/api/nothing", f"{SMS}/abc", f"{SMS}/-1", f"{SMS}/1/x", f"{SMS}/۱"])
def test_an_unknown_url_is_404_for_anybody(method: str, url: str, anonymous: Api) -> None:
    answer = anonymous.call(method, url)
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_options_needs_no_token_and_names_the_methods(anonymous: Api) -> None:
    for rule in {rule for _, rule in CODES} | {"/api/me", "/healthz"}:
        answer = anonymous.call("OPTIONS", path(rule))
        methods = {method for method, other in CODES if other == rule} or {"GET", "HEAD"}
        assert (answer.status, answer.response.data) == (200, b"")
        assert set(answer.headers["Allow"].split(", ")) == methods | {"OPTIONS"}


def test_head_answers_as_get_without_a_body(api: Api, objects: Objects) -> None:
    for url in (SMS, f"{SMS}/{objects.sms}", f"{SMS}/{objects.sms}/patterns", SETTINGS, "/api/me"):
        got, head = api.get(url), api.call("HEAD", url)
        assert (head.status, head.response.data) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_a_trailing_slash_changes_nothing(
    anonymous: Api, api: Api, staff: Callable[..., Api], objects: Objects
) -> None:
    for url in (f"{SMS}/", f"{SMS}/{objects.sms}/", f"{SMS}/{objects.sms}/patterns/", f"{SETTINGS}/"):
        assert anonymous.get(url).status == 401
        assert staff().get(url).status == 403
        assert api.get(url).status == 200


def test_an_undeclared_view_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    forgotten = Blueprint("forgotten", __name__)
    forgotten.add_url_rule("/api/forgotten", "view", lambda: "open to anybody")
    monkeypatch.setattr(factory, "BLUEPRINTS", (*factory.BLUEPRINTS, forgotten))
    with pytest.raises(UndeclaredView, match=r"forgotten\.view"):
        factory.create_app(environment)
