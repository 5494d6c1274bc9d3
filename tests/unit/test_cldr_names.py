"""Drift: the names of countries and currencies are those the CLDR script gives; ISO codes are real and agree."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pycountry
import pytest

from declarations.bundle import Bundle

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cldr_names", ROOT / "scripts" / "cldr_names.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_in_the_tables_are_what_the_script_gives(script: ModuleType) -> None:
    assert {"CL_COUNTRY.csv", "CL_CURRENCY.csv", "CL_ISO_COUNTRY3.csv"} <= script.LISTS.keys()
    for file, column in script.LISTS.items():
        text = (ROOT / "mappings" / "codes" / file).read_text(encoding="utf-8")
        assert script.named(text, column) == text, file


def test_a_typed_name_is_replaced_and_rows_without_iso_code_keep_theirs(script: ModuleType) -> None:
    text = "# list: CL_COUNTRY\ncode,name_zh,name_en,alpha2\n502,米国,USA,US\n701,国（地）别不详,Unknown,\n"
    expected = (
        "# list: CL_COUNTRY\ncode,name_zh,name_en,alpha2\n502,美国,United States,US\n701,国（地）别不详,Unknown,\n"
    )
    assert script.named(text, "alpha2") == expected


def test_iso_codes_of_countries_and_currencies_agree_with_the_standards() -> None:
    bundle = Bundle.read(ROOT)
    countries = [row for row in bundle.table("mappings/codes/CL_COUNTRY.csv") if row["alpha2"]]
    numeric = {country.alpha_2: country.numeric for country in pycountry.countries}
    assert [row for row in countries if numeric.get(row["alpha2"]) != row["iso_numeric"]] == []
    assert len({row["alpha2"] for row in countries}) == len(countries) > 200
    currencies = bundle.table("mappings/codes/CL_CURRENCY.csv")
    numeric = {currency.alpha_3: currency.numeric for currency in pycountry.currencies}
    assert [row for row in currencies if numeric.get(row["alpha3"]) != row["iso_numeric"]] == []
