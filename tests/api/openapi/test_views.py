"""The page that shows the OpenAPI document."""

import json
import re

import pytest
from flask.testing import FlaskClient

from notifyhub.app import create_app


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client without a token, of an application whose database is not read."""
    return create_app({"NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance"))}).test_client()


def test_the_page_refers_to_its_own_assets_alone_and_all_are_there(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert client.get("/api/docs/").text == page
    assert not re.search(r"https?:|[\"'(]//", page)
    assets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(assets) >= 5
    for asset in assets:
        with client.get(asset) as answer:
            assert answer.status_code == 200, asset
            assert len(answer.data) > 100


def test_the_page_asks_nobody_else_about_the_document(client: FlaskClient) -> None:
    (settings,) = re.findall(r"user_config = (\{.*?\});", client.get("/api/docs").text)
    assert json.loads(settings)["validatorUrl"] is None
    assert json.loads(settings)["url"] == "/api/openapi.json"


def test_documentation_under_a_path_of_a_proxy_names_that_path(client: FlaskClient) -> None:
    base = "http://localhost/hub"
    page = client.get("/api/docs", base_url=base).text
    assert set(re.findall(r'(?:src|href)="([^"]*/)[^/"]*"', page)) == {"/hub/api/docs/"}
    assert '"/hub/api/openapi.json"' in page
    assert client.get("/api/openapi.json", base_url=base).get_json()["servers"] == [{"url": "/hub"}]
    assert client.get("/api/openapi.json").get_json()["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("asset", ["nothing.js", "../flask_swagger_ui.py", "%2e%2e/flask_swagger_ui.py"])
def test_an_unknown_asset_is_not_found(client: FlaskClient, asset: str) -> None:
    answer = client.get(f"/api/docs/{asset}")
    assert (answer.status_code, answer.get_json()) == (404, {"detail": "Not found."})
