"""A client that openapi-python-client makes of the OpenAPI document, talking to the service."""

import importlib
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.environment import ROOT
from tests.support.live import Live
from tests.support.service import until

pytestmark = pytest.mark.slow

PACKAGE = "notify_hub_client"
"""What the generator calls it by itself."""


class Generated:
    """The package that was made; `call` calls an operation of it by its tag and id."""

    def __init__(self, client: Any) -> None:
        self.models = _module("models")
        self._client = client

    def call(self, tag: str, operation: str, *path: int, **given: Any) -> tuple[int, Any]:
        """Return the status and the object of an answer."""
        answer = _module(f"api.{tag}.{operation}").sync_detailed(*path, client=self._client, **given)
        return int(answer.status_code), answer.parsed


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture(scope="module")
def package(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Generate the client's package where it can be imported; the generator may not even warn."""
    folder = tmp_path_factory.mktemp("client")
    status, document = live.service.get("/api/openapi.json")
    assert status == 200
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.json").write_text('{"post_hooks": []}')  # they would only format it
    command = [Path(sysconfig.get_path("scripts")) / "openapi-python-client", "generate", "--meta", "none"]
    options = ["--path", "openapi.json", "--config", "config.json", "--fail-on-warning"]
    made = subprocess.run(
        [*command, *options, "--output-path", PACKAGE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    words = made.stdout + made.stderr
    assert (made.returncode, "arning" in words) == (0, False), words
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@contextmanager
def client_of(live: Live, key: str) -> Iterator[Generated]:
    url = f"http://127.0.0.1:{live.service.port}"
    made = _module("client").AuthenticatedClient(url, key, prefix="Token", raise_on_unexpected_status=True)
    with made as client:
        yield Generated(client)


@pytest.fixture
def generated(live: Live, package: Path) -> Iterator[Generated]:
    with client_of(live, live.key) as client:
        yield client


def test_every_operation_is_generated_and_no_type_has_a_number_for_a_name(live: Live, package: Path) -> None:
    document = live.service.get("/api/openapi.json")[1]
    ids = {
        item["operationId"]
        for path in document["paths"].values()
        for method, item in path.items()
        if method != "parameters"
    }
    modules = {module.stem for module in package.glob("api/*/*.py")} - {"__init__"}
    assert modules == ids
    types = [module.stem for module in package.glob("models/*.py")]
    assert "message_request" in types
    assert [name for name in types if re.search("_type_?[0-9]", name)] == []


def test_a_generated_client_sends_an_sms(live: Live, generated: Generated) -> None:
    models = generated.models
    body = models.MessageRequest(
        channel=models.MessageRequestChannel.SMS, to="09121290001", text="Hello", reference="generated"
    )
    status, made = generated.call("messages", "messages_send", body=body, idempotency_key="generated-1")
    again = generated.call("messages", "messages_send", body=body, idempotency_key="generated-1")
    assert (status, made.status, made.channel) == (201, "queued", models.MessageChannel.SMS)
    assert again == (201, made)
    live.ended(made.id)
    status, found = generated.call("messages", "messages_show", made.id)
    assert (status, found.status, found.to, found.text) == (200, "sent", "+989121290001", "Hello")
    assert found.created_at.utcoffset() is not None
    assert found.encoding is models.MessageDetailEncoding.GSM7
    assert [attempt.outcome for attempt in found.attempts] == [models.AttemptOutcome.ACCEPTED]
    assert len(live.melipayamak.journal.messages("09121290001")) == 1
    status, page = generated.call("messages", "messages_list_messages", reference="generated")
    assert (status, [message.id for message in page.results], page.next_) == (200, [made.id], None)


@pytest.mark.usefixtures("package")
def test_the_program_of_the_document_sends_a_message(live: Live) -> None:
    """The second one in Python in docs/clients.md, as it is shown but for address, recipient and key."""
    text = re.findall("```python\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(), re.DOTALL)[1]
    for shown, own in (
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{live.service.port}"),
        ("order-1234-shipped", "generated-2"),
        ("09121234567", "09121290003"),
    ):
        assert text.count(shown) == 1
        text = text.replace(shown, own)
    names: dict[str, Any] = {"TOKEN": live.key}
    exec(text, names)
    assert (names["answer"].status_code, names["answer"].parsed.to) == (201, "+989121290003")
    assert live.ended(names["answer"].parsed.id)["status"] == "sent"


def test_a_generated_client_sends_an_email(live: Live, generated: Generated) -> None:
    models = generated.models
    attachment = models.Attachment(filename="a.txt", content_type="text/plain", content="aGk=")
    body = models.MessageRequest(
        channel=models.MessageRequestChannel.EMAIL,
        to="generated@example.com",
        subject="سفارش",
        html="<p>Hello</p>",
        attachments=[attachment],
    )
    status, made = generated.call("messages", "messages_send", body=body)
    assert (status, made.channel) == (201, models.MessageChannel.EMAIL)
    assert live.ended(made.id)["status"] == "sent"
    (mail,) = live.smtp.journal.messages("generated@example.com")
    assert b"a.txt" in mail.content


def test_a_generated_client_reads_and_changes_accounts_patterns_and_settings(
    live: Live, generated: Generated
) -> None:
    models = generated.models
    status, notifier = generated.call("sms_notifiers", "sms_notifiers_show", live.sms_notifier)
    assert (status, notifier.name) == (200, "console")
    assert isinstance(notifier.settings, models.MelipayamakSettings)
    pattern = models.SMSPatternRequest(name="generated", code="13420", body="Your code is {0}")
    status, made = generated.call("sms_patterns", "sms_patterns_create", live.sms_notifier, body=pattern)
    assert (status, made.description) == (201, None)
    where = (live.sms_notifier, made.id)
    change = models.PatchedSMSPattern(description="Of the generated client")
    status, changed = generated.call("sms_patterns", "sms_patterns_update", *where, body=change)
    assert (status, changed.name, changed.description) == (200, "generated", "Of the generated client")
    status, page = generated.call("sms_patterns", "sms_patterns_page", live.sms_notifier, search="generated")
    assert (status, page.count, page.results) == (200, 1, [changed])
    assert generated.call("sms_patterns", "sms_patterns_delete", *where) == (204, None)
    status, missing = generated.call("sms_patterns", "sms_patterns_show", *where)
    assert (status, missing) == (404, models.Error("Not found."))
    status, settings = generated.call("settings", "settings_show_notification_settings")
    assert (status, settings.notifications_sms_notifier_data.id) == (200, live.sms_notifier)


def test_a_generated_client_logs_a_user_in_with_a_code(live: Live, generated: Generated) -> None:
    models = generated.models
    body = models.OTPRequest(to="09121290002", client="203.0.113.9")
    status, issued = generated.call("one_time_passwords", "otp_send", body=body)
    assert (status, issued.status) == (201, models.IssuedOTPStatus.PENDING)
    (sms,) = until(lambda: live.melipayamak.journal.messages("09121290002"), "the code is sent")
    code = re.findall("[0-9]{5}", sms.text)[-1]
    wrong = models.VerificationRequest(id=issued.id, code="1" if code != "1" else "2")
    status, verdict = generated.call("one_time_passwords", "otp_check", body=wrong)
    assert (status, verdict.verified) == (200, False)
    assert verdict.reason is models.VerificationReason.WRONG_CODE
    right = models.VerificationRequest(to="09121290002", code=code)
    status, verdict = generated.call("one_time_passwords", "otp_check", body=right)
    assert (status, verdict.verified, verdict.reason) == (200, True, None)


def test_a_generated_client_is_told_what_is_wrong(live: Live, generated: Generated) -> None:
    models = generated.models
    body = models.MessageRequest(channel=models.MessageRequestChannel.SMS, to="not a number", text="Hello")
    status, errors = generated.call("messages", "messages_send", body=body)
    assert (status, type(errors)) == (400, models.FieldErrors)
    assert errors.additional_keys == ["to"]
    nested = models.SMSNotifierRequest.from_dict({"name": "x", "backend": "ippanel", "settings": {"a": 1}})
    status, errors = generated.call("sms_notifiers", "sms_notifiers_create", body=nested)
    assert (status, errors["settings"]["token"]) == (400, ["This field is required."])
    with client_of(live, "unknown") as stranger:
        assert stranger.call("account", "auth_me") == (401, models.Error("Invalid token."))
