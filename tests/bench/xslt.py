"""The peers: the generated stylesheets in lxml (libxslt, XSLT 1.0) and in SaxonC (XSLT 3.0), proved equal to ours first."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from tests.bench.chain import Chain
from tests.bench.rounds import Job
from tests.bench.stylesheet import Stylesheet

try:
    from saxonche import PySaxonProcessor
except ImportError:
    PySaxonProcessor = None


@dataclass
class LxmlSplit:
    """Both stylesheets compiled by libxslt."""

    chain: Chain
    parts: list[tuple[etree.XSLT, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for program, filing, *_ in self.chain.programs():
            sheet = Stylesheet(program.context, "1.0")
            transform = etree.XSLT(etree.fromstring(sheet.text.encode()))
            values = {name: etree.XSLT.strparam(text) for name, text in sheet.values(filing).items()}
            self.parts.append((transform, values))

    def job(self) -> Job:
        """From the parsed tree to the bytes of both messages."""
        root = self.chain.tree()

        def run() -> list[bytes]:
            return [bytes(transform(root, **values)) for transform, values in self.parts]

        return run


class SaxonSplit:
    """Both stylesheets compiled by SaxonC. None of its objects outlives this one's processor."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.processor = PySaxonProcessor(license=False)
        compiler = self.processor.new_xslt30_processor()
        self.parts = []
        for program, filing, *_ in chain.programs():
            sheet = Stylesheet(program.context, "3.0")
            executable = compiler.compile_stylesheet(stylesheet_text=sheet.text)
            for name, text in sheet.values(filing).items():
                executable.set_parameter(name, self.processor.make_string_value(text))
            self.parts.append(executable)

    def from_text(self) -> Job:
        """Parsing by Saxon's own parser included."""
        text = self.chain.document.xml.decode()

        def run() -> list[str]:
            node = self.processor.parse_xml(xml_text=text)
            return [part.transform_to_string(xdm_node=node) for part in self.parts]

        return run

    def from_node(self) -> Job:
        """From a tree that Saxon has parsed already."""
        node = self.processor.parse_xml(xml_text=self.chain.document.xml.decode())

        def run() -> list[str]:
            return [part.transform_to_string(xdm_node=node) for part in self.parts]

        return run


def prove_equal(what: str, found: object, chain: Chain) -> None:
    """Stops the benchmark unless a peer's two messages are ours to the last sign (compared as canonical XML)."""
    assert isinstance(found, list)
    for ours, theirs in zip((body for _, body in chain.messages()), found, strict=True):
        text = theirs.encode() if isinstance(theirs, str) else theirs
        mine, other = (etree.tostring(etree.fromstring(each), method="c14n") for each in (ours, text))
        if mine != other:
            place = next(i for i, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b)
            here = slice(max(0, place - 80), place + 60)
            raise SystemExit(f"{what} differs from ours:\n  ours  {mine[here]!r}\n  other {other[here]!r}")
