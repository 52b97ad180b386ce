"""nginx, with the file that is shown, in front of `notifyhub up`."""

import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench.slow_peers import KINDS
from tests.deploy.files import FOLDER
from tests.simulators.certificate import Certificate
from tests.support.environment import program
from tests.support.processes import free_port, stop, wait_for_port
from tests.support.service import Service, until

MAIN = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/others.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    include {folder}/notifyhub.conf;
}}
"""
"""What a distribution's nginx.conf has around the file that is shown."""

SAYS_WHO_CALLS = """
from flask import request
from notifyhub import cli
from notifyhub.api.endpoint import Access, Endpoint
create = cli.create_app
def create_app():
    app = create()
    app.extensions["declarations"]["who"] = Endpoint(Access.PUBLIC, "who", "Tests")
    app.add_url_rule("/who", "who", lambda: {
        "address": request.remote_addr, "scheme": request.scheme, "host": request.host,
        "root": request.root_path,
        "forwarded": {name: value for name, value in request.headers if "orwarded" in name}})
    return app
cli.create_app = create_app
"""
MEBIBYTE = 1024 * 1024
SLOW_CLIENTS = 60


@dataclass
class Front:
    """A running nginx: its ports for https and http, its folder, the service behind it and its token."""

    tls: int
    plain: int
    folder: Path
    context: ssl.SSLContext
    service_port: int
    key: str = ""

    def request(
        self, method: str, path: str, body: Any = None, source: str = "127.0.0.1", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return an answer over https, and its body."""
        connection = http.client.HTTPSConnection(
            "localhost", self.tls, timeout=30, source_address=(source, 0), context=self.context
        )
        given = {"Authorization": f"Token {self.key}", "Content-Type": "application/json", **headers}
        with closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), given)
            answer = connection.getresponse()
            return answer, answer.read()

    def open(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.tls), 10, source_address=(source, 0))
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def health(self) -> float:
        """Return the seconds that a healthy client waits."""
        started = time.monotonic()
        answer, body = self.request("GET", "/healthz", source="127.0.0.2")
        assert (answer.status, body) == (200, b'{"status":"ok"}')
        return time.monotonic() - started


def shown(folder: Path, certificate: Certificate, port: int, front: Front) -> str:
    """Return the file with ports, certificate, log and name of this machine; each place must be there."""
    text = (FOLDER / "nginx.conf").read_text()
    for old, new, count in (
        ("    listen [::]:80;\n", "", 1),
        ("    listen [::]:443 ssl http2;\n", "", 1),
        ("listen 80;", f"listen 127.0.0.1:{front.plain};", 1),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{front.tls} ssl http2;", 1),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{port};", 1),
        ("server_name notify.example.com;", "server_name localhost;", 2),
        ("/etc/notifyhub/tls/fullchain.pem", str(certificate.path), 1),
        ("/etc/notifyhub/tls/privkey.pem", str(certificate.path.with_name("key.pem")), 1),
        ("/var/log/nginx/notifyhub.log", f"{folder}/access.log", 2),
    ):
        assert text.count(old) == count, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[Front]:
    """Run nginx in front of a port."""
    command = [program("nginx"), "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]
    certificate = Certificate()
    context = ssl.create_default_context(cafile=str(certificate.path))
    front = Front(free_port(), free_port(), folder, context, port)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    (folder / "notifyhub.conf").write_text(shown(folder, certificate, port, front))
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert (checked.returncode, "[" in checked.stderr) == (0, False), checked.stderr
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, text=True)
    try:
        wait_for_port(process, front.tls)
        yield front
    finally:
        stop(process)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Run nginx in front of the service, which trusts one proxy and takes one host."""
    program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "service").mkdir()
    variables = {
        "NOTIFYHUB_INSTANCE": str(folder / "instance"),
        "NOTIFYHUB_TRUSTED_PROXIES": "1",
        "NOTIFYHUB_ALLOWED_HOSTS": "localhost",
    }
    service = Service(folder / "service", variables, "up", "--workers", "1", first=SAYS_WHO_CALLS)
    try:
        service.wait_until_it_serves()
        with nginx(folder, service.port) as started:
            started.key = service.key
            yield started
    finally:
        service.stop()


