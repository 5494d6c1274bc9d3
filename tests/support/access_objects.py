"""What the access matrix opens doors with: for each kind of object that an address names (column `object` of
mappings/access.csv) how one is made, and for each door that needs it what is sent.

A new door whose address names a new kind of object needs a maker in KINDS; nothing else here has to be touched.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway import ids, mandate_offers, mandates, prepared
from gateway.calls import handing
from gateway.database import people, schema
from gateway.database.stores import calls, organisations
from gateway.identity import Caller
from gateway.login import machines
from gateway.mandate_terms import Offer
from gateway.mandates import today
from gateway.operations import approvals
from gateway.organisations import invitations, papers
from gateway.organisations.papers import Papers
from gateway.receive import receive
from gateway.submit import submit
from gateway.wiring import Window
from tests.support import visitors
from tests.support.windows import ELECTRONICS, JSON, result, sample

OWN, MANDATED, FOREIGN = "agent", "principal", "foreign"
"""Organisations of the matrix: `agent` files for `principal` under a mandate; `foreign` has nothing to do with either."""
AGENCY, OTHER_AGENCY, OPERATORS = "agency-customs", "agency-inspection", "operators"
MARK = "SWSHMATRIX"
"""All references of the two begin so: no answer to anybody else may hold it."""
NAMES = {OWN: "Matrix Agent Ltd", MANDATED: "Matrix Principal Ltd", FOREIGN: "Foreign Ltd"}


@dataclass
class World:
    """The window and what makers have in common."""

    window: Window
    mandate_id: str = ""
    numbers: Any = field(default_factory=itertools.count)
    made: set[str] = field(default_factory=set)
    """Ids of objects of the two."""

    @property
    def agent(self) -> Caller:
        return Caller("client", "maker", OWN)

    @property
    def principal(self) -> Caller:
        return Caller("client", "maker", MANDATED)

    def reference(self) -> str:
        return f"{MARK}{next(self.numbers):08}"


@dataclass(frozen=True)
class Kind:
    """One kind of object."""

    make: Callable[[World], Awaitable[dict[str, str]]]
    """Makes one; gives the address's parameters by name, at least those the doors use."""
    seen_by: frozenset[str]
    """Organisations that it is there for."""
    elsewhere: str = "absent"
    """What others are told; anything but "absent" needs its reason."""


@dataclass(frozen=True)
class Sent:
    """What a door is asked."""

    query: dict[str, str] = field(default_factory=dict)
    body: bytes | None = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


async def begin(world: World) -> None:
    """The mandate between the two."""
    world.mandate_id = (await _mandate(world, accepted=True))["mandate_id"]


async def _declaration(world: World) -> dict[str, str]:
    window = world.window
    caller = await mandates.on_behalf(window, world.agent, MANDATED)
    reference = world.reference()
    filed = await submit(window, caller, sample(ELECTRONICS, trader_assigned_reference_id=reference), JSON)
    declaration_id = str(filed.body["id"])
    world.made.add(declaration_id)
    # goods have no papers of ships: the door opens and says so
    parts = {"group": "containers", "paper": "fal1", "message": "request"}
    return {"declaration_id": declaration_id, "message_id": f"{declaration_id}.1", **parts}


async def _message(world: World) -> dict[str, str]:
    """As operators name it: one that is parked, so that acts on it can be asked for."""
    declaration_id = (await _declaration(world))["declaration_id"]

    def act(connection: Connection) -> str:
        of = schema.message.c.declaration_id == declaration_id
        connection.execute(update(schema.message).where(of).values(delivery="parked"))
        connection.execute(
            update(schema.outbox).where(schema.outbox.c.declaration_id == declaration_id).values(state="held")
        )
        return str(connection.execute(select(schema.message.c.id).where(of)).scalar_one())

    return {"message_id": await world.window.database.write(act)}


async def _document(world: World) -> dict[str, str]:
    number = f"I2015{next(world.numbers):013}"
    received = await receive(world.window, "customs", result("T", world.window.clock(), number))
    return {"inbox_id": received.inbox_id}


