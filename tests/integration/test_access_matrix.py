"""Every door, for every role, seen from every side: what the tables promise is what happens over HTTP.

Generated from the application's routes, mappings/access.csv and mappings/roles.csv. Four outcomes are told apart: the caller is
not known (401), may not do this (403 `forbidden`), the object is not there (404), or the door opened (anything else but a
fault of ours).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from fastapi import FastAPI

from gateway.access import KNOWN, PUBLIC, Access, Door
from gateway.doors import Address, addresses
from gateway.main import create_app
from tests.support import visitors
from tests.support.access_objects import (
    AGENCY,
    FOREIGN,
    KINDS,
    MANDATED,
    MARK,
    NAMES,
    OPERATORS,
    OTHER_AGENCY,
    OWN,
    PARAMETERS,
    REQUESTS,
    Sent,
    World,
    begin,
    unknown,
)
from tests.support.listening import listening
from tests.support.windows import rulebook, window_at

UNKNOWN, FORBIDDEN, ABSENT, OPEN = "unknown", "forbidden", "absent", "open"
ORGANISATIONS = {
    OWN: "broker shipping_agent",
    MANDATED: "trader",
    FOREIGN: "trader broker",
    AGENCY: "agency",
    OTHER_AGENCY: "agency",
    OPERATORS: "operator",
}
"""Organisation -> its kinds."""
TOKENS = {
    "clients/default": FOREIGN,
    "agencies/customs": AGENCY,
    "agencies/inspection": OTHER_AGENCY,
    "operators/default": OPERATORS,
}
"""Bearer tokens from files -> the side they stand on: the built-in organisation has nothing to do with the others."""
STRANGERS = frozenset({FOREIGN, AGENCY, OTHER_AGENCY})


@dataclass(frozen=True)
class Visitor:
    """Who stands at the door."""

    name: str
    organisation: str
    permissions: frozenset[str]
    person_id: str = ""
    token: str = ""

    @property
    def known(self) -> bool:
        return bool(self.person_id or self.token)


NOBODY = Visitor("nobody", "", frozenset())


@dataclass
class Matrix:
    """The served world and everybody who calls on it."""

    world: World
    http: aiohttp.ClientSession
    access: Access
    app: FastAPI
    visitors: list[Visitor]
    secrets: Path

    async def headers(self, visitor: Visitor) -> dict[str, str]:
        if visitor.token:
            token = (self.secrets / f"{visitor.token}.token").read_text().strip()
            return {"Authorization": f"Bearer {token}"}
        if visitor.person_id:
            # a new session each time: some doors end the one they are opened with
            return await visitors.logged_in(self.world.window, visitor.person_id, visitor.organisation)
        return {}

    async def ask(self, address: Address, visitor: Visitor, parameters: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, code of a refusal, and the body."""
        sent = REQUESTS.get(address.door, Sent())
        body = sent.body if address.method in ("POST", "PUT", "PATCH") else None
        headers = {**await self.headers(visitor), **(sent.headers if body is not None else {})}
        path = address.path.format(**parameters)
        async with self.http.request(
            address.method, path, params=sent.query, data=body, headers=headers, allow_redirects=False
        ) as reply:
            content = await reply.read()
            refused = "problem+json" in reply.headers.get("Content-Type", "")
            return reply.status, str(orjson.loads(content)["code"]) if refused else "", content


@asynccontextmanager
async def matrix(data_dir: Path) -> AsyncIterator[Matrix]:
    async with AsyncExitStack() as stack:
        window = await stack.enter_async_context(window_at(data_dir))
        for organisation_id, kinds in ORGANISATIONS.items():
            agency = organisation_id.removeprefix("agency-") if kinds == "agency" else None
            name = NAMES.get(organisation_id, organisation_id)
            await visitors.organisation(window, organisation_id, kinds, name, agency=agency)
        world = World(window)
        await begin(world)
        app = create_app(opened=window, worker=False)
        url = await stack.enter_async_context(listening(app))
        http = await stack.enter_async_context(aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()))
        yield Matrix(world, http, window.access, app, await _visitors(world), window.settings.secrets_dir)


async def _visitors(world: World) -> list[Visitor]:
    """Each role in each organisation that can give it, each kind of token, and nobody."""
    window, access = world.window, world.window.access
    found = [NOBODY]
    for role in access.roles.values():
        for organisation_id, kinds in ORGANISATIONS.items():
            if role.organisations & set(kinds.split()):
                name = f"{role.name}@{organisation_id}"
                person_id = await visitors.member(window, organisation_id, role.name, name)
                found.append(Visitor(name, organisation_id, role.permissions, person_id=person_id))
    kinds_of_token = {"clients": "client", "agencies": "agency", "operators": "operator"}
    for token, side in TOKENS.items():
        permissions = access.of_token(kinds_of_token[token.partition("/")[0]])
        found.append(Visitor(f"token {token}", side, permissions, token=token))
    return found


def expected(door: Door, visitor: Visitor) -> str:
    """What the tables promise."""
    if door.permission == PUBLIC:
        return OPEN
    if not visitor.known:
        return UNKNOWN
    if door.permission != KNOWN and door.permission not in visitor.permissions:
        return FORBIDDEN
    if door.object and visitor.organisation not in KINDS[door.object].seen_by:
        return KINDS[door.object].elsewhere
    return OPEN


