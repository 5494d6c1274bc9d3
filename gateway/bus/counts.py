"""What the bus counted in this process since it started; `/metrics` shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counts:
    published: int = 0
    """Notices the broker has."""
    dropped: int = 0
    """Notices given up because too many waited for a broker: what they told is found in the database."""
    waiting: int = 0
    """Notices that wait for the broker now."""
    taken: int = 0
    """Notices read and acted upon."""
    skipped: int = 0
    """Records that are no notices, and notices whose taking up failed for another reason than the storage."""
    retried: int = 0
    """Tries that failed because the storage was away."""


counts = Counts()
