"""Sets a page: a Typst template of this folder, data as JSON, and the fonts that were installed with the window.

Values reach the template as data and are never read as markup. Fonts of the machine are not looked at: the same data gives the
same bytes everywhere.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pylopdf_fonts_zh_cn
import typst

TEMPLATES = Path(__file__).resolve().parent
ARCHIVAL = ["a-3b"]
"""PDF/A-3 (ISO 19005-3), level B: fonts and everything else inside, other files may be attached."""
APART_SECONDS = 120
# one compiler keeps the fonts; it is not made for two threads at once
_lock = threading.Lock()
_lock_apart = threading.Lock()


def typeset(template: str, data: dict[str, Any], at: datetime, **texts: str) -> bytes:
    """A PDF of the template, dated `at`, tagged for those who have it read aloud; `texts` are further inputs as they are (an SVG,
    a record to attach).

    A character that no font has is no reason to go without a certificate: such a page is set as plain PDF, with an empty box.
    """
    with _lock:
        return _pdf(template, {"data": orjson.dumps(data).decode(), **texts}, at, tags=True)


def typeset_apart(template: str, data: dict[str, Any], at: datetime) -> bytes:
    """The same for long lists, untagged, by a program of its own, one at a time: the typesetter keeps 0.1 MB for each line."""
    asked = orjson.dumps({"template": template, "data": data, "at": at})
    command = [sys.executable, "-m", __name__]
    with _lock_apart:
        return subprocess.run(command, input=asked, capture_output=True, check=True, timeout=APART_SECONDS).stdout  # noqa: S603


def _pdf(template: str, inputs: dict[str, str], at: datetime, *, tags: bool) -> bytes:
    compiler = _compiler(template)

    def compiled(standards: list[Any]) -> bytes:
        made = compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=standards, timestamp=at, pdf_tags=tags)
        assert isinstance(made, bytes)
        return made

    try:
        return compiled(ARCHIVAL)
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        return compiled([])


@cache
def _compiler(template: str) -> typst.Compiler:
    folder = Path(pylopdf_fonts_zh_cn.serif_path()).parent
    # the fonts inside Typst serve letters that the Chinese ones lack
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder])
    return typst.Compiler(input=TEMPLATES / template, root=TEMPLATES, font_paths=fonts, ignore_system_fonts=True)


def main() -> None:
    """`typeset_apart`'s other side: what is asked on standard input, the PDF on standard output."""
    asked = orjson.loads(sys.stdin.buffer.read())
    inputs = {"data": orjson.dumps(asked["data"]).decode()}
    sys.stdout.buffer.write(_pdf(asked["template"], inputs, datetime.fromisoformat(asked["at"]), tags=False))


if __name__ == "__main__":
    main()
