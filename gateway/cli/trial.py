"""`onewindow run`, and what demonstrations share: the window and the simulated agencies here, samples filed and followed."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer

from declarations.errors import BadConfiguration, OnewindowError
from gateway.cli import console, live
from gateway.cli.client import WindowClient, WindowRefused, read_token
from gateway.cli.files import media_type_of
from gateway.config import AGENCY_URLS, Settings, load_settings
from gateway.supervise import Supervisor, free_port, require_free_port

START_SECONDS = 30.0
NUMBERED = 8
"""Characters at the end of a sample's reference that are a mere number."""


class DemoFailed(OnewindowError):
    """A sample did not reach its expected end in time, or something shown did not come out."""

    code = "demo_failed"


@dataclass(frozen=True)
class Place:
    """Where everything of one trial lives."""

    settings: Settings
    window: str = ""
    """Address of a window that runs already; empty where the trial starts its own."""
    secrets: Path | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self.settings.tls_certificate else "http"
        return self.window or f"{scheme}://{self.settings.host}:{self.settings.port}"

    @property
    def certificate(self) -> Path | None:
        """What a window of our own shows."""
        return None if self.window else self.settings.tls_certificate

    @property
    def token_file(self) -> Path:
        return (self.secrets or self.settings.secrets_dir) / "clients" / "default.token"

    @property
    def samples(self) -> Path:
        return self.settings.tables_dir / "samples"

    @property
    def agencies(self) -> list[str]:
        return sorted(path.parent.name for path in (self.settings.tables_dir / "mappings").glob("*/agency.toml"))

    def log(self, name: str) -> Path:
        return self.settings.data_dir / "logs" / f"{name}.log"

    def require_ports(self) -> None:
        """Raises PortTaken before anything is started."""
        require_free_port(self.settings.host, self.settings.port, "ONEWINDOW_PORT")
        for address in map(urlsplit, self.settings.agency_urls.values()):
            if address.hostname and address.port:
                require_free_port(address.hostname, address.port, "ONEWINDOW_AGENCY_URLS")


def run(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Database, secrets, exchange folders, logs; ONEWINDOW_DATA_DIR or var if left out"),
    ] = None,
) -> None:
    """试运行 / Window, simulated agencies and samples on this machine; a live table; keeps serving until Ctrl-C."""
    if data_dir is not None:
        os.environ["ONEWINDOW_DATA_DIR"] = str(data_dir.absolute())
    os.environ.setdefault("ONEWINDOW_REHEARSAL", "1")
    place = Place(load_settings())
    place.require_ports()
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(trial(place, lambda: file_and_follow(place, None), keep_serving=True))
    typer.echo("已停止 / stopped")


@contextmanager
def own_place() -> Iterator[Place]:
    """A temporary window with agencies that answer faster; its settings stand in the environment for the programs it starts."""
    # what is set for a real window here must not reach into the demonstration
    for name in [name for name in os.environ if name.startswith("ONEWINDOW_") and name != "ONEWINDOW_TABLES_DIR"]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="onewindow-demo-") as directory:
        urls = {agency: f"http://127.0.0.1:{free_port()}/messages" for agency in AGENCY_URLS}
        os.environ |= {
            "ONEWINDOW_DATA_DIR": directory,
            "ONEWINDOW_PORT": str(free_port()),
            "ONEWINDOW_AGENCY_URLS": orjson.dumps(urls).decode(),
            "ONEWINDOW_DELIVERY_POLL_SECONDS": "0.2",
            "ONEWINDOW_REHEARSAL": "1",
            "ONEWINDOW_SIM_DELAY_SCALE": "0.5",
        }
        yield Place(load_settings())


async def trial(place: Place, task: Callable[[], Coroutine[Any, Any, None]], *, keep_serving: bool = False) -> None:
    """Start everything, then `task`. Returns when it is done; with `keep_serving`, never."""
    own = asyncio.current_task()
    assert own is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, own.cancel)
    async with Supervisor() as supervisor:
        await supervisor.start("window", ["serve"], place.log("window"))
        ready = asyncio.create_task(_ready(place))
        await _unless_a_child_stops(supervisor, ready)
        for agency in place.agencies:
            await supervisor.start(agency, ["simulate", agency], place.log(agency))
        # a filing that comes before an agency listens goes out all the same, but only after a pause
        await _unless_a_child_stops(supervisor, asyncio.create_task(_agencies_listen(place)))
        _welcome(place)
        await _unless_a_child_stops(supervisor, asyncio.create_task(task()))
        if keep_serving:
            typer.echo(f"{place.url} 继续服务，Ctrl-C 结束 / keeps serving, Ctrl-C ends it")
            await supervisor.watch()


