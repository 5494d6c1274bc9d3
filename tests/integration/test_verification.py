"""The public inquiry after a certificate: a page without scripts, JSON for programs; limited, telling nothing to guessers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from gateway.api import verificationpage
from gateway.api.verification import STATE
from tests.support.served import Site, problem, served, status_of

NOW = datetime(2015, 10, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


class Seen(HTMLParser):
    """What a browser would run, load or label."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def test_what_nobody_issued_is_unknown(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        for query in ("", "?code=K7QMWX4TB2HRN9CZ"):
            reply = await nobody.get(f"/api/v1/certificates/SHA2015000001/state{query}")
            content = await reply.json()
            assert (reply.status, content["state"]) == (200, "unknown")
            assert set(content) == set(STATE)
            assert content["ship_name_en"] is None


async def test_the_page_opens_without_scripts_and_from_its_own_files_only(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        for path in ("/verify", "/verify/SHA2015000001?code=X", "/verify?number=SHA2015000001&code=X"):
            reply = await nobody.get(path)
            text = await reply.text()
            assert reply.status == 200 and reply.content_type == "text/html"
            policy = reply.headers["Content-Security-Policy"]
            assert "style-src 'self'" in policy and "form-action 'self'" in policy and "unsafe" not in policy
            assert reply.headers["Cache-Control"] == "no-store"
            seen = Seen(text)
            assert (
                not seen.of("script") and not seen.of("style") and not [1 for _, given in seen.tags if "style" in given]
            )
            assert [link["href"] for link in seen.of("link")] == ["/verify.css"]
            # every field has its label, the page its language and one heading
            assert (
                {label["for"] for label in seen.of("label")}
                == {field["id"] for field in seen.of("input")}
                == {"number", "code"}
            )
            assert seen.of("html") == [{"lang": "zh-CN"}] and len(seen.of("h1")) == len(seen.of("main")) == 1
            assert ("查无此证" in text) == ("SHA" in path)
        reply = await nobody.get("/verify.css")
        assert reply.content_type == "text/css" and await reply.text() == verificationpage.STYLE


async def test_what_was_typed_is_shown_as_text(site: Site) -> None:
    async with aiohttp.ClientSession(site.url) as nobody:
        text = await (
            await nobody.get("/verify", params={"number": '"><script>alert(1)</script>', "code": "<b>"})
        ).text()
        assert "<script" not in text and "<b>" not in text and "&lt;script&gt;" in text
        assert await status_of(await nobody.get("/verify", params={"number": "9" * 41})) == 400
        assert await status_of(await nobody.get("/verify/" + "9" * 41)) == 400


async def test_nobody_can_try_numbers_fast(tmp_path: Path) -> None:
    limits = {"rate_per_address": 0, "rate_per_organisation": 0, "rate_public_per_minute": 2}
    with served(tmp_path, rate_limit_loopback=True, **limits) as site:
        async with aiohttp.ClientSession(site.url) as nobody:
            # a page and a program draw from the same
            assert await status_of(await nobody.get("/verify/SHA2015000001")) == 200
            assert await status_of(await nobody.get("/api/v1/certificates/SHA2015000001/state")) == 200
            await problem(await nobody.get("/verify/SHA2015000002"), 429, "too_many_requests")
            await problem(await nobody.get("/api/v1/certificates/SHA2015000002/state"), 429, "too_many_requests")
            # the form itself asks nothing
            assert await status_of(await nobody.get("/verify")) == 200


@pytest.mark.parametrize(
    ("state", "look"), [("valid", "good"), ("used", "over"), ("void", "bad"), ("suspended", "bad")]
)
def test_a_state_is_told_in_words_not_only_by_colour(state: str, look: str) -> None:
    told = {
        **STATE,
        "state": state,
        "state_zh": "某状态",
        "issued_at": NOW,
        "as_of": NOW,
        "replaced_by": "SHA2015000009",
    }
    text = verificationpage.rendered("SHA2015000001", "K7QM", told)
    assert f'class="state {look}" role="status"' in text
    for wanted in ("某状态", "EASTERN HARBINGER", "2015-10-23 17:00", "SHA2015000009", "CNSHA"):
        assert wanted in text
