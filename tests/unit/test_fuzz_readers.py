"""What `make fuzz` shows to readers begins with real documents: each has some, and takes them as they are."""

from __future__ import annotations

import pytest

from tests.fuzz.readers import READERS


@pytest.mark.parametrize("name", READERS)
def test_a_reader_has_documents_to_damage_and_takes_them(name: str) -> None:
    assert READERS[name].samples
    for sample in READERS[name].samples:
        READERS[name].read(sample)
