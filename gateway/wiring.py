"""The one place that builds things: from settings to a running window, and back down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, text

from adapters.agency import Channel, ChannelSettings, build_channel
from adapters.keys import WINDOW, KeyRing
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.responses import Responses, StatusWords
from declarations.rulebook import Rulebook
from gateway.access import Access
from gateway.calls.tables import CallTables
from gateway.clock import Clock, system_clock
from gateway.collect import Collector
from gateway.config import Settings
from gateway.database.engine import Database, open_database
from gateway.database.stores import bundles, controls, entries, inbox, outbox
from gateway.deliver import Deliverer
from gateway.exchange import Exchange
from gateway.identity import Secrets
from gateway.journal import entry
from gateway.ledger.sealing import Sealer
from gateway.login.authorities import Authorities
from gateway.login.openid_provider import Provider
from gateway.mandates import MandateTables
from gateway.masters import Masters
from gateway.notices import LocalNotices, Notices
from gateway.observe.condition import Condition
from gateway.operations.keys import KeyWatch
from gateway.organisations import oversight
from gateway.organisations.tables import OrganisationTables
from gateway.ratelimit import Limiter
from gateway.scanning import scanner_of
from gateway.standing import settle
from gateway.sweep import Sweeper
from gateway.vault import Vault

log = structlog.get_logger(__name__)
RULEBOOKS_KEPT = 3
"""Older tables held in memory at a time, for declarations accepted under them."""
UNKNOWN_AT_START = 10_000


class Window:
    """The running window: everything a use case needs. Built by `open_window`."""

    def __init__(
        self,
        settings: Settings,
        rulebook: Rulebook,
        database: Database,
        secrets: Secrets,
        clock: Clock,
        vault: Vault,
    ) -> None:
        self.settings = settings
        self.rulebook = rulebook
        self.access = Access(rulebook.bundle)
        self.mandates = MandateTables(rulebook)
        self.calls = CallTables(rulebook)
        self.organisations = OrganisationTables(rulebook)
        self.database = database
        self.vault = vault
        self.condition = Condition(self)
        self.delivering = False
        self.secrets = secrets
        self.clock = clock
        self.limiter = Limiter(settings)
        self.scanner = scanner_of(settings)
        self.authorities = Authorities(settings.tls_client_ca, settings.tls_client_crl)
        self.openid = Provider(settings, clock)
        self.keys = KeyRing(settings.secrets_dir / "keys")
        self.exchange = Exchange(rulebook.agencies, settings.agency_urls, self.keys, secrets)
        self.keys.create_missing(WINDOW, self.exchange.algorithms(), clock())
        self.channels: dict[str, Channel] = _channels(settings, rulebook, secrets, self.exchange)
        self.deliverers = {agency: Deliverer(self, agency) for agency in rulebook.agencies}
        self.collectors = [Collector(self, agency) for agency in rulebook.agencies]
        self.keywatch = KeyWatch(self.keys)
        self.sweeper = Sweeper(self)
        self.sealer = Sealer(self)
        self.notices: Notices = self._notices()
        self._older: dict[str, Rulebook] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # every agency's codes speak in the same words
        self.words: StatusWords = self.responses(next(iter(rulebook.agencies))).words
        self._rule_words = {
            form: {row["rule"]: row for row in rulebook.bundle.table(f"mappings/rules/{form}.csv")}
            for form in rulebook.forms
        }

    def responses(self, agency: str) -> Responses:
        """What an agency's codes mean: always by the tables in force, so that a code understood today explains an old answer."""
        return self.rulebook.agencies[agency].responses

    def rulebook_of(self, connection: Connection, digest: str) -> Rulebook:
        """The tables a declaration was accepted under; raises NotFound when they were never kept."""
        if digest == self.rulebook.digest:
            return self.rulebook
        found = self._older.pop(digest, None) or Rulebook(bundles.load(connection, digest))
        # the last used stands last; the first goes when there are too many
        self._older[digest] = found
        while len(self._older) > RULEBOOKS_KEPT:
            self._older.pop(next(iter(self._older)), None)
        return found

    def rule_fault(self, rule: str, form: str, item: str, value: str) -> Fault:
        """A fault of a rule that the window itself must judge, in the words of the rule table."""
        row, named = self._rule_words[form][rule], self.rulebook.forms[form].items[item]
        return Fault(
            rule,
            item,
            f"/{item}",
            None,
            row["words_zh"].format(item=named.name_zh, value=value),
            row["words_en"].format(item=named.name_en, value=value),
        )

    def agency_key(self, agency: str) -> bytes:
        """The HMAC key shared with an agency."""
        return self.secrets.agency_key(agency)

    def _notices(self) -> Notices:
        if not self.settings.kafka_bootstrap:
            return LocalNotices(self._wake)
        # imported here: the embedded default has no use for it
        from gateway.bus.producer import KafkaNotices

        return KafkaNotices(self.settings.kafka_bootstrap, self.settings.kafka_prefix, self.rulebook.agencies)

    def _wake(self, agency: str) -> None:
        self.deliverers[agency].woken.set()

    def start_worker(self) -> None:
        """Delivers, collects, sweeps and seals the journal in this process until stopped."""
        self.delivering = True
        self.start_sweeper()
        self._tasks += [asyncio.create_task(each.run()) for each in self.deliverers.values()]
        self._tasks += [asyncio.create_task(each.run()) for each in self.collectors]
        self._tasks.append(asyncio.create_task(self.sealer.run()))

    def start_sweeper(self) -> None:
        """Takes up what lost notices left lying."""
        self._tasks.append(asyncio.create_task(self.sweeper.run()))

    async def stop(self) -> None:
        """Claims nothing more, lets what is under way end, gives back the rest. Safe to repeat."""
        self.delivering = False
        for deliverer in self.deliverers.values():
            deliverer.stop()
        for collector in self.collectors:
            collector.stop()
        self.sweeper.stop()
        self.sealer.stop()
        tasks, self._tasks = self._tasks, []
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.sealer.finish()


