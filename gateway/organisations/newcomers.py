"""A person who gets an account: the log-in and password of a registration or an invitation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from declarations.faults import Fault
from declarations.peopleerrors import LoginTaken
from gateway import ids
from gateway.database.stores import credentials, persons
from gateway.identity import BUILT_IN_ORGANISATION
from gateway.journal import WINDOW
from gateway.login import passwords
from gateway.organisations.fields import email_faults, fault, text_faults

if TYPE_CHECKING:
    from gateway.wiring import Window

OPERATORS = "operators"
"""The organisation of the window's operators."""
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody says about himself."""

    login: str
    name: str
    email: str | None
    password: str = field(repr=False)

    @property
    def known_as(self) -> str:
        """The log-in as it is kept: capitals make no other person."""
        return passwords.login_of(self.login)


def faults(window: Window, newcomer: Newcomer, below: str = "") -> list[Fault]:
    """What is wrong with it, at its fields below a pointer; never whether the log-in is somebody's."""
    found = []
    if _LOGIN.fullmatch(newcomer.known_as) is None:
        zh, en = (
            "3 至 64 个字母、数字或 . _ @ + -，以字母或数字开头",
            "3 to 64 letters, digits or . _ @ + -, a letter or digit first",
        )
        found.append(fault("/login", zh, en))
    elif newcomer.known_as in _reserved(window):
        found.append(fault("/login", "该登录名不可用", "this log-in is reserved"))
    found += text_faults("/name", newcomer.name, required=True)
    found += email_faults("/email", newcomer.email)
    found += passwords.faults(newcomer.password, newcomer.login)
    return [replace(each, pointer=below + each.pointer) for each in found]


async def hashed(newcomer: Newcomer) -> bytes:
    """The password as it is kept."""
    return await passwords.hashed(newcomer.password)


def add(connection: Connection, window: Window, login: str, name: str, email: str | None, secret: bytes) -> str:
    """Gives a person an account with this password; the person's id. Raises LoginTaken."""
    now = window.clock()
    if persons.has_login(connection, login):
        raise taken()
    person_id = ids.new_id(ids.PERSON, now)
    row = {"id": person_id, "login": login, "name": name, "email": email, "state": persons.ACTIVE, "created_at": now}
    persons.add(connection, row)
    credentials.add(
        connection,
        {
            "id": ids.new_id(ids.CREDENTIAL, now),
            "person_id": person_id,
            "kind": credentials.PASSWORD,
            "secret": secret,
            "created_at": now,
        },
    )
    return person_id


def taken() -> LoginTaken:
    """The refusal of a log-in that is somebody's; two who want it at a time are told by the database."""
    words = fault("/login", "该登录名已被使用", "this log-in is somebody's already")
    return LoginTaken(words.message_en, words.message_zh, faults=[words])


def _reserved(window: Window) -> frozenset[str]:
    """Names that mean somebody else in the journal, or at an agency's door."""
    return frozenset({WINDOW, OPERATORS, BUILT_IN_ORGANISATION, *window.rulebook.agencies})