async def _approval(world: World) -> dict[str, str]:
    message_id = (await _message(world))["message_id"]
    asked = await approvals.ask(world.window, Caller("operator", "maker", ""), "resend", message_id, "the matrix asks")
    return {"approval_id": asked["id"]}


async def _agency(_: World) -> dict[str, str]:
    return {"agency": "customs"}


async def _mandate(world: World, *, accepted: bool = False) -> dict[str, str]:
    window = world.window
    day = today(window)
    offer = Offer(None, OWN, (), (), (), day, day + timedelta(days=365))
    made = await mandate_offers.offer(window, world.principal, offer)
    if accepted:
        await mandate_offers.accept(window, world.agent, made["id"])
    else:
        # so that offers do not pile up
        await mandate_offers.withdraw(window, world.principal, made["id"])
    world.made.add(made["id"])
    return {"mandate_id": made["id"]}


async def _credential(world: World) -> dict[str, str]:
    """A certificate that is linked to somebody's account."""
    window = world.window
    name = f"holder{next(world.numbers)}"
    person_id = await visitors.member(window, OWN, "viewer", name)
    row = {
        "id": ids.new_id(ids.CREDENTIAL, window.clock()),
        "person_id": person_id,
        "kind": "certificate",
        "identity": name,
        "created_at": window.clock(),
    }

    def act(connection: Connection) -> None:
        connection.execute(insert(people.credential), row)

    await window.database.write(act)
    return {"credential": row["id"]}


async def _prepared(world: World) -> dict[str, str]:
    body = sample(ELECTRONICS, trader_assigned_reference_id=world.reference())
    made = await prepared.prepare(world.window, world.agent, body, JSON)
    world.made.add(made["id"])
    return {"prepared_id": made["id"]}


async def _person(world: World) -> dict[str, str]:
    return {"person_id": await visitors.member(world.window, OWN, "viewer", f"person{next(world.numbers)}")}


async def _invitation(world: World) -> dict[str, str]:
    made = await invitations.invite(world.window, world.agent, f"{next(world.numbers)}@example.com", ["viewer"])
    await invitations.withdraw(world.window, world.agent, made["id"])  # so that open ones do not pile up
    return {"invitation_id": made["id"]}


async def _organisation(world: World) -> dict[str, str]:
    """One of its own for each: it may be suspended."""
    name = f"organisation-{next(world.numbers):04}"
    await visitors.organisation(world.window, name, "trader", name)
    await papers.put(world.window, Caller("client", "maker", name), Papers("甲", customs_registration_id="3122960457"))
    return {"organisation_id": name}


async def _registration(world: World) -> dict[str, str]:
    """As it is stored: asking costs a password's hash."""
    person = {"login": f"newcomer{next(world.numbers)}", "name": "n", "email": None}
    given = {"name_zh": "甲", "customs_registration_id": "3122960457", "social_credit_code": None}
    row = {
        "id": ids.new_id(ids.REGISTRATION, world.window.clock()),
        "details": {"name": "甲", "name_en": None, "kinds": "trader", "papers": given, "person": person},
        "secret": b"$",
        "state": "pending",
        "created_at": world.window.clock(),
    }
    await world.window.database.write(lambda connection: organisations.register(connection, row))
    return {"registration_id": str(row["id"])}


async def _machine(world: World) -> dict[str, str]:
    wish = machines.Wish(f"maker{next(world.numbers)}", "key", ["read"])
    made = await machines.add(world.window, world.agent, wish)
    world.made.add(made["id"])
    # so that they do not pile up
    await machines.revoke(world.window, world.agent, made["id"])
    return {"machine_id": made["id"]}


async def _call(world: World) -> dict[str, str]:
    """As it is stored, one of its own for each: only one of a ship, port and voyage is live."""
    voyage = f"{next(world.numbers):05}"
    row = {
        "id": ids.new_id(ids.CALL, world.window.clock()),
        "organisation_id": OWN,
        "principal_id": MANDATED,
        "form": "vessel",
        "imo_number": "9900019",
        "call_sign": "3FAB7",
        "ship_name": f"{MARK} SHIP",
        "port": "CNSHA",
        "voyage": voyage,
        "live_key": f"9900019|CNSHA|{voyage}",
        "state": "open",
        "facts": {},
        "filed_by": "maker",
        "created_at": world.window.clock(),
        "updated_at": world.window.clock(),
    }
    await world.window.database.write(lambda connection: calls.make(connection, row))
    world.made.add(str(row["id"]))
    return {"call_id": str(row["id"])}


