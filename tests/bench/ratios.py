"""N1 and N2: the chain beside the bare floor, the split beside XSLT."""

from __future__ import annotations

import sys

from lxml import etree

from declarations.rulebook import Rulebook
from tests.bench.chain import Chain
from tests.bench.documents import LINES, make, prove
from tests.bench.floor import parse_and_validate
from tests.bench.memory import ROOT
from tests.bench.rounds import Job, Times, measure
from tests.bench.xslt import LxmlSplit, PySaxonProcessor, SaxonSplit, prove_equal

FLOOR, PLAIN, RULES, SPLIT = "floor", "chain, no rules", "chain, all rules", "split"
LXML, SAXON, SAXON_NODE = "lxml XSLT 1.0", "SaxonC from text", "SaxonC from tree"
# (design.md section 8) what, job, beside, target, whether less is better
TARGETS = (
    ("N1", SPLIT, LXML, 4.0, False),
    ("N1", SPLIT, SAXON, 8.0, False),
    ("N2", PLAIN, FLOOR, 1.45, True),
    ("N2", RULES, FLOOR, 1.6, True),
)


def jobs_of(chain: Chain) -> dict[str, Job]:
    """Everything that is compared, proved to do the same work first."""
    jobs = {
        FLOOR: parse_and_validate(chain.floor_pairs()),
        PLAIN: chain.without_rules(),
        RULES: chain.with_rules(),
        SPLIT: chain.split_alone(),
    }
    lxml = LxmlSplit(chain).job()
    prove_equal(LXML, lxml(), chain)
    jobs[LXML] = lxml
    if PySaxonProcessor is None:
        print(f"  saxonche is not installed: the rows of SaxonC are skipped ({sys.executable} -m pip install saxonche)")
        return jobs
    saxon = SaxonSplit(chain)
    jobs |= {SAXON: saxon.from_text(), SAXON_NODE: saxon.from_node()}
    for name in (SAXON, SAXON_NODE):
        prove_equal(name, jobs[name](), chain)
    return jobs


def report(lines: int, times: Times) -> bool:
    """Prints one document's tables; True when every target is reached."""
    print(f"\n{lines} lines{'':19}best us   median us   x floor")
    for name in times.rounds:
        print(f"  {name:22} {times.best(name):9.0f}   {times.middle(name):9.0f}   {times.ratio(name, FLOOR):7.2f}")
    reached = True
    for target, name, beside, wanted, less in TARGETS:
        if beside not in times.rounds:
            continue
        pair = (name, beside) if less else (beside, name)
        found, middle = times.ratio(*pair), times.middle_ratio(*pair)
        good = found <= wanted if less else found >= wanted
        reached &= good
        what = f"{name} / {beside}" if less else f"{name} faster than {beside}"
        sign = "<=" if less else ">="
        verdict = "reached" if good else "MISSED"
        shown = f"{found:6.2f}x  (median of rounds {middle:5.2f}x)"
        print(f"  {target}  {what:38} {shown}  target {sign} {wanted:4.2f}x  {verdict}")
    return reached


def breakdown(times: Times) -> None:
    """Each stage on the ready output of the one before. Warm caches: in the chain the same stages cost some more."""
    total = sum(times.best(name) for name in times.rounds)
    for name in times.rounds:
        share = times.best(name) / total * 100
        print(f"    {name:22} {times.best(name):9.1f} us {share:5.1f} %")
    print(f"    {'sum':22} {total:9.1f} us")


def run(rounds: int, slice_ms: float, seed: int) -> bool:
    """Prints the tables of every document; True when every target is reached."""
    versions = f"lxml {etree.__version__}, libxml2 {'.'.join(map(str, etree.LIBXML_VERSION))}"
    print(
        f"{rounds} interleaved rounds of processor time, {versions}; ratios of the best rounds, beside them the rounds' median"
    )
    rulebook = Rulebook.load(ROOT)
    reached = True
    for lines in LINES:
        document = make(rulebook, lines, seed)
        prove(rulebook, document)
        chain = Chain(rulebook, document)
        reached &= report(lines, measure(jobs_of(chain), rounds, slice_ms))
        print(f"  stages ({len(document.xml) / 1000:.1f} KB)")
        breakdown(measure(chain.stages(), max(3, rounds // 3), slice_ms / 2))
    return reached
