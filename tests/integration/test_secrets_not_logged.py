"""Nothing that opens a door is ever in the log: a real program, every kind of secret used rightly and wrongly, its log read."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from tests.support.program import program
from tests.support.windows import ELECTRONICS, SAMPLES, sample

PROBES = ("password", "totp", "key", "token", "cookie", "csrf", "client", "query", "path", "reference", "challenge")


def lines_of(path: Path) -> set[str]:
    """What a secret file says, line by line: a token, the lines of a key."""
    return {line.strip() for line in path.read_text(errors="replace").splitlines() if len(line.strip()) > 20}


async def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    probe = {name: f"{name}-{secrets.token_urlsafe(24)}" for name in PROBES}
    scanner = f"command:/bin/cat {tmp_path / 'nothing'}"
    async with program(tmp_path, scanner=scanner, scanner_required="false") as running:
        api, http, folder = f"{running.url}/api/v1", running.session, tmp_path / "data/secrets"
        tokens = [path.read_text().strip() for path in sorted(folder.rglob("*.token"))]
        assert len(tokens) >= 4
        json = {"Content-Type": "application/json"}
        for token in tokens:
            bearer = {"Authorization": f"Bearer {token}"}
            for path in ("declarations", "operations/queues", "keys", "operations/messages"):
                await (await http.get(f"{api}/{path}", headers=bearer)).read()
            body = sample(ELECTRONICS, trader_assigned_reference_id=f"SWSH2015B{tokens.index(token):08d}")
            await (await http.post(f"{api}/declarations", data=body, headers={**bearer, **json})).read()
            await (await http.post(f"{api}/agencies/inspection/answers", data=b"<a>", headers=bearer)).read()
        wrong = [
            {"Authorization": f"Bearer owk_{probe['key']}"},
            {"Authorization": f"Bearer owt_{probe['token']}"},
            {"Authorization": f"Bearer {probe['token']}"},
            {"Cookie": f"onewindow={probe['cookie']}", "Onewindow-CSRF": probe["csrf"]},
        ]
        for headers in wrong:
            await (await http.get(f"{api}/declarations", headers=headers)).read()
            await (await http.post(f"{api}/declarations", data=b"{}", headers={**headers, **json})).read()
        login = {"login": "somebody", "password": probe["password"], "totp": probe["totp"]}
        for content in (login, {**login, "strange": probe["challenge"]}, {"password": [probe["password"]]}):
            await (await http.post(f"{api}/session", json=content)).read()
        form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": probe["client"]}
        basic = base64.b64encode(f"x:{probe['client']}".encode()).decode()
        await (await http.post(f"{api}/oauth/token", data=form)).read()
        await (await http.post(f"{api}/oauth/token", data=form, headers={"Authorization": f"Basic {basic}"})).read()
        await (
            await http.get(f"{api}/login/openid/callback", params={"code": probe["query"], "state": probe["query"]})
        ).read()
        await (await http.get(f"{api}/declarations", params={"reference": probe["reference"]})).read()
        assert await running.end() == 0
        written = running.written()
    assert written.count('"event":"request"') > 20, "the log says nothing at all"
    kept = {line for path in folder.rglob("*") if path.is_file() for line in lines_of(path) if not _public(line)}
    assert len(kept) > 4
    shown = [value for value in (*kept, *tokens, *probe.values(), basic) if value in written]
    assert not shown, shown
    # nor what was declared
    names = ("上海", "domestic_trader_name")
    assert not [name for name in names if name in written]
    assert (SAMPLES / f"{ELECTRONICS}.json").read_text().count("上海"), "the sample has such a name"


def _public(line: str) -> bool:
    """Marks and comments of key files, and what they say openly."""
    return line.startswith(("-----", "#", "algorithm", "not_", "owner", "id ", "created"))