async def _unless_a_child_stops(supervisor: Supervisor, work: asyncio.Task[None]) -> None:
    """Wait for `work`; raises ChildStopped when a child ends first."""
    watch = asyncio.create_task(supervisor.watch())
    try:
        await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is not None:
            # a child's end explains what else went wrong because of it, and may be noticed a moment later
            await asyncio.wait((watch,), timeout=1.0)
        if watch.done():
            watch.result()
        await work
    finally:
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)


async def _ready(place: Place) -> None:
    async with WindowClient(place.url, "", place.certificate) as client:
        for _ in range(int(START_SECONDS / 0.1)):
            if await client.ready():
                return
            await asyncio.sleep(0.1)
    raise DemoFailed(
        f"the window was not ready within {START_SECONDS:.0f} s; its log is {place.log('window')}",
        f"服务未在 {START_SECONDS:.0f} 秒内就绪，日志见 {place.log('window')}",
    )


async def _agencies_listen(place: Place) -> None:
    for address in map(urlsplit, place.settings.agency_urls.values()):
        for _ in range(int(START_SECONDS / 0.1)):
            with suppress(OSError):
                _, writer = await asyncio.open_connection(address.hostname, address.port)
                writer.close()
                break
            await asyncio.sleep(0.1)


def _welcome(place: Place) -> None:
    typer.echo(f"服务地址 window:  {place.url}")
    typer.echo(f"接口文档 docs:    {place.url}/docs")
    typer.echo(f"令牌文件 token:   {place.token_file}")
    typer.echo(f"日志 logs:        {place.log('*')}")
    typer.echo(f'curl -H "Authorization: Bearer $(cat {place.token_file})" {place.url}/api/v1/declarations')


async def file_and_follow(place: Place, seconds: float | None) -> None:
    """File every sample that is not filed yet, show all until they ended; raises DemoFailed when `seconds` were not enough."""
    started, begun = time.monotonic(), time.time()

    def late() -> bool:
        return seconds is not None and time.monotonic() - started > seconds

    async with WindowClient(place.url, read_token(place.token_file), place.certificate) as client:
        # a window that runs already may have taken the samples before: they are filed under references of their own
        first = int(begun * 100) if place.window else None
        followed = [
            await _file_sample(client, place.samples / name, end, None if first is None else first + index)
            for index, (name, end) in enumerate(_expected(place).items())
        ]
        await live.follow(client, followed, place.agencies, lambda: late() or all(each.settled for each in followed))
    if seconds is not None:
        require_expected(followed)


def _expected(place: Place) -> dict[str, dict[str, Any]]:
    """sample file -> its end, from samples/expected.json."""
    try:
        found: dict[str, dict[str, Any]] = orjson.loads((place.samples / "expected.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadConfiguration(f"samples/expected.json: {error}", f"samples/expected.json 无法读取：{error}") from error
    return found


def _numbered(data: bytes, number: int) -> bytes:
    """A sample under another reference: the same but for the number at its end."""
    form = orjson.loads(data)
    reference = form["trader_assigned_reference_id"]
    form["trader_assigned_reference_id"] = f"{reference[:-NUMBERED]}{number % 10**NUMBERED:0{NUMBERED}d}"
    return orjson.dumps(form)


async def _file_sample(client: WindowClient, path: Path, expected: dict[str, Any], number: int | None) -> live.Followed:
    """File a sample, under a reference with this number if there is one, or find the filing an earlier run made of it."""
    data = path.read_bytes()
    return await file(client, path.name, _numbered(data, number) if number is not None else data, expected)


async def file(client: WindowClient, name: str, data: bytes, expected: dict[str, Any]) -> live.Followed:
    """File a declaration or find the filing an earlier run made of it; raises DemoFailed when it is refused."""
    try:
        filed = await client.submit(data, media_type_of(Path(name), data))
    except WindowRefused as refused:
        if refused.problem.get("code") == "duplicate_reference":
            return live.Followed(refused.problem["declaration_id"], name, expected)
        console.print_faults(refused.problem.get("faults", []), console.errors)
        raise DemoFailed(
            f"{name} was refused: {refused.problem.get('detail')}",
            f"{name} 未被接收：{refused.problem.get('detail_zh')}",
        ) from refused
    return live.Followed(filed["id"], name, expected)


def require_expected(followed: list[live.Followed]) -> None:
    """Raises DemoFailed for those that ended otherwise, or not in time."""
    short = [each for each in followed if not each.as_expected]
    if short:
        said = "; ".join(
            f"{each.name}: {each.answer.get('status')} {each.states}, expected {each.expected.get('combined')} "
            f"{each.expected.get('legs')}"
            for each in short
        )
        raise DemoFailed(f"not at the expected end: {said}", f"未达到预期结果：{said}")
