"""Which reply leads to which door: where an id in a reply is what another door's address names (OpenAPI links)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access import Access
from gateway.doors import Address

FIRST = "/items/0/id"
"""Of a list."""


@dataclass(frozen=True, slots=True)
class Lead:
    """From the replies of some operations to the doors of an object."""

    sources: str
    """Operations whose reply holds the id, blanks between."""
    object: str = ""
    """What it is the id of: all doors of such an object (mappings/access.csv)."""
    pointer: str = "/id"
    """Where the id stands in the reply."""
    targets: str = ""
    """Only these operations; needed where there is no object."""
    body: dict[str, str] = field(default_factory=dict)
    """What their request says back: member -> where it stands in the reply."""
    path: dict[str, str] = field(default_factory=dict)
    """Further parts of the address: name -> expression."""


LEADS = (
    Lead("file_declaration refile_declaration", "declaration"),
    Lead("file_prepared", "declaration"),
    Lead("find_declarations", "declaration", FIRST),
    Lead("list_stuck list_silent", "declaration", "/items/0/declaration_id", "list_messages"),
    Lead(
        "get_messages",
        pointer=FIRST,
        targets="get_message",
        path={"declaration_id": "$request.path.declaration_id"},
    ),
    Lead("prepare_filing change_prepared get_prepared", "prepared"),
    Lead(
        "prepare_filing change_prepared get_prepared",
        targets="review_prepared file_prepared",
        body={"sha256": "/sha256"},
    ),
    Lead("list_prepared", "prepared", FIRST),
    Lead("find_calls", "call", FIRST),
    Lead("ask_handover offer_handover", "handover"),
    Lead("list_handovers", "handover", FIRST),
    Lead("offer_mandate", "mandate"),
    Lead("list_mandates", "mandate", FIRST),
    Lead("make_machine rotate_machine", "machine"),
    Lead("list_machines", "machine", FIRST),
    Lead("list_people", "person", FIRST),
    Lead("invite_person", "invitation"),
    Lead("invite_person invite_first", targets="accept_invitation join_organisation", body={"token": "/token"}),
    Lead("list_invitations", "invitation", FIRST),
    Lead("list_registrations", "registration", FIRST),
    Lead("approve_registration", "organisation", "/organisation_id"),
    Lead("list_organisations", "organisation", FIRST),
    Lead("get_any_organisation", targets="verify_papers", body={"updated_at": "/papers/updated_at"}),
    Lead("link_certificate", targets="unlink_certificate"),
    Lead("list_certificates", pointer=FIRST, targets="unlink_certificate"),
    Lead("list_openid", pointer=FIRST, targets="unlink_openid"),
    Lead("list_stuck list_silent", "message", "/items/0/message_id"),
    Lead("list_documents", "document", FIRST),
    Lead("take_answer", "document", "/inbox_id"),
    Lead("ask_approval", "approval"),
    Lead("list_approvals", "approval", FIRST),
    Lead("list_queues", pointer="/items/0/agency", targets="pause_agency resume_agency test_channel"),
    Lead("get_lists", pointer="/lists/0/list", targets="search_list"),
    Lead("get_form", pointer="/form", targets="get_xsd get_json_schema get_prefill"),
)


def add(operations: Mapping[Address, dict[str, Any]], access: Access) -> None:
    """Writes the links into the replies of the operations of an OpenAPI document."""
    named = {operation["operationId"]: address for address, operation in operations.items()}
    of_object: dict[str, list[str]] = {}
    for name, address in named.items():
        # where an address names more than one thing, the one id does not lead there
        if len(address.parameters) == 1:
            of_object.setdefault(access.doors[address.door].object, []).append(name)
    for lead in LEADS:
        for source in lead.sources.split():
            responses = operations[named[source]]["responses"]
            # where a check is a 200, it is the 202 that made something
            status = max(each for each in responses if each.startswith("2"))
            links = responses[status].setdefault("links", {})
            for target in lead.targets.split() or of_object[lead.object]:
                if target != source:
                    links[target] = _link(lead, target, named[target].parameters)


def _link(lead: Lead, target: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": target}
    if parameters:
        found["parameters"] = {name: lead.path.get(name, _at(lead.pointer)) for name in parameters}
    if lead.body:
        found["requestBody"] = {name: _at(pointer) for name, pointer in lead.body.items()}
    return found


def _at(pointer: str) -> str:
    return f"$response.body#{pointer}"
