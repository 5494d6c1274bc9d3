"""Settings: what an operator changes. Read once from `ONEWINDOW_*`; a name we do not know is a mistake, not a wish."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from declarations.errors import BadConfiguration
from declarations.faults import Fault

PREFIX = "ONEWINDOW_"
OTHER_PREFIXES = ("ONEWINDOW_SIM_",)
"""Names of the simulators, which are other programs in the same environment."""


class Settings(BaseSettings):
    """One window. Paths left empty stand below `data_dir`; secrets are files, never settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Path("var")
    database_url: str = ""
    """Empty: SQLite in `data_dir`. `postgresql://user:password@host:port/name` for the grown deployment."""
    database_connections: int = Field(default=16, gt=0)
    """Connections of this process to PostgreSQL at most."""
    kafka_bootstrap: str = ""
    """`host:port,…` of the brokers that carry notices between the window's programs; empty: the programs look themselves."""
    kafka_prefix: str = "onewindow"
    """Topics are `<prefix>.<agency>.out` and `<prefix>.<agency>.back`."""
    deliver_inside: bool | None = None
    """Whether `serve` delivers and collects too. Unset: on SQLite yes (nobody else can), on PostgreSQL no."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where `worker` and `consume` show `/metrics`, `/healthz`, `/readyz`; 0: nowhere. `serve` shows them on its own port."""
    archive_dir: Path = Path()
    tables_dir: Path = Path(__file__).resolve().parent.parent
    """The folder that holds `mappings/` and `xsd/`."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    profile: str = "default"
    """A row of `mappings/profiles.csv`."""
    rehearsal: bool = False
    secrets_dir: Path = Path()
    exchange_dir: Path = Path()
    """One folder below it for each agency with a folder channel."""
    agency_urls: dict[str, str] = {"inspection": "http://127.0.0.1:8092/messages"}
    max_body_bytes: int = Field(default=10_000_000, gt=0)
    filer: dict[str, str] = {}
    """Who files, for the values of `mappings/filing.csv` that a log-in will give later (filer_name, typist_id …)."""
    delivery_batch: int = Field(default=50, gt=0)
    """Outbox rows claimed at a time."""
    delivery_concurrency: int = Field(default=16, gt=0)
    """Messages under way to one agency at a time, from one process."""
    delivery_lease_seconds: float = Field(default=60.0, gt=0)
    delivery_poll_seconds: float = Field(default=1.0, gt=0)
    """How long a deliverer sleeps when nobody wakes it; also the pause between two looks into an agency's InBox."""
    delivery_backoff_seconds: float = Field(default=0.5, gt=0)
    """Upper bound of the first retry's delay; doubles with each attempt."""
    delivery_backoff_cap_seconds: float = Field(default=300.0, gt=0)
    delivery_max_age_seconds: float = Field(default=3 * 86_400.0, gt=0)
    """A message not handed over by then is parked for an operator, unless its agency's table says otherwise (max_age_hours)."""
    breaker_failures: int = Field(default=5, gt=0)
    """An agency that cannot be reached so many times one after another is left alone for a while."""
    breaker_seconds: float = Field(default=30.0, gt=0)
    """How long, before one message is tried."""
    sweep_seconds: float = Field(default=5.0, gt=0)
    """How often programs look for what a lost notice left lying: answers not taken up, answers that fit a filing by now."""
    storage_reserve_bytes: int = Field(default=64_000_000, ge=0)
    """Embedded default: with less room than this on the disk of `data_dir` filings are refused (503), so that what is under way
    can still be recorded; 0: no reserve."""
    retake_seconds: float = Field(default=30.0, gt=0)
    """A document kept and not taken up within that time is looked for: the notice of it was lost."""
    drain_seconds: float = Field(default=10.0, gt=0)
    """What is under way gets this long to end after SIGTERM."""

    @field_validator("tables_dir", "data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.absolute()

    @model_validator(mode="after")
    def _below_data_dir(self) -> Self:
        for name, default in (("secrets_dir", "secrets"), ("exchange_dir", "exchange"), ("archive_dir", "archive")):
            given: Path = getattr(self, name)
            # the model is frozen for its users; here it is still being made
            object.__setattr__(self, name, self.data_dir / default if given == Path() else given.absolute())
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_dir / 'onewindow.db'}")
        return self


def load_settings() -> Settings:
    """The settings of this environment; raises BadConfiguration naming every unknown or wrong one."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    faults = [
        Fault("S-UNKNOWN", name, name, None, "没有这个设置项", "there is no such setting")
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and name.upper() not in known and not name.upper().startswith(OTHER_PREFIXES)
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        for wrong in error.errors():
            name = PREFIX + "_".join(str(part) for part in wrong["loc"]).upper()
            faults.append(Fault("S-VALUE", name, name, None, f"设置值有误：{wrong['msg']}", wrong["msg"]))
    except ValueError as error:
        # a dictionary that is not JSON fails before the model sees it
        faults.append(Fault("S-VALUE", None, "", None, f"设置值有误：{error}", str(error)))
    if faults:
        names = ", ".join(fault.pointer or fault.message_en for fault in faults)
        raise BadConfiguration(f"settings with faults: {names}", f"设置有误：{names}", faults=faults)
    return settings
