"""The whole OpenAPI, asked by a machine, door by door and from reply to reply: no reply is a failure of ours, and every reply is
one that the document describes, member by member.

Seeded and bounded; EXAMPLES=50 for a long run.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, seed, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.customers import CUSTOMERS, Customer
from tests.support.served import Site, served
from tests.support.walks import ASKING, Company, Desk, faults, known, sent_by, walk

pytestmark = pytest.mark.sqlite_only
EXAMPLES = int(os.environ.get("EXAMPLES", "3"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

FILERS = ("client", "person", "machine")
ABOUT_A_FILING = {
    "get_declaration", "get_timeline", "get_messages", "get_message", "get_receipt", "explain_value",
    "withdraw_declaration",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window"), max_body_bytes=200_000) as found:
        yield found


def described(site: Site) -> Any:
    """The document; and no reply has a member that it does not name. What integrators are told to ignore, we have to know."""
    document = requests.get(f"{site.url}/openapi.json", timeout=30).json()
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and name != "Problem":
            schema.setdefault("additionalProperties", False)
    return schemathesis.openapi.from_dict(document)


@pytest.mark.parametrize("who", CUSTOMERS)
def test_every_door_answers_as_the_document_says(site: Site, who: str) -> None:
    customer = CUSTOMERS[who](site)
    wrong: list[str] = []
    for found in described(site).get_all_operations():
        wrong += _ask(found.ok(), site, customer)
    assert not wrong, "\n\n".join(wrong)


def _ask(operation: Any, site: Site, customer: Customer) -> list[str]:
    wrong: list[str] = []
    turns = itertools.count()

    @seed(1)
    @settings(max_examples=EXAMPLES, **ASKING)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        if next(turns) % 2 == 0:
            known(case)
        sent_by(case, customer)
        response = case.call(base_url=site.url, allow_redirects=False)
        customer.answered(response.status_code, response.headers)
        wrong.extend(faults(case, response, CHECKS))

    ask()
    return wrong


@pytest.mark.parametrize("who", CUSTOMERS)
def test_every_reply_leads_on_as_the_document_says(site: Site, who: str) -> None:
    """One alone, at all doors: those that are not for him too."""
    customer, desk = CUSTOMERS[who](site), Desk(site)
    walk(described(site), desk, lambda _: customer, CHECKS, walks=EXAMPLES)
    assert not desk.wrong, "\n\n".join(desk.wrong)
    assert bool(desk.filed) == (who in FILERS)


def test_a_company_goes_from_reply_to_reply(site: Site) -> None:
    """At each door somebody whom it opens to, so that most of what is asked is done, and leads on."""
    company, desk = Company(site), Desk(site)
    desk.partner = company.other.organisation
    walk(described(site), desk, company.at, CHECKS, walks=EXAMPLES * 10)
    assert not desk.wrong, "\n\n".join(desk.wrong)
    # a walk that came nowhere would find nothing
    assert desk.answered["file_declaration", 202] >= 5
    reached = {name for name, status in desk.followed if status < 300}
    assert len(reached & ABOUT_A_FILING) >= 4, reached
    assert len(reached) >= 20, reached
    print(f"{sum(desk.answered.values())} requests, {len(desk.filed)} filings, {len(reached)} doors reached by links")
