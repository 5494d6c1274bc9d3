"""The tables of roles and doors: complete, without contradiction, and a door nobody spoke of stays shut."""

from __future__ import annotations

import pytest

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration, Forbidden
from gateway.access import DOORS, ROLES, Access, door_name, require
from gateway.main import create_app, handlers
from tests.support.windows import rulebook


def changed(path: str, old: str, new: str) -> Access:
    files = rulebook().bundle.files
    assert old.encode() in files[path]
    files[path] = files[path].replace(old.encode(), new.encode(), 1)
    return Access(Bundle(files))


@pytest.fixture
def access() -> Access:
    return Access(rulebook().bundle)


def test_every_address_of_the_window_has_a_row_and_every_row_an_address(access: Access) -> None:
    found = handlers(create_app())
    access.require_doors(found)
    assert {door_name(handler) for handler in found} == set(access.doors)


def test_a_door_without_a_row_refuses_the_start() -> None:
    with pytest.raises(BadConfiguration, match="withdraw_declaration"):
        changed(DOORS, "declarations.withdraw_declaration,", "declarations.nothing,").require_doors(
            handlers(create_app())
        )


def test_a_permission_that_no_role_has_is_a_fault_of_the_tables() -> None:
    with pytest.raises(BadConfiguration, match="operat3"):
        changed(DOORS, "operations.list_queues,operate", "operations.list_queues,operat3")


def test_a_role_that_left_the_table_gives_nothing(access: Access) -> None:
    assert access.of_roles(["viewer", "long gone"]) == access.roles["viewer"].permissions
    assert access.of_roles([]) == frozenset()


def test_what_the_tokens_of_files_may(access: Access) -> None:
    client, agency, operator = (access.of_token(kind) for kind in ("client", "agency", "operator"))
    assert {"read", "check", "file", "manage"} <= client
    assert agency == {"answer"}
    assert {"operate", "approve"} <= operator
    # nobody stands on two sides
    assert not client & operator
    assert access.of_token("nobody") == frozenset()


def test_every_role_speaks_both_languages(access: Access) -> None:
    assert all(role.name_zh and role.name_en and role.organisations for role in access.roles.values()), ROLES


def test_a_missing_permission_is_named() -> None:
    require(frozenset({"read"}), "read")
    require(frozenset(), "known")
    with pytest.raises(Forbidden) as refused:
        require(frozenset({"read"}), "file")
    assert refused.value.details == {"permission": "file"}
