"""Which rules and rule tables each form has. Importing a subject registers its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from declarations.bundle import Bundle
from declarations.codelists import CodeLists
from declarations.dictionary import Form
from declarations.rules import (  # noqa: F401
    amounts,
    codes,
    containers,
    dates,
    documents,
    header,
    inspection,
    lines,
    parties,
    regulation,
    tables,
    terms,
    transport,
    units,
    weights,
)
from declarations.rules.runner import Skipped
from declarations.rules.vessel import (  # noqa: F401
    ballast,
    cargo,
    certificates,
    crew,
    dangerous,
    form,
    health,
    history,
    loading,
    order,
    passengers,
    persons,
    ship,
    voyage,
)
from declarations.rules.vessel import containers as ship_containers  # noqa: F401
from declarations.rules.vessel import parties as ship_parties  # noqa: F401


class SubjectTables(Protocol):
    """What running rules needs of a form's tables; the rest only its own rules know."""

    @property
    def skipped(self) -> tuple[Skipped, ...]: ...


LOADERS: Mapping[str, Callable[[Bundle, Form, CodeLists], SubjectTables]] = {
    "goods": tables.load_tables,
    "vessel": loading.load_tables,
}
"""form -> what reads and proves the tables of its rules."""
