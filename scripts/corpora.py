"""Attack files of others, fetched for tests and never shipped: `make corpora`.

    defusedxml   its source distribution from PyPI (xmltestdata/)
    libxml2      Debian's source package, through apt as it is configured. Debian leaves upstream's test/ out of it (+dfsg); what
                 stays are documents of its examples and tests, dictionaries of its fuzzers, and what Debian's patches add

They are laid down below `.make/corpora` (CORPORA names another place): one folder of plain files for each. Needs the network
once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PLACE = Path(os.environ.get("CORPORA", ".make/corpora"))
DEFUSEDXML = "defusedxml==0.7.1"
ENDINGS = (
    ".xml",
    ".xhtml",
    ".ent",
    ".dtd",
    ".xsl",
    ".rng",
    ".xsd",
    ".svg",
    ".rdf",
    ".sct",
    ".dict",
    ".zip",
    ".gz",
)
"""What a trader or an agency could send us."""
LARGEST = 20_000_000


def main() -> int:
    """Fetches what is not there yet; 1 when a corpus cannot be had."""
    failed = []
    for name, fetch in (("defusedxml", _defusedxml), ("libxml2", _libxml2)):
        place = PLACE / name
        if place.is_dir() and any(place.iterdir()):
            continue
        with tempfile.TemporaryDirectory() as directory:
            try:
                archives = fetch(Path(directory))
                kept = _lay_down(archives, place)
            except (subprocess.CalledProcessError, OSError, StopIteration) as error:
                said = getattr(error, "stderr", "") or error
                print(f"{name} cannot be had: {said}", file=sys.stderr)
                failed.append(name)
                continue
        print(f"{name}: {kept} files in {place}")
    return 1 if failed else 0


def _defusedxml(directory: Path) -> list[Path]:
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
         "--disable-pip-version-check", "--dest", str(directory), DEFUSEDXML)  # fmt: skip
    return [next(directory.glob("defusedxml-*.tar.gz"))]


def _libxml2(directory: Path) -> list[Path]:
    """Apt's own sources, asked for source packages, in a state of its own: nothing of the system changes."""
    sources, state = directory / "sources.list.d", directory / "state"
    sources.mkdir()
    (state / "lists/partial").mkdir(parents=True)
    (directory / "cache/archives/partial").mkdir(parents=True)
    for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
        (sources / path.name).write_text(path.read_text().replace("Types: deb\n", "Types: deb-src\n"))
    for path in [*Path("/etc/apt/sources.list.d").glob("*.list"), Path("/etc/apt/sources.list")]:
        with contextlib.suppress(FileNotFoundError):
            (sources / path.name).write_text(path.read_text().replace("deb ", "deb-src "))
    options = [
        f"-oDir::Etc::sourceparts={sources}", "-oDir::Etc::sourcelist=/dev/null", f"-oDir::State={state}",
        f"-oDir::Cache={directory / 'cache'}", "-oAPT::Sandbox::User=", "-oDir::State::status=/var/lib/dpkg/status",
    ]  # fmt: skip
    _run("apt-get", *options, "-qq", "update")
    _run("apt-get", *options, "-qq", "source", "--download-only", "libxml2", cwd=directory)
    return [next(directory.glob("libxml2_*.orig.tar.*")), next(directory.glob("libxml2_*.debian.tar.*"))]


def _lay_down(archives: list[Path], place: Path) -> int:
    """Copies plain files with such endings, each under its path with `-` for `/`; nothing is unpacked by its own name. Of
    Debian's patches, the files they add."""
    temporary = place.with_name(place.name + ".new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for archive in archives:
        with tarfile.open(archive) as files:
            for member in files:
                path = Path(member.name)
                content = files.extractfile(member) if member.isfile() and member.size <= LARGEST else None
                if content is None:
                    continue
                if "patches" in path.parts:
                    _lay_down_added(content.read().decode("utf-8", "replace"), temporary)
                elif path.suffix.lower() in ENDINGS:
                    (temporary / "-".join(path.parts[1:])).write_bytes(content.read())
    kept = len(list(temporary.iterdir()))
    if not kept:
        raise OSError("the archive has no such files")
    shutil.rmtree(place, ignore_errors=True)
    temporary.rename(place)
    return kept


def _lay_down_added(patch: str, place: Path) -> None:
    """The files that a patch adds and that we could be sent."""
    for part in patch.split("\n--- /dev/null\n+++ ")[1:]:
        head, *lines = part.split("\n")
        name = Path(head.split("\t")[0].strip())
        if name.suffix.lower() in ENDINGS:
            added = [line[1:] for line in lines if line.startswith("+")]
            (place / "-".join(("patched", *name.parts[1:]))).write_text("\n".join(added) + "\n")


def _run(*words: str, cwd: Path | None = None) -> None:
    subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
