"""The doors of the application as addresses: which method and path leads to which row of `mappings/access.csv`."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from gateway.access import door_name


@dataclass(frozen=True, slots=True)
class Address:
    """One method at one path."""

    method: str
    path: str
    parameters: tuple[str, ...]
    """What stands in braces in the path."""
    door: str
    """Its row in the table of doors."""
    summary: str


def addresses(app: FastAPI) -> list[Address]:
    """Every address that a function of ours answers at, in the order of the application; the framework's own pages are not
    among them."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.endpoint.__module__.startswith("gateway."):
            continue
        parameters = tuple(str(field.alias) for field in route.dependant.path_params)
        for method in sorted(route.methods or ()):
            path = str(getattr(context, "path", None) or route.path)
            found.append(Address(method, path, parameters, door_name(route.endpoint), route.summary or ""))
    return found
