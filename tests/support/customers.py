"""Whoever asks a served window over HTTP, with all that a door wants to see: tokens from files, a machine's key, a person's
session.

A person here loses sessions as people do (log-out, another organisation) and logs in again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.support.served import Site

API = "/api/v1"
PASSWORD = "correct horse battery staple"
ROLES = ["administrator", "keyer", "reviewer", "signing_declarant"]
PAPERS = {"name_zh": "甲", "customs_registration_id": "3122960457"}
_numbers = itertools.count(1)


class _Elsewhere(HTTPAdapter):
    """Customers come from another address than whoever tries passwords there, and are not throttled with him."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=("127.0.0.2", 0), **kwargs)


@dataclass
class Customer:
    """Who comes with a token, or with nothing."""

    name: str
    token: str = ""

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def answered(self, status: int, headers: Any) -> None:
        """Sees each reply."""


@dataclass
class Person(Customer):
    """Somebody with a password, who administers an organisation and files for it."""

    site: Site | None = None
    organisation: str = ""
    _sent: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        if not self._sent:
            assert self.site is not None
            made = ask(self.site, "POST", "/session", {}, {"login": self.name, "password": PASSWORD})
            if made.status_code in (401, 429):
                # suspended, or too many passwords were tried in this name: another takes the place
                fresh = person(self.site)
                self.name, self.organisation, self._sent = fresh.name, fresh.organisation, fresh.headers()
                return self._sent
            done(made)
            self.organisation = made.json()["organisation"]["id"]
            self._sent = {"Cookie": f"onewindow={made.cookies['onewindow']}", "Onewindow-CSRF": made.json()["csrf"]}
        return self._sent

    def answered(self, status: int, headers: Any) -> None:
        if status == 401 or "set-cookie" in headers:
            self._sent = {}


@dataclass
class Machine(Customer):
    """A key of a person's organisation, with everything a key may do; another one when it was revoked."""

    of: Person | None = None

    def headers(self) -> dict[str, str]:
        if not self.token:
            assert self.of is not None and self.of.site is not None
            wish = {"name": f"erp{next(_numbers)}", "scopes": ["read", "check", "prepare", "review", "return", "file"]}
            self.token = done(ask(self.of.site, "POST", "/machines", self.of.headers(), wish))["secret"]
        return super().headers()

    def answered(self, status: int, headers: Any) -> None:
        if status == 401:
            self.token = ""


def ask(site: Site, method: str, path: str, headers: dict[str, str], content: Any = None) -> requests.Response:
    with requests.Session() as http:
        http.mount(site.url, _Elsewhere())
        return http.request(method, site.url + API + path, headers=headers, json=content, timeout=30)


def done(reply: requests.Response) -> Any:
    """What a request that must succeed was answered."""
    assert reply.ok, reply.text
    return reply.json()


def by_file(site: Site, name: str) -> Customer:
    """With a token from a file below the window's secrets."""
    return Customer(name, site.token(name)["Authorization"].removeprefix("Bearer "))


def person(site: Site) -> Person:
    """The first person of an organisation that was just let in; with every role that one can have."""
    login = f"customer{next(_numbers)}"
    newcomer = {"login": login, "name": login, "password": PASSWORD}
    wish = {"name": login, "kinds": ["trader", "broker"], "papers": PAPERS, "person": newcomer}
    asked = done(ask(site, "POST", "/registrations", {}, wish))["id"]
    registrar = site.token("operators/default")
    done(ask(site, "POST", f"/operations/registrations/{asked}/approve", registrar, {"papers_verified": False}))
    made = Person(login, site=site)
    me = done(ask(site, "GET", "/session", made.headers()))["person"]["id"]
    done(ask(site, "PATCH", f"/organisation/people/{me}", made.headers(), {"roles": ROLES}))
    return made


CUSTOMERS: dict[str, Callable[[Site], Customer]] = {
    "client": lambda site: by_file(site, "clients/default"),
    "operator": lambda site: by_file(site, "operators/default"),
    "agency": lambda site: by_file(site, "agencies/inspection"),
    "person": person,
    "machine": lambda site: Machine("machine", of=person(site)),
    "nobody": lambda _: Customer("nobody"),
}
"""Each kind of caller that the window tells apart."""
