"""The bundle: every table and schema file by relative path. Its digest pins all that decided a declaration."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from declarations.errors import BadConfiguration
from declarations.faults import Fault

FOLDERS = ("mappings", "xsd")
SUFFIXES = (".csv", ".toml", ".xsd")


class TableRow(dict[str, str]):
    """One row of a CSV table, column -> trimmed text, with the file and line it stands on."""

    __slots__ = ("line", "path")

    def __init__(self, values: Iterable[tuple[str, str]], path: str, line: int) -> None:
        super().__init__(values)
        self.path = path
        self.line = line

    def __missing__(self, column: str) -> str:
        fault = table_fault(self.path, 1, column, "缺少此列", "this column is missing")
        raise BadConfiguration(f"{self.path} has no column {column}", f"{self.path} 缺少列 {column}", faults=[fault])


def table_fault(path: str, line: int | None, column: str, message_zh: str, message_en: str) -> Fault:
    """A fault of a table: `pointer` is file#column, `line` the line of the file."""
    return Fault("T-TABLE", column or None, f"{path}#{column}", line, message_zh, message_en)


class Bundle:
    """Read-only files of `mappings/` and `xsd/`, from the disk or from what the database kept."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)

    @classmethod
    def read(cls, root: Path) -> Bundle:
        """All tables and schemas below `root`; raises BadConfiguration when there are none."""
        files = {
            path.relative_to(root).as_posix(): path.read_bytes()
            for folder in FOLDERS
            for path in sorted((root / folder).rglob("*"))
            if path.suffix in SUFFIXES and path.is_file()
        }
        if not files:
            raise BadConfiguration(f"no tables below {root}", f"{root} 下没有映射表")
        return cls(files)

    @property
    def files(self) -> dict[str, bytes]:
        return dict(self._files)

    @cached_property
    def digests(self) -> dict[str, str]:
        """sha256 of each file's bytes, by path."""
        return {path: hashlib.sha256(data).hexdigest() for path, data in sorted(self._files.items())}

    @cached_property
    def digest(self) -> str:
        """sha256 over paths and file digests: names the whole set."""
        listing = "".join(f"{digest}  {path}\n" for path, digest in self.digests.items())
        return hashlib.sha256(listing.encode()).hexdigest()

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def data(self, path: str) -> bytes:
        try:
            return self._files[path]
        except KeyError:
            fault = table_fault(path, None, "", "缺少此文件", "this file is missing")
            raise BadConfiguration(f"{path} is missing", f"缺少 {path}", faults=[fault]) from None

    def text(self, path: str) -> str:
        """The file as text (UTF-8, a byte-order mark of a spreadsheet program dropped)."""
        try:
            return self.data(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            fault = table_fault(path, None, "", "不是 UTF-8 文件", "not a UTF-8 file")
            raise BadConfiguration(f"{path} is not UTF-8", f"{path} 不是 UTF-8", faults=[fault]) from error

    def paths(self, prefix: str, suffix: str = "") -> list[str]:
        return [path for path in sorted(self._files) if path.startswith(prefix) and path.endswith(suffix)]

    def head(self, path: str) -> dict[str, str]:
        """The `# key: value` lines above a table's header row."""
        found: dict[str, str] = {}
        for line in self.text(path).splitlines():
            if not line.startswith("#"):
                break
            # a spreadsheet program pads comment lines with the table's commas and may quote them
            match = re.match(r"#\s*([a-z_]+):\s*(.*?)[\s,]*$", line.strip('"'))
            if match:
                found[match[1]] = match[2]
        return found

    def table(self, path: str) -> list[TableRow]:
        """The rows below the header row; cells trimmed; a row with too many cells raises BadConfiguration."""
        text = self.text(path)
        head = 0
        for line in text.splitlines():
            if not line.lstrip('"').startswith("#"):
                break
            head += 1
        reader = csv.reader(io.StringIO("\n".join(text.splitlines()[head:])))
        header = [cell.strip() for cell in next(reader, [])]
        if not header or "" in header or len(set(header)) < len(header):
            fault = table_fault(path, head + 1, "", "表头缺列名或列名重复", "header row lacks a name or repeats one")
            raise BadConfiguration(f"{path}: bad header row", f"{path}：表头有误", faults=[fault])
        rows = []
        for cells in reader:
            line_number = head + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                fault = table_fault(
                    path,
                    line_number,
                    "",
                    f"该行 {len(cells)} 列，表头 {len(header)} 列",
                    f"row has {len(cells)} cells, header {len(header)}",
                )
                raise BadConfiguration(f"{path}:{line_number}: wrong number of cells", faults=[fault])
            rows.append(TableRow(zip(header, (cell.strip() for cell in cells), strict=True), path, line_number))
        return rows
