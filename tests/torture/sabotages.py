"""Shows every test red once: each kill point and each fault on a build that is broken on purpose."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tests.torture.campaign import Campaign
from tests.torture.faults import run
from tests.torture.faults.fault import FAULTS, Fault
from tests.torture.points import POINTS
from tests.torture.stage import Stage, stage

ROUNDS = 15
"""A broken build gets so many rounds at a point to show it."""
AT_POINTS: dict[str, tuple[str, ...]] = {
    "request_read": ("reply_before_commit",),
    "before_accept_commit": ("outbox_in_a_second_transaction",),
    "during_accept_commit": ("reply_before_commit",),
    "after_accept_commit": ("forget_the_idempotency_key",),
    "accepted_not_replied": ("new_reference_for_every_request",),
    "after_claim": ("delete_before_sending", "never_free_dead_leases"),
    "mid_write_file": ("write_in_place",),
    "mid_write_http": ("delete_before_sending",),
    "file_linked": ("new_id_on_retry",),
    "agency_replied": ("resend_without_asking", "new_id_on_retry"),
    "before_record_commit": ("other_bytes_on_retry",),
    "after_record": ("record_in_two_transactions",),
    "answer_read": ("acknowledge_before_commit",),
    "answer_collected": ("put_away_before_commit",),
    "before_answer_commit": ("status_in_a_second_transaction",),
    "answer_committed": ("acknowledge_before_commit",),
    "answer_moving": ("take_every_answer_for_new",),
    "starting": ("start_only_once",),
    "kept_not_told": ("only_what_is_told",),
    "taken_up": ("take_up_again",),
    "offset_not_committed": ("take_up_again",),
    "archive_written": ("archive_in_place",),
    "removal_not_committed": ("remove_bit_by_bit",),
    "removal_committed": ("remove_without_archive",),
    "migration": ("migrate_without_transactions",),
}
"""point -> builds on which it must find something."""


@dataclass(frozen=True)
class Red:
    """One test on one broken build, and the first thing it said."""

    test: str
    backend: str
    sabotage: str
    saw: str
    """Empty: it stayed green, which is a defect of the test."""


async def every(given: argparse.Namespace, backends: Sequence[str], names: Sequence[str]) -> list[Red]:
    """All pairs; told as they end."""
    reds: list[Red] = []
    async with stage(given.keep) as place:
        pairs = [
            (point, backend, broken)
            for point, builds in AT_POINTS.items()
            for broken in builds
            for backend in POINTS[point].backends
            if backend in backends and (not names or point in names)
        ]
        at_once = asyncio.Semaphore(2)

        async def at_point(point: str, backend: str, broken: str) -> None:
            async with at_once:
                red = Red(point, backend, broken, await _at_point(place, point, backend, broken, given.seed))
                reds.append(red)
                tell(red)

        await asyncio.gather(*(at_point(*pair) for pair in pairs))

        async def other(each: Fault, backend: str, broken: str) -> None:
            async with at_once:
                outcome = await run.once(place, each, backend, given.seed, broken)
            reds.append(Red(each.name, backend, broken, (outcome.violations or [""])[0]))
            tell(reds[-1])

        faults = [
            (each, backend, broken)
            for each in FAULTS.values()
            for backend in each.backends
            for broken in each.broken(backend)
            if backend in backends and (not names or each.name in names)
        ]
        await asyncio.gather(*(other(*one) for one in faults if not one[0].alone))
        for one in faults:
            if one[0].alone:
                await other(*one)
    return reds


def tell(red: Red) -> None:
    print(
        f"{'red  ' if red.saw else 'GREEN'} {red.backend:10} {red.test:22} {red.sabotage:32} {red.saw[:150]}",
        flush=True,
    )


async def _at_point(place: Stage, point: str, backend: str, broken: str, seed: int) -> str:
    """The first violation, in the lane where such a build shows it first."""
    campaign = Campaign(place, backend, ROUNDS, seed, [point], until_found=True)
    # some builds are broken only for agencies that count every copy: the third kind of lane
    await campaign.run(3, broken)
    found = [each for outcome in campaign.outcomes for each in outcome.violations]
    return found[0] if found else ""
