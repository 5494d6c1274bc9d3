"""Settings: what an operator changes. Read once from `ONEWINDOW_*`; a name we do not know is a mistake, not a wish."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from declarations.errors import BadConfiguration
from declarations.faults import Fault

PREFIX = "ONEWINDOW_"
OTHER_PREFIXES = ("ONEWINDOW_SIM_",)
"""Names of the simulators, which are other programs in the same environment."""


AGENCY_URLS = {"inspection": "http://127.0.0.1:8092/messages", "maritime": "http://127.0.0.1:8093/messages"}
"""Where the simulated agencies listen."""


class Settings(BaseSettings):
    """One window. Paths left empty stand below `data_dir`; secrets are files, but for the master key, which may be either."""

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
    master_key: SecretStr = SecretStr("")
    """Master keys in Base64, newest first, commas between, where they must not lie in a file (`<secrets_dir>/master/*.key`)."""
    exchange_dir: Path = Path()
    """One folder below it for each agency with a folder channel."""
    agency_urls: dict[str, str] = AGENCY_URLS
    """Where agencies are reached that have no folder; of those not named here, where their simulations listen."""
    max_body_bytes: int = Field(default=10_000_000, gt=0)
    rate_per_address: float = Field(default=50.0, ge=0)
    """Requests of one address in a second, twice as many at once; 0: any number. Of each program by itself."""
    rate_per_organisation: float = Field(default=200.0, ge=0)
    """The same for an organisation, agency or operator, from all its addresses."""
    rate_public_per_minute: float = Field(default=30.0, ge=0)
    """Acts of one address in a minute at doors that are open to all (log-in, registration); so many at once."""
    rate_limit_loopback: bool = False
    """Whether callers on the machine itself are limited too."""
    scanner: str = ""
    """What looks for malware in what is sent: `clamd:/path/to/socket`, `clamd:host:port`, or `command:/path …`, which gets the
    bytes on standard input and ends with 0 (clean) or 1 (malware). Empty: nothing is scanned."""
    scanner_required: bool = True
    """Whether what cannot be scanned is refused (503), rather than taken unscanned with a warning in the log."""
    scanner_seconds: float = Field(default=10.0, gt=0)
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
    journal_seconds: float = Field(default=5.0, gt=0)
    """How often what the journal got is linked into its chains and sealed in a signed batch."""
    timestamp_url: str = ""
    """An outside authority (RFC 3161) that timestamps the journal's batches; empty: the window's own signed time alone."""
    timestamp_seconds: float = Field(default=60.0, gt=0)
    """How long after a timestamped batch the next one is asked for; each covers all batches before."""
    retake_seconds: float = Field(default=30.0, gt=0)
    """A document kept and not taken up within that time is looked for: the notice of it was lost."""
    drain_seconds: float = Field(default=10.0, gt=0)
    """What is under way gets this long to end after SIGTERM."""
    tls_certificate: Path | None = None
    """The server's certificate with its chain (PEM): `serve` ends TLS itself. Unset: plain HTTP, or a terminator in front."""
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """The authorities whose certificates people log in with (PEM, each that issues them directly). Unset: no certificates."""
    tls_client_crl: Path | None = None
    """Their revocation lists (PEM), one of each authority; read again when the file changes. Unset: nothing is revoked."""
    trusted_proxies: str = ""
    """Addresses and networks of terminators in front, commas between: only theirs are X-Forwarded-For and the header below."""
    client_certificate_header: str = ""
    """The header in which they pass a client's certificate: PEM, percent-encoded (nginx: $ssl_client_escaped_cert)."""
    public_url: str = ""
    """Where people reach the window, as `https://window.example`. Empty: its own host and port."""
    session_idle_minutes: float = Field(default=30.0, gt=0)
    """A session that nobody uses for so long is over."""
    session_hours: float = Field(default=12.0, gt=0)
    """A session is over after so long however it is used."""
    access_token_minutes: float = Field(default=60.0, gt=0)
    """How long an access token of an OAuth2 client opens doors."""
    oidc_issuer: str = ""
    """The OpenID Provider people may log in with; empty: none. Its secret, if any: `<secrets_dir>/oidc/client_secret`."""
    oidc_client_id: str = ""
    oidc_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = "RS256"
    """What the provider signs with; nothing else is taken."""
    oidc_link_by_email: bool = True
    """Whether an e-mail address that the provider has verified finds the account with that log-in or address the first time."""

    @property
    def tls(self) -> bool:
        """Whether people reach the window by TLS, ended here or in front."""
        return self.tls_certificate is not None or self.public_url.startswith("https://")

    @property
    def public_address(self) -> str:
        """Where people reach it, without a slash at the end."""
        own = f"{'https' if self.tls_certificate else 'http'}://{self.host}:{self.port}"
        return (self.public_url or own).rstrip("/")

    @property
    def own_certificate(self) -> Path | None:
        """What the window itself shows at `public_address`; None where it ends no TLS, or somebody in front does."""
        return None if self.public_url else self.tls_certificate

    @field_validator("agency_urls")
    @classmethod
    def _and_those_not_named(cls, value: dict[str, str]) -> dict[str, str]:
        return {**AGENCY_URLS, **value}

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
