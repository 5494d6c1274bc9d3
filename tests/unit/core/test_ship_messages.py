"""Ships' messages to the maritime administration and to border inspection, and what their answers mean."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from core_forms import JSON, ROOT, bundle, filing, rulebook
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from adapters import xmldsig
from adapters.algorithms import ECDSA_P256
from adapters.keyfiles import Key
from declarations.checking import read_form
from declarations.errors import UnreadableResponse
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.split import render
from declarations.status import Answer, LegStatus, leg_status
from tests.support.windows import START

SHIPS = sorted((ROOT / "tests/data/ships").glob("*.json"))
ANSWERS = {"maritime": "MARESP", "border": "BJHZ"}
ON = START.date()


def legs(step: str) -> tuple[Declaration, dict[str, Leg]]:
    declaration = read_form(rulebook(), (ROOT / f"tests/data/ships/{step}.json").read_bytes(), JSON)
    return declaration, {leg.agency: leg for leg in plan(rulebook(), declaration, ON)}


def message(step: str, agency: str) -> bytes:
    declaration, planned = legs(step)
    return render(rulebook(), planned[agency], declaration, filing(scope=declaration.scope), ON)


def schema(agency: str, name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(bundle().data(f"xsd/{agency}/2015/{name}.xsd")))


def heard(agency: str, *said: tuple[str, int]) -> LegStatus:
    """The leg after these answers: code and minute of the agency's clock."""
    answers = [
        Answer(ANSWERS[agency], code, START + timedelta(minutes=minute), f"{code}{minute}") for code, minute in said
    ]
    return leg_status(rulebook().agencies[agency].responses, "sent", answers)


# Messages


@pytest.mark.parametrize("path", SHIPS, ids=lambda path: path.stem)
def test_each_step_goes_to_its_agencies_in_one_message_each(path: Path) -> None:
    declaration, planned = legs(path.stem)
    assert planned.keys() == rulebook().forms["vessel"].scopes[path.stem]
    for agency in planned.keys() & ANSWERS:
        # render() validates by the agency's schema
        assert declaration.header["ship_name_en"].encode() in message(path.stem, agency)


def test_an_agency_gets_one_message_for_one_step() -> None:
    for agency in rulebook().agencies.values():
        for scope in rulebook().forms["vessel"].scopes:
            values = {"filing.scope": scope}
            due = [
                route.message
                for route in agency.routes
                if route.form == "vessel" and route.due.holds(values.get, rulebook().codes, ON)
            ]
            assert len(due) <= 1, f"{agency.name} {scope}: {due}"


@pytest.mark.parametrize(("step", "mark"), [("arrival", "I"), ("entry_and_exit", "B"), ("periodic", "P")])
def test_one_message_says_which_formality_it_is(step: str, mark: str) -> None:
    assert etree.fromstring(message(step, "maritime")).findtext("Head/Formality") == mark


def test_a_changed_filing_says_that_it_replaces_another() -> None:
    declaration, planned = legs("departure")
    assert etree.fromstring(message("departure", "maritime")).findtext("Head/Function") == "9"
    declaration.header["amendment_reason"] = "crew change"
    changed = render(rulebook(), planned["maritime"], declaration, filing(scope="departure"), ON)
    assert etree.fromstring(changed).findtext("Head/Function") == "5"


def test_border_inspection_reads_its_own_codes_and_names() -> None:
    declaration, _ = legs("arrival")
    filed = declaration.rows("crew")[0]
    assert (filed["crew_gender_code"], filed["crew_document_type_code"]) == ("M", "PP")
    member = etree.fromstring(message("arrival", "border")).find("Cymd/Cy")
    assert member is not None
    assert (member.findtext("XBDM"), member.findtext("ZJZLDM")) == ("1", "414"), "GB/T 2261.1, GA/T 517"
    assert member.findtext("CSRQ") == filed["crew_date_of_birth"]


def test_times_are_written_as_each_agency_writes_them() -> None:
    declaration, _ = legs("arrival")
    eta = datetime.strptime(declaration.header["eta"], "%Y%m%d%H%M")
    assert etree.fromstring(message("arrival", "maritime")).findtext("Voyage/ETA") == f"{eta:%Y-%m-%d %H:%M}"
    assert etree.fromstring(message("arrival", "border")).findtext("Hc/YJDGSJ") == f"{eta:%Y%m%d%H%M}"


def test_a_release_notice_is_made_of_the_windows_values_alone() -> None:
    declaration, _ = legs("movement")
    leg = Leg("maritime", "ReleaseNotice", "2015", None, None, False)
    told = {
        "call_id": "V01", "ship_imo_number": "9900019", "ship_name": "EASTERN HARBINGER", "port_of_call": "CNSHA",
        "voyage_id": "1542W", "clearance_step": "exit", "notice_agency": "border",
        "notice_at": "2015-10-23T02:30:00+00:00", "notice_number": "BI3102-2015-000007",
    }  # fmt: skip
    notice = etree.fromstring(render(rulebook(), leg, declaration, {**filing(), **told}, ON))
    assert notice.findtext("Agency") == "border"
    assert notice.findtext("ReleaseTime") == "2015-10-23 10:30:00", "local time"
    table = rulebook().agencies["maritime"].table("ReleaseNotice", "2015")
    assert all(source.startswith("filing.") for row in table.rows for source in row.sources)


