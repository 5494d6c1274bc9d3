"""Access: which permission each door asks for and which roles have it, from `mappings/access.csv` and `mappings/roles.csv`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration, Forbidden

ROLES, DOORS = "mappings/roles.csv", "mappings/access.csv"
PUBLIC, KNOWN = "public", "known"
"""Permissions that no role has to give: for anybody, and for anybody who is logged in."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a person of an organisation is there, and may do for it."""

    name: str
    name_zh: str
    name_en: str
    organisations: frozenset[str]
    """Kinds of organisation in which it can be given."""
    tokens: frozenset[str]
    """Kinds of bearer token from files that have it."""
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Door:
    """One address of the API."""

    name: str
    """Module and function of its handler."""
    permission: str
    check_only: str
    """The permission that is enough when nothing is filed; empty: as ever."""
    object: str
    """What the address names; empty: nothing of anybody's."""


class Access:
    """The two tables, read and proved. Raises BadConfiguration where they contradict themselves."""

    def __init__(self, bundle: Bundle) -> None:
        self.roles = {
            row["role"]: Role(
                row["role"],
                row["name_zh"],
                row["name_en"],
                frozenset(row["organisations"].split()),
                frozenset(row["tokens"].split()),
                frozenset(row["permissions"].split()),
            )
            for row in bundle.table(ROLES)
        }
        self.permissions = frozenset().union(*(role.permissions for role in self.roles.values()))
        self.doors = {
            row["door"]: Door(row["door"], row["permission"], row["check_only"], row["object"])
            for row in bundle.table(DOORS)
        }
        for door in self.doors.values():
            for wanted in {door.permission, door.check_only or PUBLIC} - self.permissions - {PUBLIC, KNOWN}:
                raise BadConfiguration(
                    f"{DOORS}: {door.name} asks for {wanted!r}, which no role has",
                    f"{DOORS}：{door.name} 所需权限 {wanted} 没有任何角色具备",
                )

    def of_roles(self, names: Iterable[str]) -> frozenset[str]:
        """The permissions of some roles; one that is no longer in the table gives none."""
        return frozenset().union(*(self.roles[name].permissions for name in names if name in self.roles))

    def of_token(self, kind: str) -> frozenset[str]:
        """The permissions of a bearer token from a file: `client`, `agency` or `operator`."""
        return self.of_roles(role.name for role in self.roles.values() if kind in role.tokens)

    def require_doors(self, handlers: Iterable[Callable[..., Any]]) -> None:
        """Raises BadConfiguration for a handler that has no row: nobody has said who may use it."""
        missing = sorted({name for handler in handlers if (name := door_name(handler)) not in self.doors})
        if missing:
            names = ", ".join(missing)
            raise BadConfiguration(f"{DOORS} has no row for {names}", f"{DOORS} 缺少 {names}")


def door_name(handler: Callable[..., Any]) -> str:
    """How the table calls a handler: its module's own name and its function."""
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


def require(permissions: frozenset[str], permission: str) -> None:
    """Raises Forbidden when `permission` is not among them."""
    if permission not in permissions and permission not in (PUBLIC, KNOWN):
        raise Forbidden(
            f"this needs the permission {permission!r}, which you do not have",
            f"该操作需要权限 {permission}，您没有此权限",
            details={"permission": permission},
        )
