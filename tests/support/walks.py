"""From reply to reply by the links of the OpenAPI document, with what nobody would guess filled in: complete declarations under
new references, answers that agencies have signed, names that are not taken."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import Bundle, initialize
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.stateful.state_machine import APIStateMachine, StepInput

from declarations.checking import read_form
from declarations.convert import to_xml
from gateway.access import KNOWN, PUBLIC, Access
from gateway.api.openapi_document import NAMES
from tests.support.access_objects import PARAMETERS
from tests.support.customers import PAPERS, PASSWORD, Customer, Machine, by_file, person
from tests.support.served import Site, numbered
from tests.support.windows import COSMETICS, ELECTRONICS, HOUSEHOLD, inspected, rulebook, sample

ASKING: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "phases": (Phase.generate,),
    "suppress_health_check": list(HealthCheck),
}
STEPS = 12
SAMPLES = (ELECTRONICS, COSMETICS, HOUSEHOLD)
FORMS = ("file_declaration", "refile_declaration", "prepare_filing", "change_prepared")
BEGINNINGS = (
    "file_declaration", "prepare_filing", "make_machine", "invite_person", "offer_mandate", "register_organisation",
    "ask_approval", "take_answer", "list_stuck", "list_queues", "list_documents", "list_registrations", "get_lists",
)  # fmt: skip
"""What a walk begins with: what makes something that other doors are about, or shows it."""
ANSWER_CODES = ("1", "3")
CSRF = "onewindow-csrf"
LED = ("token",)
"""What a link says in a request's body: that stays."""
_references = itertools.count(1)