@pytest.mark.parametrize("agency", ANSWERS)
def test_a_schema_refuses_what_the_agency_could_not_read(agency: str) -> None:
    root = etree.fromstring(message("arrival", agency))
    asked = schema(agency, root.tag)
    assert asked.validate(root)
    first = root[0][0]
    for wrong in ("", "tab\there", "x" * 65):
        kept, first.text = first.text, wrong
        assert not asked.validate(root), wrong
        first.text = kept
    etree.SubElement(root, "Unknown")
    assert not asked.validate(root)


def test_border_inspections_schema_takes_a_signature_inside_and_only_at_the_end() -> None:
    body = message("arrival", "border")
    private = ec.generate_private_key(ec.SECP256R1())
    key = Key("0123456789abcdef", "window", ECDSA_P256, START, START, None, private.public_key(), private)
    root = etree.fromstring(xmldsig.embed(body, xmldsig.sign(key, body)))
    asked = schema("border", root.tag)
    assert asked.validate(root)
    root.insert(0, root[-1])
    assert not asked.validate(root)


# Answers


@pytest.mark.parametrize("agency", ANSWERS)
@pytest.mark.parametrize("release", ["REN", "REX", "RBO"])
def test_in_any_order_with_duplicates_the_end_is_the_same(agency: str, release: str) -> None:
    said = [("REC", 0), ("ACC", 1), ("SUP", 2), ("BRD", 3), ("BOK", 4), (release, 5)]
    ends = {heard(agency, *order, *order[::-1]) for order in itertools.permutations(said)}
    (end,) = ends
    assert (end.state, end.obligations) == ("released", ())


@pytest.mark.parametrize("agency", ANSWERS)
def test_a_detained_ship_is_not_released_before_the_detention_is_lifted(agency: str) -> None:
    before, after = ("REX", 1), ("REX", 3)
    assert heard(agency, before).state == "released"
    assert heard(agency, before, ("DET", 2)).state == "held"
    assert heard(agency, ("DET", 2), after).state == "held", "nobody lifted it"
    assert heard(agency, ("DET", 2), ("REX", 2)).state == "held", "in the same second, too"
    assert heard(agency, before, ("DET", 2), ("LFT", 3)).state == "in_review", "a new release is needed"
    assert heard(agency, before, ("DET", 2), ("LFT", 3), ("REX", 4)).state == "released"
    assert heard(agency, before, ("HLD", 2)).state == "held"
    assert heard(agency, before, ("HLD", 2), after).state == "released", "a hold ends with the release"


@pytest.mark.parametrize("agency", ANSWERS)
def test_a_release_that_is_withdrawn_is_none_until_the_next_one(agency: str) -> None:
    assert heard(agency, ("REN", 1), ("REO", 2)).state == "reopened"
    assert heard(agency, ("REN", 1), ("REO", 2), ("REN", 3)).state == "released"
    assert heard(agency, ("REN", 1), ("CAN", 2)).state == "cancelled"


@pytest.mark.parametrize("agency", ANSWERS)
def test_what_the_agent_has_to_do_is_said_in_words_about_ships(agency: str) -> None:
    for code, kind in (("SUP", "upload_papers"), ("BRD", "boarding"), ("REJ", "correct_form")):
        (owed,) = heard(agency, ("ACC", 1), (code, 2)).obligations
        assert (owed.kind, owed.actor) == (kind, "trader")
    for response in rulebook().agencies[agency].responses.values():
        words = f"{response.next_zh} {response.next_en}"
        assert "货物" not in words
        assert " goods" not in words


def test_landing_permits_are_no_release() -> None:
    assert heard("border", ("ACC", 1), ("LND", 2)).state == "in_review"
    assert heard("border", ("REN", 1), ("LND", 2)).state == "released"


REX = {
    "maritime": "<MARESP><RefMessageId>M1</RefMessageId><Code>REX</Code><Time>2015-10-23 10:00:00</Time>"
    "<Officer>陈海</Officer></MARESP>",
    "border": "<BJHZ><YBWBH>M1</YBWBH><HZDM>REX</HZDM><BLSJ>20151023100000</BLSJ><BLR>陈海</BLR></BJHZ>",
}


@pytest.mark.parametrize("agency", ANSWERS)
def test_an_answer_is_read_by_its_table(agency: str) -> None:
    read = rulebook().agencies[agency].answers.read
    (response,) = read(REX[agency].encode())
    assert (response.code, response.refers_to_file, response.channel_note) == ("REX", "M1", "陈海")
    assert response.at == datetime(2015, 10, 23, 2, tzinfo=UTC)
    with pytest.raises(UnreadableResponse):
        read(REX[agency].replace("10-23 10", "13-23 10").replace("1023", "1323").encode())
