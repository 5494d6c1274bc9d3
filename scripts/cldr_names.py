"""Fill the zh and en names of countries and currencies from the Unicode CLDR (through Babel): nobody types them.

    python scripts/cldr_names.py            write the lists of countries and currencies in mappings/codes/
    python scripts/cldr_names.py --check    write nothing; exit 1 when a file is not what this script gives

Only rows with an ISO code are named; the others (unknown, neutral packaging, parts of a country, stateless persons) keep
the names typed in the table. tests/unit/test_cldr_names.py holds the files to this script.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from babel import Locale

CODES = Path(__file__).resolve().parent.parent / "mappings" / "codes"
LISTS = {
    "CL_COUNTRY.csv": "alpha2",
    "CL_CURRENCY.csv": "alpha3",
    "CL_ISO_COUNTRY.csv": "code",
    "CL_ISO_COUNTRY3.csv": "alpha2",
    "CL_ISO_CURRENCY.csv": "code",
}
"""file -> the column with the ISO code: two letters of a country, three of a currency"""
LANGUAGES = {"name_zh": "zh_Hans_CN", "name_en": "en"}


def named(text: str, iso_column: str) -> str:
    """The table's text with CLDR names in place; head lines, row order and other cells stay.

    KeyError: an ISO code that CLDR does not name.
    """
    lines = text.splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#")]
    reader = csv.DictReader(io.StringIO("".join(lines[len(head) :])))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(reader.fieldnames or ()), lineterminator="\n")
    writer.writeheader()
    for row in reader:
        if row[iso_column]:
            for column, language in LANGUAGES.items():
                locale = Locale.parse(language)
                names = locale.territories if len(row[iso_column]) == 2 else locale.currencies
                row[column] = str(names[row[iso_column]])
        writer.writerow(row)
    return "".join(head) + out.getvalue()


def main(arguments: list[str]) -> int:
    """Write or check both files; the exit code says whether a checked file has drifted."""
    drifted = False
    for name, column in LISTS.items():
        path = CODES / name
        before = path.read_text(encoding="utf-8")
        after = named(before, column)
        if before == after:
            continue
        drifted = True
        print(f"{name}: names differ from CLDR" if "--check" in arguments else f"{name}: written")
        if "--check" not in arguments:
            path.write_text(after, encoding="utf-8")
    return int(drifted and "--check" in arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
