"""Rules of persons on board, crew and passengers alike: duplicates, ages, names, documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from declarations.form import Row
from declarations.rules.rule import CONTEXT, Argument, Finding, rows
from declarations.rules.vessel.order import written
from declarations.rules.vessel.tables import Context, vessel_rule

DOCUMENT = re.compile(r"[A-Z0-9]+")
_DIGIT = re.compile(r"[0-9]")


def _people(*parts: str) -> tuple[Argument, Argument]:
    """Both lists of persons, with what a rule reads of them: it is silent where one of these is no value."""
    return rows("crew", *(f"crew_{part}" for part in parts)), rows(
        "passengers", *(f"passenger_{part}" for part in parts)
    )


def everybody(crew: Sequence[Row], passengers: Sequence[Row]) -> Iterator[tuple[str, int, Row]]:
    """(prefix of the items, position in the list, row) of each person."""
    for prefix, people in (("crew", crew), ("passenger", passengers)):
        for position, row in enumerate(people, 1):
            yield prefix, position, row


@vessel_rule("R-PER-01", *_people("document_number", "document_issuing_country_code"))
def documents_have_one_holder(crew: Sequence[Row], passengers: Sequence[Row]) -> list[Finding] | None:
    """No document stands twice: a person twice in the lists, or a wrong number (ICAO Annex 9: one person, one passport)."""
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    found = []
    for prefix, position, row in everybody(crew, passengers):
        number = row.get(f"{prefix}_document_number")
        if number is not None:
            key = (number, row.get(f"{prefix}_document_issuing_country_code", ""))
            first = seen.setdefault(key, (prefix, position))
            if first != (prefix, position):
                found.append(Finding(f"{prefix}_document_number", row, number, fill=_place(first)))
    return found or None


@vessel_rule("R-PER-02", *_people("family_name", "given_name", "date_of_birth", "document_number"))
def nobody_stands_twice(crew: Sequence[Row], passengers: Sequence[Row]) -> list[Finding] | None:
    """Two persons of one name born on one day may be one person with two documents: a warning."""
    seen: dict[tuple[str, str, str], tuple[str, int]] = {}
    documents: dict[tuple[str, int], str | None] = {}
    found = []
    for prefix, position, row in everybody(crew, passengers):
        birth = row.get(f"{prefix}_date_of_birth")
        if birth is None:
            continue
        family, given = row.get(f"{prefix}_family_name", ""), row.get(f"{prefix}_given_name", "")
        number = documents[prefix, position] = row.get(f"{prefix}_document_number")
        first = seen.setdefault((family.upper(), given.upper(), birth), (prefix, position))
        if first != (prefix, position) and documents[first] != number:
            found.append(Finding(f"{prefix}_family_name", row, f"{family} {given}", fill=_place(first)))
    return found or None


def _place(first: tuple[str, int]) -> dict[str, object]:
    prefix, position = first
    names = {"crew": ("船员", "crew member"), "passenger": ("旅客", "passenger")}
    return {"list": names[prefix], "first": position}


@vessel_rule("R-PER-04", *_people("date_of_birth"), CONTEXT)
def ages_are_plausible(crew: Sequence[Row], passengers: Sequence[Row], context: Context) -> list[Finding] | None:
    """Crew are at least 16 (MLC 2006, standard A1.1), nobody is older than anybody ever was."""
    numbers = context.tables.numbers
    oldest = _born(context, numbers["oldest_person"])
    youngest = _born(context, numbers["youngest_crew"])
    found = [
        Finding(f"{prefix}_date_of_birth", row, written(birth), words="old", age=numbers["oldest_person"])
        for prefix, _, row in everybody(crew, passengers)
        if (birth := row.get(f"{prefix}_date_of_birth")) is not None and birth < oldest
    ]
    found += [
        Finding("crew_date_of_birth", row, written(birth), age=numbers["youngest_crew"])
        for row in crew
        if (birth := row.get("crew_date_of_birth")) is not None and youngest < birth
    ]
    return found or None


def _born(context: Context, age: int) -> str:
    """The birthday of somebody who is so old today, yyyyMMdd."""
    today = context.today
    return f"{today.year - age:04}{today.month:02}{today.day:02}"


@vessel_rule("R-PER-05", *_people("document_number"))
def document_numbers_are_plain(crew: Sequence[Row], passengers: Sequence[Row]) -> list[Finding] | None:
    """Numbers as the machine readable zone has them: capital letters and digits, no blanks (ICAO Doc 9303)."""
    found = [
        Finding(f"{prefix}_document_number", row, number)
        for prefix, _, row in everybody(crew, passengers)
        if (number := row.get(f"{prefix}_document_number")) is not None and DOCUMENT.fullmatch(number) is None
    ]
    return found or None


@vessel_rule("R-PER-06", *_people("family_name", "given_name"), CONTEXT)
def names_are_names(crew: Sequence[Row], passengers: Sequence[Row], context: Context) -> list[Finding] | None:
    """A person has a name, and names have no digits. Who has one name writes `<` for the other."""
    none = context.tables.texts["no_name"]
    found = []
    for prefix, _, row in everybody(crew, passengers):
        family, given = row.get(f"{prefix}_family_name"), row.get(f"{prefix}_given_name")
        if family == none and given == none:
            found.append(Finding(f"{prefix}_family_name", row, none, words="none", severity="error"))
        for item, name in ((f"{prefix}_family_name", family), (f"{prefix}_given_name", given)):
            if name is not None and _DIGIT.search(name):
                found.append(Finding(item, row, name))
    return found or None