def operation_of(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def sent_by(case: Any, customer: Customer) -> None:
    """The case as this customer sends it: whoever has no token has none, and not one that was made up."""
    made_up = ("authorization", CSRF, "cookie")
    kept = {name: value for name, value in dict(case.headers or {}).items() if name.lower() not in made_up}
    case.headers = {**kept, **customer.headers()}
    case.cookies = {}


def known(case: Any) -> None:
    """Names of forms, lists and agencies that there are, where an address wants one."""
    said = case.path_parameters or {}
    case.path_parameters = {name: PARAMETERS.get(name, value) for name, value in said.items()}


class Company:
    """Several who use the window together: at each door stands somebody whom it opens to (mappings/access.csv)."""

    def __init__(self, site: Site) -> None:
        second = site.secrets / "operators" / "second.token"
        second.write_text("second-operator-token-of-the-walks\n")
        doors = Access(rulebook().bundle).doors.values()
        self.permissions = {NAMES.get(door.name, door.name.rpartition(".")[2]): door.permission for door in doors}
        self.person, self.other = person(site), person(site)
        self.machine = Machine("machine", of=self.person)
        self.of = {
            "operate": by_file(site, "operators/default"),
            "register": by_file(site, "operators/default"),
            "approve": by_file(site, "operators/second"),
            "answer": by_file(site, "agencies/inspection"),
            PUBLIC: Customer("nobody"),
            KNOWN: self.person,
            "manage": self.person,
        }
        self.turns = itertools.count()

    def at(self, operation: str) -> Customer:
        if operation in ("accept_mandate", "refuse_mandate", "join_organisation"):
            return self.other
        permission = self.permissions[operation]
        return self.of.get(permission) or (self.person, self.machine)[next(self.turns) % 2]


@dataclass
class Desk:
    """Makes every second request of a door a good one, and keeps what was answered."""

    site: Site
    turns: Counter[str] = field(default_factory=Counter)
    filed: dict[str, str] = field(default_factory=dict)
    """Declaration -> its reference."""
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Operation and status -> how often."""
    followed: Counter[tuple[str, int]] = field(default_factory=Counter)
    """The same, of requests that a link led to."""
    led: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    """Operation -> the parameters and the body that the last reply which leads there says."""
    following: bool = False
    """Whether the request under way was led to by a reply."""
    wrong: list[str] = field(default_factory=list)
    """Replies that are not as the document says."""
    partner: str = ""
    """The organisation that mandates are offered to."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def fill(self, case: Any) -> None:
        name = operation_of(case)
        self.turns[name] += 1
        if self.turns[name] % 2 == 0:
            return
        number = next(self.numbers)
        known(case)
        if not self.following and name in self.led:
            parameters, body = self.led[name]
            self.following = True
            case.path_parameters = {**case.path_parameters, **parameters}
            if body:
                case.media_type, case.body = "application/json", body
        if name in FORMS:
            self._form(case, name, number)
        elif name == "take_answer":
            self._answer(case, number)
        elif name == "list_stuck":
            # what waits to be sent counts as stuck at once
            case.query = {"minutes": 0}
        elif name == "list_messages" and self.filed:
            case.query = {"declaration": list(self.filed)[-1]}
        elif name == "explain_value":
            case.query = {"agency": "customs", "target": "DecHead/IEFlag"}
        elif name in GOOD:
            said = case.body if isinstance(case.body, dict) else {}
            led = {key: said[key] for key in LED if key in said}
            case.media_type, case.body, case.query = "application/json", {**GOOD[name](self, number), **led}, {}

    def _form(self, case: Any, name: str, number: int) -> None:
        reference = f"SWSHWALK{next(_references):010}"
        if name == "refile_declaration":
            reference = self.filed.get(case.path_parameters.get("declaration_id"), reference)
        body = numbered(sample(SAMPLES[number % len(SAMPLES)]), reference)
        if number % 4 == 0:
            body = to_xml(rulebook(), read_form(rulebook(), body, "application/json"))
            case.media_type, case.body = "application/xml", body
        else:
            case.media_type, case.body = "application/json", orjson.loads(body)
        case.query, case.headers = {}, {}

    def _answer(self, case: Any, number: int) -> None:
        reference = list(self.filed.values())[-1] if self.filed else "NOBODYS"
        code = ANSWER_CODES[number % len(ANSWER_CODES)]
        body = inspected(code, reference, datetime.now(UTC), own_id=f"{number}-{datetime.now(UTC):%H%M%S%f}")
        case.path_parameters, case.query = {"agency": "inspection"}, {}
        case.media_type, case.body = "application/xml", body
        case.headers = self.site.signed(body)

    def keep(self, case: Any, response: Any) -> None:
        key = (operation_of(case), response.status_code)
        self.answered[key] += 1
        if self.following:
            self.followed[key] += 1
        described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
        for link in described.get("links", {}).values():
            # without it: a link that the library thought out
            if "operationId" in link:
                self._remember(case, response.json(), link)
        if key in (("file_declaration", 202), ("file_prepared", 202)):
            found = response.json()
            self.filed[found["id"]] = found["reference"]

    def _remember(self, case: Any, content: Any, link: dict[str, Any]) -> None:
        """Where a reply leads, for requests that come to that door by no link of their own."""
        found = [
            {name: _said(case, content, expression) for name, expression in link.get(part, {}).items()}
            for part in ("parameters", "requestBody")
        ]
        if all(value is not None for each in found for value in each.values()):
            self.led[link["operationId"]] = (found[0], found[1])

    def got(self, *statuses: int) -> set[str]:
        """The operations that were answered so."""
        return {name for name, status in self.answered if status in statuses}


def _said(case: Any, content: Any, expression: str) -> Any:
    """What an expression of a link stands for; None where the reply does not say it."""
    where, _, pointer = expression.partition("#/")
    if where != "$response.body":
        return case.path_parameters.get(expression.rpartition(".")[2])
    for part in pointer.split("/"):
        content = (
            content[int(part)]
            if isinstance(content, list) and content
            else isinstance(content, dict) and content.get(part)
        )
    return content or None


def _newcomer(number: int) -> dict[str, str]:
    return {"login": f"walker{number}-{datetime.now(UTC):%H%M%S%f}", "name": "甲", "password": PASSWORD}


def _days() -> dict[str, str]:
    today = datetime.now(UTC).date()
    return {"valid_from": today.isoformat(), "valid_until": (today + timedelta(days=30)).isoformat()}


GOOD: dict[str, Callable[[Desk, int], dict[str, Any]]] = {
    "make_machine": lambda _, number: {"name": f"walk{number}-{datetime.now(UTC):%H%M%S%f}", "scopes": ["read"]},
    "rotate_machine": lambda *_: {"overlap_hours": 1},
    "invite_person": lambda _, number: {"email": f"w{number}@example.com", "roles": ["viewer"]},
    "accept_invitation": lambda _, number: _newcomer(number),
    "offer_mandate": lambda desk, _: {"agent": desk.partner, **_days()},
    "register_organisation": lambda _, number: {
        "name": "甲", "kinds": ["trader"], "papers": PAPERS, "person": _newcomer(number)
    },
    "approve_registration": lambda *_: {"papers_verified": False},
    "refuse_registration": lambda *_: {"reason": "walked"},
    "put_papers": lambda *_: PAPERS,
    "change_person": lambda *_: {"roles": ["viewer"]},
    "return_prepared": lambda *_: {"note": "look again"},
    "ask_approval": lambda *_: {"act": "retention", "target": "retention", "reason": "walked"},
    "pause_agency": lambda *_: {"reason": "walked"},
    "resume_agency": lambda *_: {"reason": "walked"},
}  # fmt: skip
"""What a door takes, where a machine would not guess it."""


def walk(
    document: Any, desk: Desk, who: Callable[[str], Customer], checks: list[Any], walks: int, steps: int = STEPS
) -> None:
    """Walks from reply to reply. `who`: whoever stands at a door, by its operation."""
    beginnings = st.one_of([document.find_operation_by_id(name).as_strategy() for name in BEGINNINGS])

    class Walk(document.as_state_machine()):  # type: ignore[misc]
        customer = Customer("nobody")

        @initialize(target=Bundle("catch_all"), case=beginnings)
        def begin(self, case: Any) -> Any:
            first = StepInput.initial(case)
            self.recorder.record_case(case=case)
            self.control.record_step(first, self.recorder)
            return APIStateMachine._step(self, input=first)

        def step(self, input: Any) -> Any:  # noqa: A002 - the name is the library's
            desk.following = input.is_applied and input.transition is not None
            try:
                return super().step(input)
            except Exception as error:
                desk.wrong.append(f"{operation_of(input.case)}: {error!r}")
                return None

        def before_call(self, case: Any) -> None:
            self.customer = who(operation_of(case))
            desk.fill(case)
            sent_by(case, self.customer)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": desk.site.url, "allow_redirects": False}

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            self.customer.answered(response.status_code, response.headers)
            desk.keep(case, response)

        def validate_response(self, response: Any, case: Any, additional_checks: Any = None, **_: Any) -> None:
            # kept and not raised: the walk goes on, and what is not repeated the same way is not lost
            desk.wrong += faults(case, response, checks)

    for number in range(walks):
        # what the window answers depends on all walks before, which the machine takes for carelessness of ours
        with suppress(FlakyStrategyDefinition):
            seed(number)(Walk).run(settings=settings(max_examples=2, stateful_step_count=steps, **ASKING))


def faults(case: Any, response: Any, checks: list[Any]) -> list[str]:
    """What of a reply is not as the document says."""
    try:
        case.validate_response(response, checks=checks)
    except FailureGroup as group:
        return [f"{operation_of(case)} {response.status_code}: {str(each)[:700]}" for each in group.exceptions]
    return []
