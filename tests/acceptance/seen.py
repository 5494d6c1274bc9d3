"""What a golden case writes down of a filing (expected.json), and in which shape people review it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from declarations.checking import read_form
from gateway import ask
from gateway.operations.faults import operator_faults
from tests.support.windows import CLIENT, rulebook

if TYPE_CHECKING:
    from tests.acceptance.golden import Player

SHANGHAI = ZoneInfo("Asia/Shanghai")
ITEMS = {
    "reference": ("trader_assigned_reference_id",),
    "bill": ("transport_document_id",),
    "contract": ("contract_id",),
    "ship": ("transport_means_name",),
    "voyage": ("voyage_id",),
    "client_reference": ("client_reference_id",),
    "party": ("domestic_trader_name", "domestic_trader_customs_id", "declarant_name", "overseas_trader_name"),
}
"""By what people look for a filing (issue 2, section 8), and the items that hold it."""


def media_type(path: Path) -> str:
    return f"application/{path.suffix[1:]}"


def fault(fault: dict[str, Any]) -> dict[str, Any]:
    names = ("code", "agency", "severity", "pointer", "line", "element", "message_zh", "message_en")
    return {name: fault[name] for name in names if fault.get(name) not in (None, "")}


def end(view: dict[str, Any]) -> dict[str, Any]:
    legs = {}
    for name, leg in view["legs"].items():
        owed = [
            {
                "kind": each["kind"],
                "opened_at": local(each["opened_at"]),
                "place": each["place"],
                "reference": each["reference"],
            }
            for each in leg["obligations"]
        ]
        shown = ("state", "state_zh", "state_en", "code", "text", "delivery", "version", "waits_for")
        legs[name] = (
            {key: leg[key] for key in shown} | {"at": local(leg["at"])} | ({"obligations": owed} if owed else {})
        )
    shown = ("status", "status_zh", "status_en", "next_zh", "next_en", "may_collect", "may_sell", "version")
    steps = [{name: value for name, value in step.items() if value is not None} for step in view["next_steps"]]
    return {key: view[key] for key in shown} | {"next_steps": steps, "legs": legs, "numbers": view["numbers"]}


async def timeline(player: Player) -> list[dict[str, Any]]:
    found = []
    for item in (await ask.timeline(player.window, CLIENT, player.declaration_id))["items"]:
        names = ("agency", "version", "code", "zh", "en", "text", "state", "place", "agency_reference")
        told = {name: item[name] for name in names if item.get(name) not in (None, "")}
        counts = {} if item.get("counts", True) else {"counts": False}
        found.append({"at": local(item["at"]), "kind": item["kind"], **told, **counts})
    return found


async def operator(player: Player) -> list[dict[str, Any]]:
    items = (await operator_faults(player.window))["items"]
    return [
        {name: item[name] for name in ("kind", "agency", "code", "reason_zh", "reason") if item[name]} for item in items
    ]


async def found_by(player: Player) -> dict[str, list[str]]:
    """Kind -> values under which the filing, and nothing but it, is found: its own, its agencies', and last digits."""
    form = parsed(player.case.form)
    asked = {kind: [str(form[item]) for item in items if form.get(item)] for kind, items in ITEMS.items()}
    asked["bill"] += [part for bill in asked["bill"] for part in re.split(r"[*_]", bill) if part != bill]
    asked["container"] = [row["container_id"] for row in form.get("containers") or []][:2]
    for kind, value in (await player.view())["numbers"].items():
        asked.setdefault(kind, []).append(value)
    found: dict[str, list[str]] = {}
    for kind, values in asked.items():
        for value in values:
            digits = [value[-6:]] if value[-6:].isdigit() and len(value) > 6 else []
            for q in (value, *digits):
                for how in ({kind: q}, {"q": q}):
                    hits = (await ask.find(player.window, CLIENT, **how))["items"]
                    ids = [hit["id"] for hit in hits]
                    key = kind if ids == [player.declaration_id] else f"{kind}: {len(ids)} filings"
                    if q not in found.setdefault(key, []):
                        found[key].append(q)
    return {kind: values for kind, values in found.items() if values}


def parsed(path: Path) -> dict[str, Any]:
    """The header of a form as its trader wrote it, whatever the door."""
    if path.suffix == ".json":
        form: dict[str, Any] = orjson.loads(path.read_bytes())
        return form
    declaration = read_form(rulebook(), path.read_bytes(), media_type(path))
    groups = {group: [dict(row) for row in rows] for group, rows in declaration.header.children.items()}
    return {**declaration.header, **groups}


def local(at: datetime | None) -> str | None:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if at else None


def written(value: Any, depth: int = 0) -> str:
    """JSON for people to review: what fits stands on one line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + depth <= 150 or not isinstance(value, dict | list) or not value:
        return short
    pad = "\n" + " " * (depth + 1)
    if isinstance(value, list):
        inner = [written(each, depth + 1) for each in value]
        return "[" + ",".join(pad + each for each in inner) + "\n" + " " * depth + "]"
    pairs = [f"{json.dumps(key, ensure_ascii=False)}: {written(each, depth + 1)}" for key, each in value.items()]
    return "{" + ",".join(pad + each for each in pairs) + "\n" + " " * depth + "}"
