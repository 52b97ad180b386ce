"""Pages of patterns, of SMS and of mails."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from notifyhub.auth.models import Role
from notifyhub.extensions import db
from notifyhub.patterns.models import EmailPattern, SMSPattern
from tests.simulators import IPPanelSimulator, ippanel
from tests.support.clients import Api
from tests.support.console import Console
from tests.support.environment import slow_on_postgresql
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

SignIn = Callable[..., Console]

HTML = "<h1>Order {0}</h1><script>alert(1)</script><img src='https://evil.example/x.png'><p>{1}</p>"
MARKUP = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x\u202egnp.exe")


@pytest.fixture
def sms(app: Flask) -> str:
    """The address of the patterns of an SMS account."""
    with app.app_context():
        return f"/accounts/sms/{SMSNotifierFactory(name='shop').id}/patterns"


@pytest.fixture
def email(app: Flask) -> str:
    """The address of the patterns of an email account."""
    with app.app_context():
        return f"/accounts/email/{EmailNotifierFactory(name='mail').id}/patterns"


def _account(patterns: str) -> int:
    return int(patterns.split("/")[3])


def _made(app: Flask, patterns: str, **values: Any) -> str:
    """The address of a stored pattern."""
    factory = SMSPatternFactory if "/sms/" in patterns else EmailPatternFactory
    with app.app_context():
        return f"{patterns}/{factory(notifier_id=_account(patterns), **values).id}"


def _stored(app: Flask, pattern: str) -> Any:
    model = SMSPattern if "/sms/" in pattern else EmailPattern
    with app.app_context():
        return db.session.get_one(model, int(pattern.rpartition("/")[2]))


def test_an_sms_pattern_is_created_shown_changed_and_deleted(app: Flask, operator: Console, sms: str) -> None:
    assert "It has no patterns yet." in operator.get(sms).text
    values = {"name": "otp", "code": "13420", "status": "approved", "body": "کد {0}\r\n{1} دقیقه"}
    page = operator.submit(f"{sms}/new", values)
    assert page.location is not None
    pattern = page.location.removeprefix("/console")
    page = operator.follow(page)
    assert "The pattern was created." in page.text
    assert _stored(app, pattern).body == "کد {0}\n{1} دقیقه"
    assert page.all("h1 .badge") == ["Approved"]
    assert "1 segment as it stands, in UCS-2 . Longer values make more of them." in page.text
    assert page.all(".facts dd")[0] == "{0} {1}"
    assert operator.submit(f"{pattern}/edit", {"status": "rejected"}).status == 302
    assert _stored(app, pattern).status == "rejected"
    page = operator.get(f"{pattern}/delete")
    assert "Do you want to delete the pattern “ otp ” of the account “ shop ”?" in page.text
    assert "The pattern was deleted." in operator.follow(operator.submit(f"{pattern}/delete")).text
    assert operator.get(pattern).status == 404


def test_a_list_is_filtered_searched_and_ordered_as_the_api_does(
    app: Flask, operator: Console, sms: str, email: str
) -> None:
    _made(app, sms, name="beta", status="approved", description="said")
    _made(app, sms, name="alpha", body="nothing")
    names = "td:first-child"
    assert operator.get(f"{sms}?status=approved").all(names) == ["beta"]
    assert operator.get(f"{sms}?search=noth").all(names) == ["alpha"]
    assert operator.get(f"{sms}?ordering=name").all(names) == ["alpha", "beta"]
    assert operator.get(f"{sms}?has_description=true").all(names) == ["beta"]
    assert operator.get(f"{sms}?status=maybe").all(".errors li") == ['"maybe" is not a valid choice.']
    _made(app, email, name="with", body_html="<p></p>")
    _made(app, email, name="without")
    assert operator.get(f"{email}?has_body_html=false").all(names) == ["without"]


BAD = [
    ({"name": ""}, {"name": ["This field may not be blank."]}),
    ({"code": ""}, {"code": ["This field may not be blank."]}),
    ({"body": " "}, {"body": ["This field may not be blank."]}),
    ({"status": "maybe"}, {"status": ['"maybe" is not a valid choice.']}),
    ({"name": "taken"}, {"name": ["sms pattern with this name already exists."]}),
    ({"body": "x" * 10_001}, {"body": ["Ensure this field has no more than 10000 characters."]}),
]


@pytest.mark.parametrize(("values", "errors"), BAD)
def test_what_is_wrong_stands_at_its_field_and_what_was_given_is_kept(
    app: Flask, operator: Console, sms: str, values: dict[str, str], errors: Any
) -> None:
    _made(app, sms, name="taken")
    given = {"name": "new", "code": "1", "status": "created", "body": "text", "description": "d", **values}
    page = operator.submit(f"{sms}/new", given)
    assert (page.status, page.errors) == (400, errors)
    form = page.form()
    assert {name: form[name] for name in ("name", "code", "body", "description")} == {
        name: given[name] for name in ("name", "code", "body", "description")
    }


def test_what_is_wrong_with_a_mail_pattern_stands_at_its_field(operator: Console, email: str) -> None:
    page = operator.submit(f"{email}/new", {"name": "x", "from_email": "nobody", "subject": "a\nb"})
    assert page.status == 400
    assert set(page.errors) == {"from_email", "subject", "body_text"}


def test_what_was_not_changed_is_not_sent(app: Flask, api: Api, operator: Console, email: str) -> None:
    pattern = _made(app, email, subject="Then", body_html="<p>then</p>")
    form = operator.get(f"{pattern}/edit").form()
    api.patch(f"/api/notifications/notifiers{pattern.removeprefix('/accounts')}", {"body_html": "<p>now</p>"})
    assert operator.post(f"{pattern}/edit", {**form, "subject": "Now"}).status == 302
    stored = _stored(app, pattern)
    assert (stored.subject, stored.body_html) == ("Now", "<p>now</p>")


def test_a_mail_pattern_may_be_as_long_as_the_api_takes(app: Flask, operator: Console, email: str) -> None:
    html = "<p>" + "x" * 499_993 + "</p>"
    values = {"name": "long", "subject": "s", "body_text": "ت" * 2000, "body_html": html}
    page = operator.post(f"{email}/new", values, content_type="multipart/form-data")
    assert page.status == 302
    assert _stored(app, str(page.location)).body_html == html


def test_the_picture_of_a_mail_runs_nothing_and_loads_nothing(
    app: Flask, operator: Console, email: str
) -> None:
    pattern = _made(app, email, body_html=HTML)
    page = operator.get(pattern)
    (frame,) = page.soup.select("iframe")
    assert frame.has_attr("sandbox")
    assert not frame["sandbox"]
    assert frame["src"] == f"/console{pattern}/picture"
    assert "alert(1)" not in page.html
    picture = operator.get(f"{pattern}/picture")
    assert picture.html.startswith("<h1>Order Example 1</h1>")
    assert picture.html.endswith("<p>Example 2</p>")
    (policy,) = picture.response.headers.getlist("Content-Security-Policy")
    parts = {part.strip() for part in policy.split(";")}
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"} <= parts
    assert "script-src" not in policy


def test_the_picture_of_a_mail_without_html_is_its_text(app: Flask, operator: Console, email: str) -> None:
    pattern = _made(app, email, body_text="<b>{0}</b>")
    picture = operator.get(f"{pattern}/picture")
    assert picture.soup.select("b") == []
    assert picture.all("body") == ["<b>Example 1</b>"]


@pytest.mark.parametrize("stored", [True, False])
def test_a_mail_is_previewed_as_it_is_being_written(
    app: Flask, operator: Console, email: str, stored: bool
) -> None:
    pattern = _made(app, email, body_html="<p>stored</p>")
    form = operator.get(f"{pattern}/edit" if stored else f"{email}/new")
    (button,) = form.soup.select("button[formtarget=preview]")
    assert form.soup.select("iframe[name=preview][sandbox]")
    address = str(button["formaction"]).removeprefix("/console")
    picture = operator.post(address, {**form.form(), "body_html": HTML})
    assert "Order Example 1" in picture.html
    assert "sandbox" in picture.response.headers["Content-Security-Policy"]
    assert _stored(app, pattern).body_html == "<p>stored</p>"
    forged = operator.client.post(f"/console{address}", data={"body_html": HTML})
    assert forged.status_code == 400


@pytest.mark.usefixtures("_simulated")
def test_approvals_are_read_from_the_provider_and_missing_patterns_created(
    app: Flask, operator: Console, edge: IPPanelSimulator
) -> None:
    with app.app_context():
        settings = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
        notifier = SMSNotifierFactory(backend="ippanel", settings=settings).id
        SMSPatternFactory(notifier_id=notifier, code="simulatedotp001", status="pending")
    address = f"/accounts/sms/{notifier}/patterns"
    page = operator.post(f"{address}/sync")
    assert page.status == 200
    others = str(len(edge.patterns) - 1)
    assert page.all(".facts dd") == ["1", "0", "0", others]
    assert "simulatedhello1" in page.all(".codes .code")
    page = operator.post(f"{address}/sync?create=true")
    assert page.all(".facts dd") == ["0", "1", others, "0"]
    assert len(operator.get(address).all("tbody tr")) == len(edge.patterns)


def test_a_provider_that_shows_no_patterns_is_said_so(operator: Console, sms: str) -> None:
    page = operator.follow(operator.post(f"{sms}/sync"))
    assert page.all(".notice.bad") == ["The SMS backend melipayamak shows no patterns of an account."]


def test_a_pattern_that_codes_go_by_is_not_deleted(app: Flask, api: Api, operator: Console, sms: str) -> None:
    pattern = _made(app, sms, status="approved")
    id_ = int(pattern.rpartition("/")[2])
    assert api.patch("/api/settings/otp", {"otp_sms_pattern": id_}).status == 200
    assert "One-time codes go by it" in operator.get(pattern).all("h1 .badge")
    page = operator.submit(f"{pattern}/delete")
    assert page.status == 409
    assert "The settings of one-time passwords name this pattern" in page.text


@pytest.mark.parametrize("text", MARKUP)
def test_markup_from_outside_is_text(app: Flask, operator: Console, sms: str, email: str, text: str) -> None:
    one = _made(app, sms, name=text, code=text, body=text, description=text)
    other = _made(app, email, name=text, subject=text, body_text=text, body_html=text, description=text)
    for path in (sms, one, f"{one}/edit", f"{one}/delete", email, other, f"{other}/edit", f"{other}/delete"):
        page = operator.get(path)
        assert page.status == 200
        assert [script for script in page.soup.select("script") if not script.get("src")] == []
        assert page.soup.select("img") == []


SEEN = [
    ((2822,), "{sms}", 200),
    ((2812,), "{sms}", 403),
    ((2842,), "{sms}", 403),
    ((2822,), "{pattern}", 200),
    ((2822,), "{pattern}/edit", 403),
    ((2822, 2823), "{pattern}/edit", 200),
    ((2822, 2824), "{pattern}/delete", 200),
    ((2822, 2823), "{pattern}/delete", 403),
    ((2821,), "{sms}/new", 200),
    ((2842,), "{email}", 200),
    ((2841,), "{email}/new", 200),
    ((2822,), "{email}/new", 403),
]


@pytest.mark.parametrize(("codes", "path", "status"), SEEN)
def test_each_page_is_for_those_who_may_do_its_operation(
    app: Flask, signed_in: SignIn, sms: str, email: str, codes: tuple[int, ...], path: str, status: int
) -> None:
    pattern = _made(app, sms)
    address = path.format(sms=sms, email=email, pattern=pattern)
    assert signed_in(Role.STAFF, codes).get(address).status == status


def test_what_may_not_be_done_is_not_shown_and_not_possible(app: Flask, signed_in: SignIn, sms: str) -> None:
    pattern = _made(app, sms)
    viewer = signed_in(Role.STAFF, (2822,))
    assert viewer.get(sms).all(".actions *") == []
    assert viewer.get(pattern).all(".actions *") == []
    for path in (f"{sms}/sync", f"{sms}/new", f"{pattern}/edit", f"{pattern}/delete"):
        assert viewer.post(path).status == 403


def test_a_pattern_of_another_account_is_not_found(
    app: Flask, operator: Console, sms: str, email: str
) -> None:
    pattern = _made(app, email)
    assert operator.get(pattern.replace("/email/", "/sms/")).status == 404
    assert operator.get("/accounts/sms/999999/patterns").status == 404


def test_the_number_of_statements_does_not_grow_with_what_there_is(
    app: Flask, operator: Console, queries: Queries, sms: str, email: str
) -> None:
    for _ in range(60):
        one, other = _made(app, sms), _made(app, email)
    for path in (sms, email, one, other, f"{one}/edit", f"{other}/edit", f"{one}/delete", f"{other}/picture"):
        with queries as statements:
            assert operator.get(path).status == 200
        assert len(statements) <= 12, path


def test_the_pages_are_in_persian_too(app: Flask, operator: Console, sms: str) -> None:
    pattern = _made(app, sms, status="approved")
    operator.language = "fa"
    page = operator.get(pattern)
    assert page.all("h1 .badge") == ["تأییدشده"]
    assert "به همین شکل ۱ بخش" in page.text