def outcome(door: Door, status: int, code: str) -> str:
    """What happened. At a public door a refusal of what was sent (a wrong password) is no refusal of who came."""
    if status >= 500:
        return f"broken ({status} {code})"
    if status == 404:
        return ABSENT
    general = code in ("forbidden", "another_agency", "unauthorised") or (code == "" and door.permission != PUBLIC)
    return {401: UNKNOWN, 403: FORBIDDEN}.get(status, OPEN) if general else OPEN


def fits(door: Door, visitor: Visitor, promised: str, found: str, status: int) -> bool:
    if promised == found:
        return True
    if door.permission == KNOWN and visitor.token:
        # what is for persons refuses tokens, each door in words of its own
        return found in (FORBIDDEN, OPEN, ABSENT) and (status >= 400 or not door.object)
    # what names nothing of anybody's may have nothing to show yet
    return promised == OPEN and found == ABSENT and not door.object


def leaks(matrix: Matrix, content: bytes, address: Address, parameters: dict[str, str]) -> list[str]:
    """What a stranger was told of the two organisations, beyond what he said himself."""
    said = set(parameters.values()) | set(REQUESTS.get(address.door, Sent()).query.values())
    secret = {MARK, NAMES[OWN], NAMES[MANDATED], *matrix.world.made}
    told = content.decode("utf-8", "replace")
    for word in said:
        told = told.replace(word, "")
    return sorted(word for word in secret if word in told)


async def test_every_door_opens_to_whom_the_tables_say_and_to_nobody_else(tmp_path: Path) -> None:
    wrong: list[str] = []
    asked = 0
    async with matrix(tmp_path) as found:
        for address in addresses(found.app):
            door = found.access.doors[address.door]
            if door.object and door.object not in KINDS:
                wrong.append(f"{address.door}: nothing makes a {door.object} (tests/support/access_objects.py)")
                continue
            kept: dict[str, str] | None = None
            for visitor in found.visitors:
                promised = expected(door, visitor)
                used_up = address.method != "GET" and promised == OPEN
                if kept is None or used_up:
                    kept = await KINDS[door.object].make(found.world) if door.object else PARAMETERS
                parameters = kept
                if lacking := set(address.parameters) - set(parameters):
                    wrong.append(f"{address.path}: {lacking} is not made with a {door.object or 'PARAMETERS'}")
                    break
                status, code, content = await found.ask(address, visitor, parameters)
                asked += 1
                if not fits(door, visitor, promised, outcome(door, status, code), status):
                    wrong.append(
                        f"{address.door} {visitor.name}: {promised} expected, {status} {code} {content[:200]!r}"
                    )
                if visitor.organisation in STRANGERS and (told := leaks(found, content, address, parameters)):
                    wrong.append(f"{address.door} {visitor.name}: told of {told}: {content[:300]!r}")
                if promised == ABSENT and outcome(door, status, code) == ABSENT:
                    nothing = await found.ask(address, visitor, unknown(parameters))
                    if nothing[:2] != (status, code):
                        wrong.append(f"{address.door} {visitor.name}: {status} {code}, but {nothing[:2]} for nothing")
        assert asked > 1_000
    assert not wrong, "\n".join([f"{len(wrong)} of {asked}:", *wrong])


async def test_both_sides_find_what_strangers_do_not(tmp_path: Path) -> None:
    """The strangers' empty lists above say something only because these are not empty."""
    async with matrix(tmp_path) as found:
        declaration_id = (await KINDS["declaration"].make(found.world))["declaration_id"]
        address = next(each for each in addresses(found.app) if each.door == "declarations.find_declarations")
        for visitor in found.visitors:
            if "read" not in visitor.permissions:
                continue
            for query in ({}, {"q": MARK + "00000000"}, {"state": "filed"}, {"party": "上海"}, {"q": "0000"}):
                async with found.http.get(address.path, params=query, headers=await found.headers(visitor)) as reply:
                    shown = {item["id"] for item in (await reply.json())["items"]}
                if visitor.organisation in (OWN, MANDATED):
                    assert shown == {declaration_id} or "party" in query or query == {"q": "0000"}, visitor
                else:
                    assert shown == set(), visitor


def _rows() -> Iterator[Any]:
    access = Access(rulebook().bundle)
    for address in addresses(create_app()):
        yield pytest.param(address, access.doors.get(address.door), id=f"{address.method} {address.path}")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("address", "door"), list(_rows()))
def test_the_matrix_can_open_every_door(address: Address, door: Door | None) -> None:
    """A new door needs its row; one whose address names an object needs a way to make one (tests/support/access_objects.py)."""
    assert door is not None, f"mappings/access.csv has no row for {address.door}"
    if door.object:
        assert door.object in KINDS, f"nothing makes a {door.object}: add it to KINDS"
    elif address.parameters:
        assert set(address.parameters) <= set(PARAMETERS), (
            f"{address.path} names an object: say which in mappings/access.csv, or what it is in PARAMETERS"
        )
