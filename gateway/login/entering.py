"""The end of every log-in that needs no password: a session for a person who has proved who he is."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from declarations.loginerrors import PeopleOnly
from gateway.identity import Caller
from gateway.login import sessions
from gateway.wiring import Window


async def enter(window: Window, person_id: str, method: str, organisation_id: str | None = None) -> Response:
    """A session begun by `method`, as POST /session answers: its cookie, and its CSRF value in the content."""
    opened = await sessions.open_session(window, person_id, method, organisation_id)
    return sessions.reply(window, *opened)


async def enter_and_go(window: Window, person_id: str, method: str, path: str) -> Response:
    """The same for a browser on its way back from elsewhere, which is sent on to a page of ours."""
    token, _, _ = await sessions.open_session(window, person_id, method)
    response = RedirectResponse(path, 303)
    sessions.set_cookie(window, response, token)
    return response


def person_of(caller: Caller) -> str:
    """The id of the person who calls; raises PeopleOnly."""
    if caller.person_id is None:
        raise PeopleOnly(
            "this is about the account of a person; log in first", "该操作仅适用于已登录的个人账户，请先登录"
        )
    return caller.person_id


def session_of(caller: Caller) -> str:
    """The hash of the session in use; empty where there is none."""
    return caller.session or ""
