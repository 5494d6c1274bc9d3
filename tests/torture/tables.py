"""The tables lanes run on: the repository's, with a few words changed. Kept as files for the agencies and the window alike, and
read once for all processes that are forked."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from declarations.bundle import Bundle
from declarations.rulebook import Rulebook

ROOT = Path(__file__).resolve().parents[2]
TERMS = {"mappings/retention.csv": [(r"(?m)^goods,(closed|cancelled|rejected),\d+,\d+,", r"goods,\1,0,1,")]}
COUNTED = {
    f"mappings/{agency}/agency.toml": [
        (r'duplicate_policy = "deduplicates"', 'duplicate_policy = "counts_each"'),
        (r"query = true", "query = false"),
    ]
    for agency in ("customs", "inspection")
}
TIDY, COUNTING = "tables-tidy", "tables-counting"
VARIANTS = {TIDY: TERMS, COUNTING: {**TERMS, **COUNTED}}
"""tidy: ended filings are archived at once and removed after a day. counting: besides, agencies count every copy and cannot be
asked."""


def written(directory: Path, variant: str) -> Path:
    """The variant's files, below `directory`."""
    path = directory / variant
    if not path.exists():
        for folder in ("mappings", "xsd"):
            shutil.copytree(ROOT / folder, path / folder)
        for name, content in _changed(variant).items():
            (path / name).write_bytes(content)
    return path


def rulebooks() -> dict[str, Rulebook]:
    """Every variant, read and proved: by the name of its folder."""
    files = Bundle.read(ROOT).files
    return {variant: Rulebook(Bundle({**files, **_changed(variant)})) for variant in VARIANTS}


def _changed(variant: str) -> dict[str, bytes]:
    found = {}
    for name, replacements in VARIANTS[variant].items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for pattern, by in replacements:
            text = re.sub(pattern, by, text)
        found[name] = text.encode()
    return found
