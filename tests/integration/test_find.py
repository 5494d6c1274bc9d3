"""Finding where filters meet: one is read in the order of its index, the others are asked of what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway import ask
from gateway.database.stores import search
from tests.support.windows import CLIENT, COSMETICS, ELECTRONICS, file, window_at


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"party": "上海馥曼化妆品贸易有限公司", "state": "waiting"}, {COSMETICS}),
        ({"party": "上海馥曼化妆品贸易有限公司", "state": "filed"}, {COSMETICS}),
        ({"party": "上海馥曼化妆品贸易有限公司", "state": "released"}, set()),
        ({"party": "上海馥曼化妆品贸易有限公司", "reference": "SWSH2015A00000001"}, set()),
        ({"q": "BM-FR-2015-088", "ship": "CK204"}, {COSMETICS}),
        ({"q": "2015-088", "bill": "150921", "state": "filed"}, {COSMETICS}),
        ({"state": "filed", "obligation": "pay"}, set()),
        ({"party": "2960457", "state": "filed"}, {COSMETICS}),
    ],
)
async def test_all_filters_hold(tmp_path: Path, asked: dict[str, Any], found: set[str]) -> None:
    async with window_at(tmp_path) as window:
        names = {(await file(window, name)).body["id"]: name for name in (ELECTRONICS, COSMETICS)}
        page = await ask.find(window, CLIENT, **asked)
        assert {names[item["id"]] for item in page["items"]} == found


async def test_a_declaration_is_listed_once_however_many_of_its_keys_and_legs_fit(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window, COSMETICS)).body["id"]
        # the master bill alone and as the head of the whole bill; the end of several keys
        for asked in ({"q": "11244081730"}, {"q": "0921"}, {"state": "filed"}):
            assert [item["id"] for item in (await ask.find(window, CLIENT, **asked))["items"]] == [declaration_id]


async def test_the_list_tells_where_each_leg_stands(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        await file(window, ELECTRONICS)
        await file(window, COSMETICS)
        items = {item["scope"]: item for item in (await ask.find(window, CLIENT))["items"]}
        assert {tuple(sorted(item["legs"].items())) for item in items.values()} == {
            (("customs", "queued"),),
            (("customs", "waiting"), ("inspection", "queued")),
        }


async def test_keys_a_declaration_has_already_are_left_alone(tmp_path: Path) -> None:
    async with window_at(tmp_path) as window:
        declaration_id = (await file(window, ELECTRONICS)).body["id"]
        rows = [
            {
                "organisation_id": CLIENT.organisation_id,
                "declaration_id": declaration_id,
                "kind": "customs_entry",
                "value": value,
                "reversed": value[::-1],
            }
            for value in ("223320151000000123", "223320151000000124")
        ]

        def add(connection: Connection) -> None:
            search.add_missing(connection, rows[:1])
            search.add_missing(connection, rows)

        await window.database.write(add)
        for row in rows:
            page = await ask.find(window, CLIENT, customs_entry=row["value"])
            assert [item["id"] for item in page["items"]] == [declaration_id]
