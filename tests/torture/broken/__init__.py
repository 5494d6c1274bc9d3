"""Builds broken on purpose, to show that the torture sees it. The product knows nothing of them."""

from tests.torture.broken import answers, filing, sending, upkeep
from tests.torture.broken.build import SABOTAGES

__all__ = ["SABOTAGES", "answers", "filing", "install", "sending", "upkeep"]


def install(name: str) -> None:
    """Breaks this process."""
    SABOTAGES[name]()
