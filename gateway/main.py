"""The HTTP application of the window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from gateway import problems
from gateway.api import (
    account,
    agencies,
    calls,
    certificates,
    codes,
    declarations,
    docspage,
    forms,
    handovers,
    health,
    login,
    machines,
    mandates,
    openapi,
    openapi_document,
    openid,
    operations,
    organisations,
    papers,
    persons,
    prepared,
    registrations,
    sheets,
    verification,
)
from gateway.api import journal as journal_door
from gateway.api import keys as keys_door
from gateway.api import metrics as metrics_door
from gateway.api.guard import Guard
from gateway.api.requestlog import RequestLog
from gateway.api.requests import admitted, no_strange_parameters
from gateway.config import Settings, load_settings
from gateway.wiring import Window, open_window


def _version() -> str:
    try:
        return version("onewindow")
    except PackageNotFoundError:
        return "0"


def create_app(settings: Settings | None = None, *, worker: bool = True, opened: Window | None = None) -> FastAPI:
    """The application. Its window opens when the server starts and closes with it, unless it is given one that is `opened`.

    `worker`: deliver in this process too.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with nullcontext(opened) if opened else open_window(settings or load_settings()) as window:
            app.state.window = window
            window.access.require_doors(handlers(app))
            if worker:
                window.start_worker()
            try:
                yield
            finally:
                await window.stop()

    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        title="onewindow",
        version=_version(),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
    )
    problems.install(app)
    openapi_document.install(app)
    app.add_middleware(Guard)
    app.add_middleware(RequestLog)
    docspage.install(app)
    app.router.routes.extend(_doors())
    return app


@cache
def _doors() -> list[BaseRoute]:
    """Every address of ours. Working out what each needs takes a good part of a second: once is enough for a process."""
    # handlers make their replies themselves: nothing is documented that they did not say
    ours = FastAPI(openapi_url=None, default_response_class=Response)
    api = APIRouter(
        prefix="/api/v1", responses=openapi.REFUSALS, dependencies=[Depends(no_strange_parameters), Depends(admitted)]
    )
    for module in (
        declarations,
        # before calls: its addresses are words where those of calls are ids
        handovers,
        calls,
        sheets,
        forms,
        codes,
        agencies,
        operations,
        mandates,
        keys_door,
        journal_door,
        login,
        account,
        machines,
        certificates,
        openid,
        registrations,
        organisations,
        papers,
        persons,
        prepared,
        verification,
    ):
        api.include_router(module.router)
    api.include_router(handovers.desk)
    ours.include_router(api)
    # without the check of parameters: an OpenID Provider adds its own
    ours.include_router(openid.back, prefix="/api/v1", responses=openapi.REFUSALS, dependencies=[Depends(admitted)])
    ours.include_router(verification.page, dependencies=[Depends(admitted)])
    ours.include_router(health.router)
    ours.include_router(metrics_door.router)
    ours.add_api_route("/", to_docs, include_in_schema=False)
    return ours.routes


def handlers(app: FastAPI) -> list[Callable[..., Any]]:
    """Every function that answers at an address of ours; the framework's own pages are not among them."""
    found = [
        route.endpoint for each in iter_route_contexts(app.routes) if isinstance(route := each.original_route, APIRoute)
    ]
    return [handler for handler in found if handler.__module__.startswith("gateway.")]


async def to_docs() -> Response:
    return RedirectResponse("/docs")
