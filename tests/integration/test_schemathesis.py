"""The whole OpenAPI, asked by a machine: no reply is a failure of ours, and every reply is one that the document knows.

Seeded and bounded; EXAMPLES=100 for a long run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import content_type_conformance, not_a_server_error, status_code_conformance

from tests.support.served import Site, served

pytestmark = pytest.mark.sqlite_only
EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window"), max_body_bytes=200_000) as found:
        yield found


@pytest.mark.parametrize("desk", ["clients/default", "operators/default", "agencies/inspection", None])
def test_every_door_answers_as_the_document_says(site: Site, desk: str | None) -> None:
    headers = site.token(desk) if desk else {}
    document = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
    wrong: list[str] = []
    for found in document.get_all_operations():
        operation: Any = found.ok()
        try:
            _ask(operation, headers)
        except BaseExceptionGroup as group:
            wrong += [f"{operation.label}: {str(each)[:300]}" for each in group.exceptions]
        except Exception as error:
            wrong.append(f"{operation.label}: {type(error).__name__} {str(error)[:300]}")
    assert not wrong, "\n\n".join(wrong)


def _ask(operation: Any, headers: dict[str, str]) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
