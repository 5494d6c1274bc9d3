"""The tables of ships' calls: steps, what a movement voids, what is carried forward, certificate numbers, and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from declarations.bundle import TableRow, table_fault
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.rulebook import Rulebook

STEPS, VOIDS, CARRYING = "mappings/steps.csv", "mappings/voids.csv", "mappings/carrying.csv"
MANIFEST = "mappings/manifest_items.csv"
NUMBERS, WORDS, NOTICES = "mappings/certificate_numbers.csv", "mappings/call_words.csv", "mappings/notices.csv"
ENTRY, EXIT = CLEARANCES = ("entry", "exit")
EFFECTS = VOID, TELL, NONE = ("void", "tell", "none")
RELEASE, MOVED = EVENTS = ("release", "movement")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call: a filing scope of its form, and when it may be filed."""

    name: str
    name_zh: str
    name_en: str
    clearance: frozenset[str]
    begins: bool
    repeats: bool
    after: frozenset[str]
    excludes: frozenset[str]
    expects: frozenset[str]
    any_state: bool
    moves: bool
    early_hours: int | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the change of an item means to one agency."""

    item: str
    agency: str
    effect: str
    clearance: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shared:
    """An item of a goods declaration and the item of the manifest it is taken from; "" for a group = the header."""

    form: str
    target: str
    target_group: str
    source: str
    source_group: str


@dataclass(frozen=True, slots=True)
class Said:
    """Words about a call, its certificate or what bars it."""

    actor: str
    name_zh: str
    name_en: str
    next_zh: str
    next_en: str


class CallTables:
    """Read and proved; without `mappings/steps.csv` no form has calls."""

    def __init__(self, rulebook: Rulebook) -> None:
        bundle = rulebook.bundle
        self.forms: dict[str, dict[str, Step]] = {}
        """Form -> its steps by name, in the order of the table."""
        self.effects: dict[str, list[Effect]] = {}
        self.stays: dict[tuple[str, str], frozenset[str]] = {}
        """(form, `step` or `call`) -> items and groups that are not carried into the next step, or the next call."""
        self.prefixes: dict[str, str] = {}
        self.words: dict[tuple[str, str], Said] = {}
        self.manifest: list[Shared] = []
        self.notices: list[tuple[str, str, str]] = []
        """(event, agency, message) of the follow-up notices."""
        if STEPS not in bundle:
            return
        faults: list[Fault] = []
        self._read_steps(rulebook, faults)
        self._read_items(rulebook, faults)
        self.prefixes = {row["office"]: row["prefix"] for row in bundle.table(NUMBERS)}
        if "" not in self.prefixes:
            faults.append(
                table_fault(NUMBERS, None, "office", "缺少默认行", "the row for every other office is missing")
            )
        self.words = {
            (row["kind"], row["code"]): Said(
                *(row[name] for name in ("actor", "name_zh", "name_en", "next_zh", "next_en"))
            )
            for row in bundle.table(WORDS)
        }
        self._read_notices(rulebook, faults)
        self._read_manifest(rulebook, faults)
        if faults:
            raise BadConfiguration(f"tables of calls: {faults[0].message_en}", faults[0].message_zh, faults=faults)

    def step(self, form: str, name: str) -> Step:
        return self.forms[form][name]

    def steps_of(self, form: str, clearance: str) -> frozenset[str]:
        """The steps that are this clearance (entry or exit)."""
        return frozenset(name for name, step in self.forms.get(form, {}).items() if clearance in step.clearance)

    def told_items(self, form: str) -> list[str]:
        """Items whose change is kept as a movement of the ship."""
        return list(dict.fromkeys(effect.item for effect in self.effects.get(form, ())))

    def of(self, kind: str, code: str) -> Said:
        """Words; a code without a row is shown as it is."""
        return self.words.get((kind, code)) or Said("", code, code, "", "")

    def prefix(self, office: str) -> str:
        return self.prefixes.get(office) or self.prefixes[""]

    def _read_steps(self, rulebook: Rulebook, faults: list[Fault]) -> None:
        names: dict[tuple[str, str], TableRow] = {}
        for form in {row["form"] for row in rulebook.bundle.table(STEPS)} & rulebook.forms.keys():
            names |= {(form, row["scope"]): row for row in rulebook.bundle.table(f"mappings/forms/{form}.scopes.csv")}
        for row in rulebook.bundle.table(STEPS):
            named = names.get((row["form"], row["step"]))
            if named is None:
                faults.append(_fault(row, "step", "没有此申报范围", "there is no such filing scope"))
                continue
            early = row["early_hours"]
            if early and not early.isdigit():
                faults.append(_fault(row, "early_hours", "须为整数", "must be a whole number of hours"))
                early = ""
            step = Step(
                row["step"],
                named["name_zh"],
                named["name_en"],
                frozenset(row["clearance"].split()),
                row["begins"] == "yes",
                row["repeats"] == "yes",
                frozenset(row["after"].split()),
                frozenset(row["excludes"].split()),
                frozenset(row["expects"].split()),
                row["any_state"] == "yes",
                row["moves"] == "yes",
                int(early) if early else None,
            )
            self.forms.setdefault(row["form"], {})[step.name] = step
            if step.clearance - set(CLEARANCES):
                faults.append(_fault(row, "clearance", "只能是 entry exit", "must be of entry, exit"))
        for row in rulebook.bundle.table(STEPS):
            for column in ("after", "excludes", "expects"):
                if unknown := set(row[column].split()) - self.forms.get(row["form"], {}).keys():
                    text = f"没有步骤 {sorted(unknown)}", f"there is no step {', '.join(sorted(unknown))}"
                    faults.append(_fault(row, column, *text))

    def _read_items(self, rulebook: Rulebook, faults: list[Fault]) -> None:
        for row in rulebook.bundle.table(VOIDS):
            _known(row, rulebook, faults)
            _one_of(row, "agency", rulebook.agencies, faults)
            _one_of(row, "effect", EFFECTS, faults)
            effect = Effect(row["item"], row["agency"], row["effect"], frozenset(row["clearance"].split()))
            if effect.effect == VOID and not effect.clearance:
                faults.append(_fault(row, "clearance", "须指明", "says whose release is void"))
            self.effects.setdefault(row["form"], []).append(effect)
        for row in rulebook.bundle.table(CARRYING):
            _known(row, rulebook, faults)
            for kind in ("step", "call"):
                if row[f"to_{kind}"] == "no":
                    key = (row["form"], kind)
                    self.stays[key] = self.stays.get(key, frozenset()) | {row["item"]}

    def _read_manifest(self, rulebook: Rulebook, faults: list[Fault]) -> None:
        sources = {item: each for form in self.forms for item, each in rulebook.forms[form].items.items()}
        for row in rulebook.bundle.table(MANIFEST):
            target = rulebook.forms[row["form"]].items.get(row["target"]) if row["form"] in rulebook.forms else None
            if target is None or target.group != row["target_group"]:
                faults.append(_fault(row, "target", "没有此数据项", "there is no such item"))
            source = sources.get(row["source"])
            if source is None or source.group != row["source_group"]:
                faults.append(_fault(row, "source", "没有此数据项", "there is no such item"))
            names = ("form", "target", "target_group", "source", "source_group")
            self.manifest.append(Shared(*(row[name] for name in names)))

    def _read_notices(self, rulebook: Rulebook, faults: list[Fault]) -> None:
        for row in rulebook.bundle.table(NOTICES) if NOTICES in rulebook.bundle else ():
            _one_of(row, "event", EVENTS, faults)
            _one_of(row, "agency", rulebook.agencies, faults)
            agency = rulebook.agencies.get(row["agency"])
            if agency and row["message"] not in {each.message for each in agency.messages if each.direction == "out"}:
                faults.append(_fault(row, "message", "没有此报文", "there is no such message"))
            self.notices.append((row["event"], row["agency"], row["message"]))


def _known(row: TableRow, rulebook: Rulebook, faults: list[Fault]) -> None:
    form = rulebook.forms.get(row["form"])
    if form is None or (row["item"] not in form.items and row["item"] not in form.groups):
        faults.append(_fault(row, "item", "字典中没有此数据项", "the dictionary has no such item"))


def _one_of(row: TableRow, column: str, known: Iterable[str], faults: list[Fault]) -> None:
    if row[column] not in known:
        faults.append(_fault(row, column, "未知", f"must be one of {', '.join(known)}"))


def _fault(row: TableRow, column: str, zh: str, en: str) -> Fault:
    return table_fault(row.path, row.line, column, zh, en)
