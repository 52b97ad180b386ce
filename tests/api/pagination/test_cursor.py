"""Lists by cursor are read along the index that is meant, whatever else is asked for."""

import re
from itertools import combinations
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import BigInteger, Column, DateTime, Index, MetaData, Table, text

from notifyhub.api.pagination.cursor import CursorListing, MissingIndex
from notifyhub.api.pagination.filters import number
from notifyhub.messages.pages import listing
from tests.messages.accounts import MESSAGES
from tests.support.clients import Api
from tests.support.plans import explained, forget_statistics

ASKED = {
    "batch": "1",
    "reference": "a",
    "to": "+989121234567",
    "pattern": "1",
    "channel": "sms",
    "status": "sent,failed",
    "test": "false",
    "created_to": "2025-03-01",
}
INDEXES = dict(zip(ASKED, ("batch", "reference", "recipient", "pattern", *["status"] * 3), strict=False))
"""By the names of filters, the most selective one first: the index that is chosen if it is asked for."""


@pytest.mark.parametrize("names", list(combinations(ASKED, 2)), ids="+".join)
def test_a_page_is_read_along_the_index_that_was_chosen(api: Api, app: Flask, names: tuple[str, str]) -> None:
    forget_statistics(app, "messages")
    api.get("/api/me")  # which notes the token's use
    with explained(app) as plans:
        assert api.get(f"{MESSAGES}?{urlencode({name: ASKED[name] for name in names})}").status == 200
    assert set(re.findall(r"ix_messages_\w+", plans[-1])) == {f"ix_messages_{INDEXES[names[0]]}"}


@pytest.mark.parametrize(
    ("columns", "condition", "fits"),
    [
        (("owner", "id"), None, True),
        (("owner", "id"), "owner IS NOT NULL", True),
        (("owner", "id"), "other IS NOT NULL", False),
        (("id", "owner"), None, False),
        (("owner",), None, False),
        (("owner", "other", "id"), None, False),
    ],
)
def test_a_list_along_an_index_that_its_table_lacks_stops_the_start(
    columns: tuple[str, ...], condition: str | None, fits: bool
) -> None:
    where = None if condition is None else text(condition)
    table = Table(
        "things",
        MetaData(),
        *(Column(name, BigInteger, primary_key=name == "id") for name in ("id", "owner", "other")),
        *(Column(name, DateTime) for name in ("created_at", "updated_at")),
        Index("an_index", *columns, postgresql_where=where, sqlite_where=where),
    )

    def make() -> None:
        CursorListing(
            table,
            listing.serializer,
            filters={"owner": number(table.c.owner, "By owner.")},
            indexes=(("owner",),),
        )

    if fits:
        make()
    else:
        with pytest.raises(MissingIndex, match=r"things has no index of \(owner, id\)"):
            make()