async def _handover(world: World) -> dict[str, str]:
    made = await handing.offer(world.window, world.agent, (await _call(world))["call_id"], MANDATED)
    world.made.add(made["id"])
    return {"handover_id": made["id"]}


BOTH, OPERATED = frozenset({OWN, MANDATED}), frozenset({OPERATORS})
KINDS: dict[str, Kind] = {
    "declaration": Kind(_declaration, BOTH),
    "mandate": Kind(_mandate, BOTH),
    "call": Kind(_call, BOTH),
    "operated_call": Kind(_call, OPERATED),
    "handover": Kind(_handover, BOTH),
    # belongs to one person, who is nobody of those who ask
    "credential": Kind(_credential, frozenset()),
    # the agencies' names are in everybody's tables: an agency is told that another's door is not its own
    "agency": Kind(_agency, frozenset({AGENCY}), elsewhere="forbidden"),
    "message": Kind(_message, OPERATED),
    "document": Kind(_document, OPERATED),
    "approval": Kind(_approval, OPERATED),
    # a form that is not filed yet is its keyers' organisation's alone
    "prepared": Kind(_prepared, frozenset({OWN})),
    "machine": Kind(_machine, frozenset({OWN})),
    "person": Kind(_person, frozenset({OWN})),
    "invitation": Kind(_invitation, frozenset({OWN})),
    "organisation": Kind(_organisation, OPERATED),
    "registration": Kind(_registration, OPERATED),
}
"""Object -> how it is made and whose it is."""

PARAMETERS = {
    "form": "goods",
    "group": "containers",
    "name": "CL_COUNTRY",
    "agency": "customs",
    "number": "SHA2015000001",
}
"""Parts of addresses that name nothing of anybody's."""

REQUESTS: dict[str, Sent] = {
    "declarations.file_declaration": Sent(query={"check_only": "false"}),
    "declarations.find_declarations": Sent(query={"q": f"{MARK}00000001"}),
    "declarations.explain_value": Sent(query={"agency": "customs", "target": "DecHead/IEFlag"}),
    "registrations.verify_papers": Sent(body=b'{"updated_at": "2015-10-23T01:00:00Z"}'),
    "registrations.invite_first": Sent(body=b'{"email": "first@example.com"}'),
    "persons.change_person": Sent(body=b'{"roles": ["viewer"]}'),
    "calls.copy_last_call": Sent(query={"imo": "9900019"}),
    "calls.get_call_form": Sent(query={"step": "departure"}),
    "calls.decide_change": Sent(body=b'{"decision": "continue"}'),
    "calls.cancel_call": Sent(body=b'{"reason": "diverted"}'),
    "handovers.ask_handover": Sent(body=b'{"imo_number": "9900020", "port_of_call": "CNSHA", "voyage": "1"}'),
    "handovers.offer_handover": Sent(body=b'{"to": "principal"}'),
    "handovers.settle_handover": Sent(body=b'{"to": "principal", "reason": "r"}'),
    "prepared.change_prepared": Sent(body=sample(ELECTRONICS, trader_assigned_reference_id="KEYEDAGAIN")),
    "prepared.review_prepared": Sent(body=b'{"sha256": "' + 64 * b"0" + b'"}'),
    "prepared.return_prepared": Sent(body=b'{"note": "look again"}'),
    "prepared.file_prepared": Sent(body=b'{"sha256": "' + 64 * b"0" + b'"}'),
}
"""What a door is asked where an empty JSON object is not enough to come as far as its object."""


def unknown(parameters: dict[str, str]) -> dict[str, str]:
    """Parameters of the same shape that name nothing."""
    return {name: value[:1] + "0" * (len(value) - 1) for name, value in parameters.items()}
