"""The tables the vessel rules decide by (mappings/rules/vessel.*.csv)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from declarations.faults import Severity
from declarations.rules.rule import Argument, Check, RuleContext, rule
from declarations.rules.runner import Skipped

VESSEL = "vessel"
TODAY = "today"
"""In the column `later`: the day of the filing."""


@dataclass(frozen=True, slots=True)
class Step:
    """A filing scope: direction ("" = any), lists of persons that are due, and what kind of stay it is for."""

    direction: str
    lists: frozenset[str]
    kind: str


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator that says whether a group has rows, at the steps where the rows are filed."""

    item: str
    group: str
    steps: frozenset[str]
    missing: str
    """Severity when it says yes and there are none; "" = nothing is said."""


@dataclass(frozen=True, slots=True)
class Order:
    """`earlier` is not after `later` (nor equal, unless `equal`). One of them may be of a group, the other of the header."""

    earlier: str
    later: str
    equal: bool
    severity: Severity
    words: str
    steps: frozenset[str]


@dataclass(frozen=True, slots=True)
class Range:
    """What values of a number are plausible, both ends included."""

    lowest: Decimal
    highest: Decimal
    severity: Severity


@dataclass(frozen=True, slots=True)
class DangerousClass:
    """What a hazard class asks for."""

    packing_group: str
    flash_point: bool
    explosive_mass: bool
    letter: bool


@dataclass(frozen=True, slots=True)
class UnNumber:
    """What the list of dangerous goods says of a UN number."""

    hazard_class: str
    packing_groups: frozenset[str]
    ems: str
    pollutant: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """How numbers of a flag State's ships begin: MMSI, and call signs as (lowest, highest) of one length."""

    mid: frozenset[str]
    call_signs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CertificateNeed:
    """A certificate ships of these types (beginnings of codes) have from this gross tonnage on."""

    certificate_type: str
    lowest: Decimal
    ship_types: tuple[str, ...]
    item: str


@dataclass(frozen=True, slots=True)
class VesselTables:
    """All tables of the vessel rules."""

    texts: Mapping[str, str]
    numbers: Mapping[str, int]
    """Settings that are whole numbers."""
    codes: Mapping[str, str]
    """meaning -> the code that has it."""
    steps: Mapping[str, Step]
    indicators: tuple[Indicator, ...]
    order: Mapping[str, tuple[Order, ...]]
    """group ("" = the header) -> what comes before what in its rows."""
    ranges: Mapping[str, Mapping[str, Range]]
    """group -> item -> plausible values."""
    dangerous_classes: Mapping[str, DangerousClass]
    """beginning of a hazard class -> what it asks for."""
    un_numbers: Mapping[str, UnNumber]
    flags: Mapping[str, Flag]
    certificates: tuple[CertificateNeed, ...]
    sequences: Mapping[str, str]
    """group -> the item that counts its rows."""
    mrz_items: Mapping[str, Mapping[str, str]]
    """group of persons -> part of a machine readable zone -> item."""
    mrz_codes: Mapping[str, tuple[tuple[str, str], ...]]
    """part -> (sign, code), the longest signs first."""
    skipped: tuple[Skipped, ...] = ()


def vessel_rule(rule_id: str, *arguments: str | Argument) -> Callable[[Check], Check]:
    """`rule` for the vessel form."""
    return rule(rule_id, *arguments, form=VESSEL)


Context = RuleContext[VesselTables]
"""The world of a vessel rule."""
