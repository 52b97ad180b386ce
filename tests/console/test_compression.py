"""What goes over the wire."""

import gzip

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.console import Console
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory

TAKES_GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["/users/new", "/nowhere"])
def test_a_page_is_compressed_for_who_takes_it(operator: Console, path: str) -> None:
    plain = operator.client.get(f"/console{path}")
    packed = operator.client.get(f"/console{path}", headers=TAKES_GZIP)
    assert (plain.status_code, "Content-Encoding" in plain.headers) == (packed.status_code, False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert "Accept-Encoding" in plain.headers["Vary"]
    page = gzip.decompress(packed.data).decode()
    assert page.startswith("<!doctype html>")
    assert len(packed.data) < len(plain.data) / 2


def test_assets_are_compressed_and_kept(operator: Console) -> None:
    sheet = operator.get().soup.select_one("link[rel=stylesheet]")
    assert sheet is not None
    path = str(sheet["href"])
    packed = operator.client.get(path, headers=TAKES_GZIP, buffered=True)
    with operator.client.get(path, buffered=True) as plain:
        assert gzip.decompress(packed.data) == plain.data
    assert "immutable" in packed.headers["Cache-Control"]
    known = {**TAKES_GZIP, "If-None-Match": packed.headers["ETag"]}
    assert operator.client.get(path, headers=known, buffered=True).status_code == 304


def test_the_api_is_answered_as_ever(api: Api) -> None:
    answer = api.client.get("/api/docs", headers=TAKES_GZIP)
    assert "Content-Encoding" not in answer.headers


def test_a_choice_of_a_thousand_patterns_is_light(app: Flask, operator: Console) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory().id
        for number in range(1000):
            SMSPatternFactory(notifier_id=notifier, status="approved", name=f"{'الگوی فروشگاه ' * 8}{number}")
    packed = operator.client.get("/console/send?channel=sms&by=pattern", headers=TAKES_GZIP)
    assert gzip.decompress(packed.data).decode().count("<option") > 1000
    assert len(packed.data) < 50_000
