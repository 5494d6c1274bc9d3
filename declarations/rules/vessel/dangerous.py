"""Rules of dangerous goods on board (FAL form 7; IMDG Code chapters 2, 3 and 5.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, optional, rows
from declarations.rules.values import digits
from declarations.rules.vessel.tables import Context, DangerousClass, vessel_rule

UN_LENGTH = 4
CLASS_3_LIMIT = Decimal(60)
"""Flash points of flammable liquids are at most 60 degrees (IMDG 2.3.2)."""
_EMS = re.compile(r"F-[A-J],? ?S-[A-Z]")
_LETTER = re.compile(r".*[A-LNS]")


def needs(hazard_class: str, classes: Mapping[str, DangerousClass]) -> DangerousClass | None:
    """What the table says of a class: of 6 or 6.1 for 6.1, the longer one counts."""
    fitting = [begin for begin in classes if hazard_class == begin or hazard_class.startswith(f"{begin}.")]
    return classes[max(fitting, key=len)] if fitting else None


@vessel_rule("R-DGS-01", "dg_un_number")
def un_number_is_well_formed(number: str) -> bool:
    """Four digits; there is no check digit."""
    return digits(number, UN_LENGTH)


@vessel_rule("R-DGS-02", "dg_hazard_class_code", ROW, CONTEXT)
def class_is_in_the_list(hazard_class: str, row: Row, context: Context) -> Finding | None:
    """A class of the IMDG Code; explosives with their compatibility letter (1.4G)."""
    described = needs(hazard_class, context.tables.dangerous_classes)
    if described is not None and described.letter and not _LETTER.fullmatch(hazard_class):
        return Finding("dg_hazard_class_code", row, hazard_class, words="letter")
    return context.coded.fault("dg_hazard_class_code", hazard_class, row)


@vessel_rule(
    "R-DGS-03",
    "dg_hazard_class_code",
    optional("dg_packing_group_code"),
    optional("dg_flash_point"),
    optional("dg_net_explosive_mass"),
    ROW,
    CONTEXT,
)
def class_has_what_it_asks_for(
    hazard_class: str,
    packing_group: str | None,
    flash_point: Decimal | None,
    explosive: Decimal | None,
    row: Row,
    context: Context,
) -> list[Finding] | None:
    """Packing group, flash point and net explosive mass, where the class has them (table of classes)."""
    asked = needs(hazard_class, context.tables.dangerous_classes)
    if asked is None:
        return None
    found = []
    if asked.packing_group == "always" and packing_group is None:
        found.append(Finding("dg_packing_group_code", row, hazard_class))
    if asked.packing_group == "never" and packing_group is not None:
        found.append(Finding("dg_packing_group_code", row, packing_group, words="never", severity="warning"))
    if asked.flash_point and flash_point is None:
        found.append(Finding("dg_flash_point", row, hazard_class))
    if asked.explosive_mass and explosive is None:
        found.append(Finding("dg_net_explosive_mass", row, hazard_class))
    for item in found:
        item.fill = {"hazard": hazard_class}
    return found or None


@vessel_rule("R-DGS-04", "dg_hazard_class_code", "dg_flash_point", ROW)
def flash_point_fits_the_class(hazard_class: str, flash_point: Decimal, row: Row) -> bool | Finding:
    """A flammable liquid has a flash point of at most 60 degrees, unless it is carried hot."""
    return hazard_class != "3" or flash_point <= CLASS_3_LIMIT or Finding("dg_flash_point", row, flash_point)


@vessel_rule(
    "R-DGS-05",
    "dg_un_number",
    optional("dg_hazard_class_code"),
    optional("dg_packing_group_code"),
    optional("dg_marine_pollutant_code"),
    ROW,
    CONTEXT,
)
def entry_is_the_lists(
    number: str, hazard_class: str | None, packing_group: str | None, pollutant: str | None, row: Row, context: Context
) -> list[Finding] | None:
    """Class, packing group and marine pollutant as the list of dangerous goods has them, for numbers in our table."""
    entry = context.tables.un_numbers.get(number)
    if entry is None:
        return None
    found = []
    if hazard_class is not None and hazard_class != entry.hazard_class:
        found.append(Finding("dg_hazard_class_code", row, hazard_class, un=number, listed=entry.hazard_class))
    if packing_group is not None and entry.packing_groups and packing_group not in entry.packing_groups:
        listed = " / ".join(sorted(entry.packing_groups))
        found.append(Finding("dg_packing_group_code", row, packing_group, un=number, listed=listed))
    clean = context.tables.codes["no_pollutant"]
    if entry.pollutant and pollutant == clean:
        found.append(Finding("dg_marine_pollutant_code", row, pollutant, words="pollutant", un=number))
    return found or None


@vessel_rule("R-DGS-06", "dg_ems_number")
def ems_is_well_formed(ems: str) -> bool:
    """Fire and spillage schedules: F-E,S-E (EmS Guide)."""
    return _EMS.fullmatch(ems) is not None


@vessel_rule("R-DGS-07", "dg_net_mass", "dg_gross_mass", ROW)
def dangerous_net_within_gross(net: Decimal, gross: Decimal, row: Row) -> bool | Finding:
    """Net mass is not more than gross mass."""
    return net <= gross or Finding("dg_net_mass", row, net, gross=gross)


@vessel_rule("R-DGS-08", rows("dangerous_goods", "dg_container_id"), rows("containers", "container_id"))
def dangerous_containers_are_listed(dangerous: Sequence[Row], containers: Sequence[Row]) -> list[Finding] | None:
    """A container with dangerous goods is in the list of containers, where there is one."""
    if not containers:
        return None
    listed = {row.get("container_id") for row in containers}
    return [
        Finding("dg_container_id", row, number)
        for row in dangerous
        if (number := row.get("dg_container_id")) is not None and number not in listed
    ] or None


@vessel_rule("R-DGS-09", "dg_proper_shipping_name", optional("dg_technical_name"), ROW)
def generic_entries_say_what_it_is(name: str, technical: str | None, row: Row) -> bool | Finding:
    """An N.O.S. entry is supplemented by the technical name (IMDG 3.1.2.8)."""
    return technical is not None or "N.O.S" not in name.upper() or Finding("dg_technical_name", row, name)
