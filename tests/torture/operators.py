"""Two operators at their desk, over the window's own API: about what is in doubt they ask the agency, and have it sent again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.identity import create_operator
from tests.torture.lane import Lane
from tests.torture.views import books, waiting_files

API = "/api/v1/operations"


def tokens(lane: Lane) -> tuple[str, str]:
    """Of two different operators."""
    folder: Path = lane.directory / "secrets" / "operators"
    if not (folder / "second.token").exists():
        create_operator(lane.directory / "secrets", "second")
    return (folder / "default.token").read_text().strip(), (folder / "second.token").read_text().strip()


async def agree(lane: Lane, act: str, target: str) -> tuple[int, Any]:
    """One asks, the other grants; the (status, reply) of the grant, or of the asking where that was refused."""
    first, second = tokens(lane)
    wish = {"act": act, "target": target, "reason": "torture"}
    status, asked = await lane.client.act(f"{API}/approvals", wish, token=first)
    if status != 202:
        return status, asked
    return await lane.client.act(f"{API}/approvals/{asked['id']}/grant", token=second)


async def clear_doubts(lane: Lane) -> list[str]:
    """Has sent again what is held and its agency has not, and released what it has; returns the messages."""
    rows = await lane.database.rows(
        "SELECT m.id, m.agency, m.exchange_name FROM outbox o JOIN message m ON m.id = o.message_id WHERE o.state = 'held'"
    )
    again = []
    for message_id, agency, exchange in rows:
        lying = waiting_files(lane.directory / "exchange" / agency)
        has = {arrived.key for arrived in books(lane.books_dir, agency).messages}
        if not lying:
            await agree(lane, "release" if has & {message_id, exchange} else "resend", message_id)
            again.append(message_id)
    return again
