"""`nothing_skipped.py RESULTS.xml …`: fails, naming them, when pytest's JUnit results hold a skipped test or none at all."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(paths: list[Path]) -> int:
    """0 when every file holds tests and none was skipped."""
    wrong = 0
    for path in paths:
        cases = list(ET.parse(path).iter("testcase")) if path.exists() else []
        skipped = [case for case in cases if case.find("skipped") is not None]
        print(f"{path}: {len(cases)} tests, {len(skipped)} skipped")
        for case in skipped:
            print(f"  {case.get('classname')}::{case.get('name')}: {case.find('skipped').get('message')}")  # type: ignore[union-attr]
        wrong += bool(skipped) or not cases
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
