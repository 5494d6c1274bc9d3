"""Reading a declaration from a file, and the rulebook the commands judge it by. No server takes part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from declarations.checking import Checked, check
from declarations.errors import InvalidDeclaration, UnreadableDocument
from declarations.faults import Fault
from declarations.form import Declaration
from declarations.rulebook import Context, Rulebook
from gateway import filing, ids
from gateway.clock import Clock, system_clock
from gateway.config import Settings, load_settings

XML, JSON = "application/xml", "application/json"
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass
class Desk:
    """What a command works with: the settings, the tables, and this moment."""

    settings: Settings
    rulebook: Rulebook
    context: Context

    def filing_values(self, declaration: Declaration) -> dict[str, str]:
        """What the window would supply if the declaration were filed now (mappings/filing.csv)."""
        at = self.context.accepted_at
        return filing.filing_values(self.settings, declaration, at, ids.new_id(ids.MESSAGE, at))


def open_desk(clock: Clock = system_clock) -> Desk:
    """Settings from the environment and the tables they name; raises BadConfiguration."""
    settings = load_settings()
    rulebook = Rulebook.load(settings.tables_dir)
    return Desk(settings, rulebook, rulebook.context(clock(), settings.profile))


def media_type_of(path: Path, data: bytes) -> str:
    """By the first character; where that says nothing, by the file's name."""
    start = data.removeprefix(_UTF8_BOM).lstrip()[:1]
    if start == b"<":
        return XML
    if start in (b"{", b"["):
        return JSON
    return JSON if path.suffix.lower() == ".json" else XML


def read_file(path: Path, limit: int) -> bytes:
    """The file's bytes; raises UnreadableDocument over the limit every door has."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnreadableDocument(f"{path} is larger than {limit} bytes", f"{path} 超过 {limit} 字节")
    return data


def check_file(desk: Desk, path: Path) -> Checked:
    limit = desk.settings.max_body_bytes
    try:
        data = read_file(path, limit)
    except UnreadableDocument:
        # in a form's own words, for a script gets faults and no exception
        return Checked(
            None, [desk.rulebook.words.fault("F-TOO-LARGE", None, None, "", None, value=str(limit))], readable=False
        )
    return check(desk.rulebook, data, media_type_of(path, data), desk.context)


def valid_declaration(desk: Desk, path: Path) -> Declaration:
    """The declaration in a file, if it could be filed; raises UnreadableDocument or InvalidDeclaration with the faults."""
    checked = check_file(desk, path)
    return _declaration(checked, path, checked.faults if not checked.valid else [])


def whole_declaration(desk: Desk, path: Path) -> Declaration:
    """The declaration in a file whose every value is in its place, even if business rules object to some."""
    checked = check_file(desk, path)
    misplaced = [fault for fault in checked.faults if fault.code.startswith("F-") and fault.severity == "error"]
    return _declaration(checked, path, misplaced)


def _declaration(checked: Checked, path: Path, standing_against: list[Fault]) -> Declaration:
    if not checked.readable:
        raise UnreadableDocument(f"{path} cannot be read", f"无法读取 {path}", faults=checked.faults)
    if checked.declaration is None or standing_against:
        raise InvalidDeclaration(f"{path} has faults", f"{path} 有错误", faults=standing_against or checked.faults)
    return checked.declaration
