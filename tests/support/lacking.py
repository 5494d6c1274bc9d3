"""What a test cannot do without, and this machine has not."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI", "").lower() in ("true", "1")


def lacks(said: str) -> NoReturn:
    """Skips the test with the reason; in CI, which has everything, fails it."""
    if IN_CI:
        pytest.fail(said, pytrace=False)
    pytest.skip(said)
