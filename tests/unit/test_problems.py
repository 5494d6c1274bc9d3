"""The table from error class to reply is complete, and replies keep their promised shape."""

from __future__ import annotations

import pytest

from declarations import callerrors, credentialerrors, errors, loginerrors, peopleerrors
from declarations.errors import AgencyUnavailable, DuplicateReference, OnewindowError, StorageUnavailable
from declarations.faults import Fault
from gateway.problems import FRAMEWORK, STATUS, problem_of, status_of

FAMILY = {
    cls
    for module in (errors, callerrors, credentialerrors, loginerrors, peopleerrors)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, OnewindowError)
}


def test_every_class_of_the_family_has_its_row() -> None:
    assert set(STATUS) == FAMILY


@pytest.mark.parametrize("cls", sorted(FAMILY, key=lambda cls: cls.__name__))
def test_a_reply_names_status_code_and_words_in_both_languages(cls: type[OnewindowError]) -> None:
    status, content, _ = problem_of(cls("in English", "中文"))
    assert content["status"] == status == status_of(cls("x"))[0]
    assert content["code"] == cls.code
    assert content["type"].endswith(cls.code)
    assert (content["detail"], content["detail_zh"], content["faults"]) == ("in English", "中文", [])
    assert content["title"]


def test_422_is_only_for_the_content_of_a_declaration() -> None:
    assert [cls for cls, (status, _) in STATUS.items() if status == 422] == [errors.InvalidDeclaration]


def test_codes_are_stable_names_and_none_is_used_twice() -> None:
    codes = [cls.code for cls in FAMILY]
    assert len(codes) == len(set(codes))
    assert {code for code, *_ in FRAMEWORK.values()} - set(codes) == {
        "method_not_allowed",
        "unsupported_media_type",
        "internal_error",
    }


def test_a_duplicate_links_to_the_filing_it_repeats() -> None:
    _, content, _ = problem_of(DuplicateReference("filed", "已申报", details={"declaration_id": "D1", "status": "x"}))
    assert content["declaration_id"] == "D1"
    assert content["declaration_url"] == "/api/v1/declarations/D1"
    assert content["status"] == 409, "a detail must not replace a member of the shape"


def test_503_says_when_to_come_again() -> None:
    assert problem_of(StorageUnavailable("full"))[2]["Retry-After"] == "5"
    assert problem_of(AgencyUnavailable("busy", retry_after=40.2))[2]["Retry-After"] == "40"


def test_401_says_how_to_introduce_oneself() -> None:
    assert problem_of(errors.Unauthorised("who?"))[2]["WWW-Authenticate"].startswith("Bearer")


def test_faults_are_carried_whole() -> None:
    fault = Fault("R-WGT-01", "total_net_mass", "/total_net_mass", 12, "净重大于毛重", "net above gross", None, "error")
    _, content, _ = problem_of(errors.InvalidDeclaration("faults", "有误", faults=[fault]))
    assert content["faults"] == [fault.as_dict()]
