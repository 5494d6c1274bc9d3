"""The second factor over real HTTP: turned on, asked for, used once, recovered, turned off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyotp
from sqlalchemy import Connection, select

from gateway.database import people
from tests.support.logins import PASSWORD, Browser, Place, place

STEP = 30.0


def code(there: Place, secret: str) -> str:
    return pyotp.TOTP(secret).at(there.clock())


async def with_factor(there: Place) -> tuple[Browser, str, list[str]]:
    """Somebody logged in whose second factor is on; its secret and recovery codes. The last code used is of the step before."""
    browser = there.browser()
    assert (await browser.log_in())[0] == 200
    status, enrolled = await browser.ask("POST", "/account/totp", {"password": PASSWORD})
    assert status == 200 and enrolled["uri"].startswith("otpauth://totp/onewindow:li.wei?")
    secret = enrolled["secret"]
    status, confirmed = await browser.ask("POST", "/account/totp/confirm", {"totp": code(there, secret)})
    assert status == 200, confirmed
    there.clock.tick(STEP)
    return browser, secret, confirmed["recovery_codes"]


async def test_a_second_factor_is_asked_for_once_it_was_confirmed(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser = there.browser()
        await browser.log_in()
        status, content = await browser.ask("POST", "/account/totp", {"password": "not the password"})
        assert (status, content["code"]) == (403, "proof_wrong")
        assert (await browser.ask("POST", "/account/totp/confirm", {"totp": "123456"}))[1][
            "code"
        ] == "second_factor_state"
        await browser.ask("POST", "/account/totp", {"password": PASSWORD})
        assert (await there.browser().log_in())[0] == 200, "not yet confirmed"
        assert (await browser.ask("POST", "/account/totp/confirm", {"totp": "000000"}))[1]["code"] == "proof_wrong"
        assert (await browser.ask("GET", "/account/totp"))[1]["enrolled"] is False
        _, secret, codes = await with_factor(there)
        assert len(set(codes)) == 10
        status, content = await there.browser().log_in()
        assert (status, content["second_factor"]) == (202, "totp")
        assert (await browser.ask("GET", "/account/totp"))[1]["recovery_codes_left"] == 10
        again = await browser.ask("POST", "/account/totp", {"password": PASSWORD})
        assert again[1]["code"] == "second_factor_state"
        assert len(await there.acts("second_factor_added")) == 1
        assert (await there.browser().log_in(totp=code(there, secret)))[1]["method"] == "totp"


async def test_in_two_steps_the_second_once(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        _, secret, _ = await with_factor(there)
        browser = there.browser()
        _, first = await browser.log_in()
        second: dict[str, Any] = {"continue": first["continue"], "totp": code(there, secret)}
        status, content = await browser.ask("POST", "/session", second)
        assert (status, content["method"]) == (200, "totp")
        there.clock.tick(STEP)
        second["totp"] = code(there, secret)
        assert (await there.browser().ask("POST", "/session", second))[1]["code"] == "login_failed"
        # a wrong code ends the step too
        _, first = await browser.log_in()
        for given in ("000000", code(there, secret)):
            reply = await there.browser().ask("POST", "/session", {"continue": first["continue"], "totp": given})
            assert reply[1]["code"] == "login_failed"
        # and so does time
        _, first = await browser.log_in()
        there.clock.tick(301)
        late = {"continue": first["continue"], "totp": code(there, secret)}
        assert (await there.browser().ask("POST", "/session", late))[1]["code"] == "login_failed"


async def test_a_code_opens_once_and_never_after_a_later_one(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        _, secret, _ = await with_factor(there)
        before = code(there, secret)
        there.clock.tick(STEP)
        now = code(there, secret)
        assert (await there.browser().log_in(totp=now))[0] == 200
        for used in (now, before):
            status, content = await there.browser().log_in(totp=used)
            assert (status, content["code"]) == (401, "login_failed")
        there.clock.tick(10 * STEP)
        assert (await there.browser().log_in(totp=now))[0] == 401, "too old"
        assert (await there.browser().log_in(totp=code(there, secret)))[0] == 200


async def test_the_factor_alone_or_with_a_wrong_password_opens_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        _, secret, _ = await with_factor(there)
        assert (await there.browser().log_in(password="wrong horse", totp=code(there, secret)))[0] == 401
        assert (await there.browser().log_in(totp=code(there, secret)))[0] == 200, "and does not use the code up"


async def test_guessing_codes_slows_down_with_the_right_password_too(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        await with_factor(there)
        codes = [(await there.browser().log_in(totp=f"{number:06}"))[0] for number in range(6)]
        assert codes == [401] * 5 + [429]


async def test_a_recovery_code_opens_once(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        browser, _, codes = await with_factor(there)
        status, content = await there.browser().log_in(totp=codes[0].lower())
        assert (status, content["method"]) == (200, "recovery")
        assert (await there.browser().log_in(totp=codes[0]))[0] == 401
        assert (await browser.ask("GET", "/account/totp"))[1]["recovery_codes_left"] == 9
        assert len(await there.acts("recovery_code_used")) == 1
        assert (await browser.ask("POST", "/account/totp/remove", {"totp": codes[0]}))[1]["code"] == "proof_wrong"
        assert (await browser.ask("POST", "/account/totp/remove", {"totp": codes[1]}))[0] == 204
        assert (await there.browser().log_in())[0] == 200
        assert (await browser.ask("POST", "/account/totp/remove", {"totp": codes[2]}))[1][
            "code"
        ] == "second_factor_state"


async def test_the_secret_and_the_codes_are_not_readable_in_the_database(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        _, secret, codes = await with_factor(there)

        def read(connection: Connection) -> str:
            return str(connection.execute(select(people.credential)).all())

        stored = await there.window.database.read(read)
        assert secret not in stored and not any(code in stored or code.replace("-", "") in stored for code in codes)
