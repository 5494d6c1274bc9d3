"""Upgrades: a program and its successor on one database, first one that expands the schema, then one that takes away what only
the old one used."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from tests.torture.client import Client
from tests.torture.faults.fault import UNHURRIED, Load, Scene, fault, until
from tests.torture.lane import Lane
from tests.torture.points import POSTGRESQL
from tests.torture.stage import free_port
from tests.torture.tables import ROOT

FOLDERS = ("adapters", "declarations", "gateway", "mappings", "xsd", "scripts", "tests")
VERSIONS = Path("gateway") / "database" / "migrations" / "versions"
EXPAND = '''"""Torture: one more column and one more table; the program before goes on without them."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("declaration", sa.Column("torture", sa.Text(), nullable=True))
    op.create_table("torture", sa.Column("id", sa.Text(), primary_key=True))
'''
CONTRACT = '''"""Torture: the program before the last cannot go on."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM compatibility")
    op.execute("INSERT INTO compatibility (oldest) VALUES ('{before}')")
    op.drop_table("torture")
'''
REFUSAL = "which this version does not know"


def successors(directory: Path) -> tuple[Path, Path]:
    """Two copies of the program: the next version, which expands, and the one after it, which contracts."""
    head = max(path.name[:4] for path in (ROOT / VERSIONS).glob("[0-9]*.py"))
    numbers = [f"{int(head) + step:04d}" for step in (0, 1, 2)]
    made = Path(tempfile.mkdtemp(dir=directory))
    trees = (made / "next", made / "after-next")
    for tree in trees:
        for folder in FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__", "data")
            shutil.copytree(ROOT / folder, tree / folder, ignore=ignored)
        (tree / VERSIONS / f"{numbers[1]}_expand.py").write_text(EXPAND.format(revision=numbers[1], before=numbers[0]))
    contract = CONTRACT.format(revision=numbers[2], before=numbers[1])
    (trees[1] / VERSIONS / f"{numbers[2]}_contract.py").write_text(contract)
    return trees


@fault("refuse_what_is_newer")
async def upgrade_side_by_side(scene: Scene) -> None:
    """The next version starts and expands the schema while this one runs; both take filings, deliver and take up answers, and
    this one may start again."""
    following, _ = await asyncio.to_thread(successors, scene.stage.directory)
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage) as lane:
        load = Load(lane, scene)
        load.file(4)
        await asyncio.sleep(0.2)
        if scene.backend == POSTGRESQL:
            await _beside(lane, load, following)
        else:
            await _instead(lane, following)
            load.file(3)
            await load.settle(repeats=2)
            await _instead(lane, None)
        load.file(3)
        await load.settle(repeats=2)


async def _beside(lane: Lane, load: Load, tree: Path) -> None:
    port = free_port()
    lane.launch("serve-2", tree=tree, port=port)
    lane.launch("worker-2", tree=tree)
    lane.launch("consume-2", tree=tree)
    other = Client(f"http://127.0.0.1:{port}", lane.directory / "secrets" / "clients" / "default.token")
    for _ in range(1000):
        load.file(1)
        await asyncio.sleep(0.1)
        if await other.ready():
            break
    old = lane.client
    lane.client = other
    load.file(4)
    await load.answered()
    lane.client = old
    for name in ("worker", "serve", "consume"):
        # the old program starts on the newer schema
        lane.kill(name)
        await asyncio.sleep(0.1)
        lane.revive()
        await lane.ready()
        load.file(2)
    await load.answered()
    lane.remove("worker")
    lane.remove("consume")
    # what the next version alone delivers
    load.file(3)
    await load.answered()
    await other.close()


async def _instead(lane: Lane, tree: Path | None) -> None:
    lane.remove("serve")
    lane.killed.append("serve")
    lane.launch("serve", tree=tree)
    await lane.ready()


@fault("start_on_anything")
async def upgrade_contracts(scene: Scene) -> None:
    """Once the schema has left a version behind, its program refuses to start and says why; the one between still may."""
    following, last = await asyncio.to_thread(successors, scene.stage.directory)
    async with scene.stage.running(scene.backend, sabotage=scene.sabotage, settings=UNHURRIED) as lane:
        load = Load(lane, scene)
        load.file(3)
        await load.settle()
        await _instead(lane, last)
        for name in [name for name in lane.programs if name != "serve"]:
            lane.remove(name)
            lane.launch(name, tree=last)
        lane.remove("serve")
        lane.launch("serve")
        await until(lambda: lane.dead, 30)
        scene.expect("serve" in lane.dead, "a program that the schema has left behind started all the same")
        scene.expect(REFUSAL in lane.said, "a refused program does not say why")
        lane.remove("serve")
        lane.launch("serve", tree=following)
        await lane.ready()
        load.file(3)
        await load.settle(repeats=2)