def connections_to(port: int) -> int:
    """Return how many connections to a port of this machine are open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_the_clients_address_scheme_and_host_arrive(front: Front) -> None:
    answer, body = front.request("GET", "/who", source="127.0.0.7")
    assert answer.status == 200
    assert json.loads(body) == {
        "address": "127.0.0.7",
        "scheme": "https",
        "host": "localhost",
        "root": "",
        "forwarded": {"X-Forwarded-For": "127.0.0.7", "X-Forwarded-Proto": "https"},
    }


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-For", "203.0.113.7, 198.51.100.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/evil"),
        ("Forwarded", "for=203.0.113.7;host=evil.example"),
    ],
)
def test_what_a_client_says_of_itself_is_overwritten(front: Front, header: str, value: str) -> None:
    plain = front.request("GET", "/who")[1]
    assert front.request("GET", "/who", **{header: value})[1] == plain


def test_another_host_is_refused_by_the_service(front: Front) -> None:
    answer, body = front.request("GET", "/api/me", Host="evil.example")
    assert (answer.status, answer.getheader("Content-Type")) == (400, "application/json")
    assert b"evil" not in body


def test_links_lead_to_the_public_address(front: Front) -> None:
    for name in ("one", "two"):
        body = {"name": name, "backend": "ippanel"}
        assert front.request("POST", "/api/notifications/notifiers/sms", body)[0].status == 201
    page = json.loads(front.request("GET", "/api/notifications/notifiers/sms?limit=1")[1])
    assert page["next"].startswith("https://localhost/api/notifications/notifiers/sms?")


def test_a_message_of_ten_mebibytes_passes_and_a_larger_one_is_refused_in_json(front: Front) -> None:
    account = {"name": "mail", "host": "127.0.0.1", "port": 1, "username": "", "password": ""}
    made = front.request(
        "POST", "/api/notifications/notifiers/email", {**account, "from_email": "a@example.com"}
    )
    message = {"channel": "email", "to": "b@example.com", "subject": "s", "text": "t"}
    for size, status in ((10 * MEBIBYTE - 500, 201), (10 * MEBIBYTE + 4, 413), (12 * MEBIBYTE, 413)):
        file = {"filename": "f", "content_type": "text/plain", "content": "A" * (size // 4 * 4)}
        body = {**message, "notifier": json.loads(made[1])["id"], "attachments": [file]}
        answer, said = front.request("POST", "/api/notifications/messages", body)
        assert (answer.status, answer.getheader("Content-Type")) == (status, "application/json"), said
        assert status == 201 or isinstance(json.loads(said)["detail"], str)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "kept alive"])
def test_slow_clients_are_nginxs_matter(front: Front, kind: str) -> None:
    """The service has few connections, as it gets whole requests, and others are served at once."""
    before = connections_to(front.service_port)
    with ExitStack() as open_:
        for _ in range(SLOW_CLIENTS):
            client = open_.enter_context(front.open())
            client.sendall(KINDS[kind].replace(b"Host: x", b"Host: localhost"))
        assert min(front.health() for _ in range(5)) < 1
        if kind != "reader":
            assert connections_to(front.service_port) <= before + 2


def test_one_address_has_a_limited_number_of_requests_at_a_time(front: Front) -> None:
    source = "127.0.0.9"
    with ExitStack() as open_:
        for _ in range(100):
            open_.enter_context(front.open(source)).sendall(
                KINDS["body"].replace(b"Host: x", b"Host: localhost")
            )
        deadline = time.monotonic() + 10
        answer, body = front.request("GET", "/healthz", source=source)
        while answer.status == 200 and time.monotonic() < deadline:
            answer, body = front.request("GET", "/healthz", source=source)
        assert (answer.status, json.loads(body)) == (429, {"detail": "Too many connections."})
        assert answer.getheader("Retry-After") == "5"
        assert front.health() < 1


def test_without_encryption_nothing_is_answered(front: Front) -> None:
    for method, path in (("GET", "/api/me"), ("POST", "/api/notifications/messages"), ("GET", "/healthz")):
        with closing(http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)) as connection:
            connection.request(method, path, headers={"Authorization": f"Token {front.key}"})
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Content-Type")) == (403, "application/json")
            assert json.loads(answer.read()) == {"detail": "Use https."}


def test_only_current_versions_of_tls_are_spoken(front: Front) -> None:
    with front.open() as client:
        assert client.version() == "TLSv1.3"
    front.context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with front.open() as client:
            assert client.version() == "TLSv1.2"
            assert client.cipher()[0].startswith("ECDHE-")  # type: ignore[index]
    finally:
        front.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in (FOLDER / "nginx.conf").read_text()


def test_answers_say_that_encryption_stays_and_not_which_nginx_it_is(front: Front) -> None:
    answer, _ = front.request("GET", "/api/me", Authorization="")
    assert answer.status == 401
    assert answer.getheader("Strict-Transport-Security") == "max-age=31536000"
    assert answer.getheader("Server") == "nginx"
    assert len(answer.getheader("X-Request-ID") or "") >= 8


def test_the_log_has_no_query(front: Front) -> None:
    front.request("GET", "/api/notifications/messages?to=09123330001")
    log = front.folder / "access.log"  # a line is written after its answer has gone out
    until(lambda: '"GET /api/notifications/messages" 200' in log.read_text(), "nginx did not log the request")
    with closing(http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)) as connection:
        connection.request("GET", "/api/notifications/messages?to=09123330001", headers={"Host": "localhost"})
        assert connection.getresponse().status == 403
    until(lambda: '"GET /api/notifications/messages" 403' in log.read_text(), "nginx did not log the request")
    for written in (log, log.with_name("others.log")):
        assert "0912" not in written.read_text()
        assert front.key not in written.read_text()


def test_metrics_are_for_this_machine_alone(front: Front) -> None:
    text = (FOLDER / "nginx.conf").read_text()
    _, _, block = text.partition("location = /metrics {")
    assert block.split(";")[:3] == ["\n        allow 127.0.0.1", "\n        allow ::1", "\n        deny all"]
    assert front.request("GET", "/metrics", source="127.0.0.3")[0].status == 403


def test_a_service_that_is_away_is_told_in_json(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as front:
        answer, body = front.request("POST", "/api/notifications/messages", {})
    assert (answer.status, answer.getheader("Content-Type")) == (503, "application/json")
    assert json.loads(body) == {"detail": "The service can not be reached."}
    assert answer.getheader("Retry-After") == "5"
