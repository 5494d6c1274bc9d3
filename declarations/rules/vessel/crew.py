"""Rules of the crew list (FAL form 5) and of what hangs on it."""

from __future__ import annotations

from collections.abc import Sequence

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Finding, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule


@vessel_rule("R-CRW-01", "crew_quantity", rows("crew", "crew_sequence_number"), CONTEXT)
def crew_are_as_many_as_said(quantity: int, crew: Sequence[Row], context: Context) -> bool | Finding:
    """The number of crew is the number of rows, where the list is due or given (facts section 5)."""
    if not crew and "crew" not in context.tables.steps[context.scope].lists:
        return True
    return quantity == len(crew) or Finding("crew_quantity", value=quantity, rows=len(crew))


@vessel_rule("R-CRW-02", rows("crew", "crew_rank_code"), CONTEXT)
def there_is_one_master(crew: Sequence[Row], context: Context) -> Finding | list[Finding] | None:
    """One of the crew is the master (facts section 5)."""
    if not crew:
        return None
    masters = _masters(crew, context)
    if not masters:
        return Finding(group="crew", value="0")
    return [Finding("crew_rank_code", row, len(masters), words="several") for row in masters[1:]] or None


def _masters(crew: Sequence[Row], context: Context) -> list[Row]:
    ranks = context.codes[context.form.items["crew_rank_code"].code_list]
    masters = {code for code, rank in ranks.items() if rank.attributes.get("master") == "yes"}
    return [row for row in crew if row.get("crew_rank_code") in masters]


@vessel_rule(
    "R-CRW-03",
    "master_family_name",
    "master_given_name",
    optional("master_nationality_code"),
    rows("crew", "crew_rank_code", "crew_family_name", "crew_given_name", "crew_nationality_code"),
    CONTEXT,
)
def the_master_is_the_one_named(
    family: str, given: str, nationality: str | None, crew: Sequence[Row], context: Context
) -> list[Finding] | None:
    """The master named in the general declaration is the one in the crew list (FAL form 1 item 5)."""
    masters = _masters(crew, context)
    if len(masters) != 1:
        return None
    listed = masters[0]
    found = []
    for item, value in (("family_name", family), ("given_name", given), ("nationality_code", nationality)):
        other = listed.get(f"crew_{item}")
        if value is not None and other is not None and value.casefold() != other.casefold():
            found.append(Finding(f"master_{item}", value=value, other=other))
    return found or None


@vessel_rule(
    "R-CRW-04",
    "crew_quantity",
    optional("chinese_crew_quantity"),
    optional("foreign_crew_quantity"),
    rows("crew", "crew_nationality_code"),
    CONTEXT,
)
def nationalities_add_up(
    quantity: int, chinese: int | None, foreign: int | None, crew: Sequence[Row], context: Context
) -> list[Finding] | None:
    """Chinese and foreign crew together are the crew, and as many as the list has."""
    if chinese is None or foreign is None:
        return None
    if chinese + foreign != quantity:
        return [Finding("foreign_crew_quantity", value=foreign, chinese=chinese, quantity=quantity)]
    home = context.tables.texts["home_nationality"]
    listed = sum(row.get("crew_nationality_code") == home for row in crew)
    if not crew or listed == chinese or len(crew) != quantity:
        return None
    return [Finding("chinese_crew_quantity", value=chinese, words="listed", rows=listed)]


@vessel_rule("R-CRW-05", "crew_quantity", "minimum_safe_manning", CONTEXT)
def enough_crew_to_sail(quantity: int, least: int, context: Context) -> bool | Finding:
    """She does not sail with fewer crew than her safe manning document says (SOLAS V/14)."""
    sails = context.tables.steps[context.scope].direction != "arrival"
    return not sails or quantity >= least or Finding("crew_quantity", value=quantity, least=least)


@vessel_rule(
    "R-CRW-06",
    optional("crew_signing_on_quantity"),
    optional("crew_signing_off_quantity"),
    optional("shore_leave_quantity"),
    rows("crew", "crew_movement_type_code", "crew_shore_leave_indicator"),
    CONTEXT,
)
def changes_are_as_many_as_said(
    joining: int | None, leaving: int | None, ashore: int | None, crew: Sequence[Row], context: Context
) -> list[Finding] | None:
    """Crew who join, leave and ask for shore leave are as many as the list has."""
    if not crew:
        return None
    codes = context.tables.codes
    moves = [row.get("crew_movement_type_code") for row in crew]
    leave = [row.get("crew_shore_leave_indicator") for row in crew]
    counted = (
        ("crew_signing_on_quantity", joining, moves, codes["joins"]),
        ("crew_signing_off_quantity", leaving, moves, codes["leaves"]),
        ("shore_leave_quantity", ashore, leave, "1"),
    )
    return [
        Finding(item, value=said, rows=values.count(code))
        for item, said, values, code in counted
        if said is not None and any(value is not None for value in values) and values.count(code) != said
    ] or None


@vessel_rule("R-CRW-07", rows("crew_effects", "effects_crew_sequence_number"), rows("crew", "crew_sequence_number"))
def effects_belong_to_crew(effects: Sequence[Row], crew: Sequence[Row]) -> list[Finding] | None:
    """Effects are somebody's in the crew list (FAL form 4)."""
    if not crew:
        return None
    listed = {number for row in crew if (number := row.get("crew_sequence_number")) is not None}
    return [
        Finding("effects_crew_sequence_number", row, number)
        for row in effects
        if (number := row.get("effects_crew_sequence_number")) is not None and number not in listed
    ] or None