@asynccontextmanager
async def open_window(
    settings: Settings, clock: Clock | None = None, tables: Rulebook | None = None
) -> AsyncIterator[Window]:
    """A window ready for use cases, closed again at the end. Raises BadConfiguration when it must not start.

    `tables` spares reading and proving the tables again to a process that has them.
    """
    _prepare(settings.data_dir)
    rulebook = tables if tables is not None else await asyncio.to_thread(Rulebook.load, settings.tables_dir)
    if settings.profile not in rulebook.profiles:
        raise BadConfiguration(f"there is no profile {settings.profile!r}", f"没有配置 {settings.profile}")
    unknown = sorted(set(settings.filer) - rulebook.filing)
    if unknown:
        raise BadConfiguration(
            f"ONEWINDOW_FILER: mappings/filing.csv has no {', '.join(unknown)}",
            f"ONEWINDOW_FILER：mappings/filing.csv 中没有 {'、'.join(unknown)}",
        )
    clock = clock or system_clock
    vault = Vault(Masters(settings.secrets_dir, settings.master_key.get_secret_value()), clock)
    database = await open_database(settings.database_url, settings.database_connections, vault)
    window: Window | None = None
    try:
        secrets = Secrets.create_missing(settings.secrets_dir, rulebook.agencies)
        await vault.begin(database)
        window = Window(settings, rulebook, database, secrets, clock, vault)
        await database.write(lambda connection: _begin(connection, window))
        yield window
    finally:
        if window is not None:
            await window.stop()
            await window.notices.close()
            for channel in window.channels.values():
                await channel.close()
        await database.close()


def _prepare(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration(f"cannot use {data_dir}: {error}", f"无法使用目录 {data_dir}：{error}") from error


def _channels(settings: Settings, rulebook: Rulebook, secrets: Secrets, exchange: Exchange) -> dict[str, Channel]:
    return {
        name: build_channel(
            name,
            agency.channel,
            ChannelSettings(
                exchange_dir=settings.exchange_dir / name,
                url=settings.agency_urls.get(name, ""),
                token=secrets.agency_token(name),
                hmac_key=secrets.agency_key(name) if exchange.shares_secret(name) else b"",
                # a sending ends before its lease does
                total_timeout=settings.delivery_lease_seconds / 2,
            ),
        )
        for name, agency in rulebook.agencies.items()
    }


def _begin(connection: Connection, window: Any) -> None:
    """What a start writes: the organisations that are there from the first, the tables in force, the end of dead leases, answers
    understood since."""
    now = window.clock()
    if connection.dialect.name == "postgresql":
        # programs that start together write the same rows
        connection.execute(text("SELECT pg_advisory_xact_lock(4917362)"))
    oversight.begin(connection, window)
    if bundles.keep(connection, window.rulebook.bundle, now):
        entries.add(connection, [entry("tables_changed", at=now, digest=window.rulebook.digest)])
    controls.begin(connection, list(window.rulebook.agencies))
    if window.database.exclusive:
        outbox.void_leases(connection)
    understood = [
        row
        for row in inbox.unknown(connection, UNKNOWN_AT_START)
        if row.agency in window.rulebook.agencies and (row.message, row.code) in window.responses(row.agency)
    ]
    for row in understood:
        inbox.set_known(connection, row.id)
    for declaration_id in dict.fromkeys(row.declaration_id for row in understood):
        settle(connection, window, declaration_id, now)
