"""The settings of all roles, read only from environment variables with the prefix `BATON_`.

Each role has a class with its settings. `load` reads them and raises one `SettingsError` that names every
invalid variable. `shared.settings_reference` makes the reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.errors import BatonError
from shared.setting_types import (
    ADMIN_KEY_LENGTH_MIN,
    AdminKey,
    Assignments,
    DatabaseUrl,
    KafkaSaslMechanism,
    KafkaSecurityProtocol,
    LogFormat,
    LogLevel,
    Networks,
    Port,
    Secret,
    StreamUrl,
)

PREFIX = "BATON_"

_KAFKA = "kafka://"


class SettingsError(BatonError):
    """The operator must change the environment; `problems` has a line for each variable, which it names."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def variable(field: str) -> str:
    """Return the environment variable of a field: `http_port` is `BATON_HTTP_PORT`."""
    return PREFIX + field.upper()


class Settings(BaseSettings):
    """Base class of all settings. It reads no environment by itself; `load` does."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class CommonSettings(Settings):
    """Every role."""

    data_dir: Path = Field(
        default=Path(".baton"),
        description="Data directory: tables and stream of the embedded topology, and `secrets.env`.",
    )
    policy_dir: Path = Field(
        default=Path("config"),
        description="Directory of the policy files that are activated if the database has no policy; "
        "`integrations` in it has your own integrations.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address that all ports listen on.")
    ops_port: Port = Field(
        default=9090,
        description="Port of `/livez`, `/readyz` and `/metrics`, which need no key there. In `baton up` the "
        "gateway's port serves them: `/metrics`, and the checks of `/readyz`, with a key of scope `read`.",
    )
    await_secrets: bool = Field(
        default=False,
        description="Whether a role without secrets waits until `baton migrate` has written them.",
    )
    http_headers_timeout_s: float = Field(
        default=10, gt=0, le=3600, description="Time in seconds for the headers of a request to arrive."
    )
    http_body_timeout_s: float = Field(
        default=30, gt=0, le=3600, description="Time in seconds for the body of a request to arrive."
    )
    http_idle_timeout_s: float = Field(
        default=75, gt=0, le=3600, description="Time in seconds that a connection may wait for a request."
    )
    http_connections_max: int = Field(
        default=8_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of connections of a server, and at most half of the file descriptors of "
        "the process. Beyond it idle connections are dropped first.",
    )
    http_unfinished_mib: int = Field(
        default=64,
        ge=1,
        le=65_536,
        description="Maximum size in MiB of all request bodies together that have not arrived completely. "
        "Beyond it the oldest is answered 503.",
    )
    clock_file: Path | None = Field(
        default=None,
        description="For tests: file with an offset in seconds to add to the clock; read every second.",
    )
    log_level: LogLevel = Field(default="info", description="`debug`, `info`, `warning` or `error`.")
    log_format: LogFormat = Field(
        default="auto", description="`json`, `console`, or `auto`: console on a terminal, else JSON."
    )


class KafkaSettings(Settings):
    """Kafka over TLS and with SASL: roles with a stream."""

    kafka_security_protocol: KafkaSecurityProtocol = Field(
        default="PLAINTEXT", description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    kafka_ca_file: Path | None = Field(
        default=None,
        description="PEM file with the certificate authorities of the brokers; default: the system's.",
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="PEM file with the client's certificate, for brokers that ask for one."
    )
    kafka_private_key_file: Path | None = Field(
        default=None, description="PEM file with the key of that certificate, if it is in a file of its own."
    )
    kafka_private_key_password: Secret | None = Field(
        default=None, description="Password of that key, if it is encrypted."
    )
    kafka_sasl_mechanism: KafkaSaslMechanism | None = Field(
        default=None, description="`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`."
    )
    kafka_sasl_username: str | None = Field(default=None, description="User of `PLAIN` and `SCRAM-*`.")
    kafka_sasl_password: Secret | None = Field(default=None, description="Password of that user.")
    kafka_oauth_token_url: str | None = Field(
        default=None,
        pattern=r"^https?://.+",
        description="Token endpoint for `OAUTHBEARER` (OAuth 2.0 client credentials).",
    )
    kafka_oauth_client_id: str | None = Field(default=None, description="Client id for that endpoint.")
    kafka_oauth_client_secret: Secret | None = Field(
        default=None, description="Client secret for that endpoint."
    )
    kafka_oauth_scope: str | None = Field(default=None, description="Scope to ask for, if it needs one.")

    @field_validator("kafka_sasl_mechanism", mode="after")
    @classmethod
    def _sasl_needs_its_protocol(
        cls, mechanism: KafkaSaslMechanism | None, info: ValidationInfo
    ) -> KafkaSaslMechanism | None:
        protocol = info.data.get("kafka_security_protocol")
        if mechanism is not None and protocol in ("PLAINTEXT", "SSL"):
            raise ValueError(
                f"needs BATON_KAFKA_SECURITY_PROTOCOL to be SASL_SSL or SASL_PLAINTEXT, not {protocol}"
            )
        return mechanism


class StatefulSettings(KafkaSettings, CommonSettings):
    """Roles with tables and a stream: all except the provider stubs."""

    secret_key: Secret = Field(
        description="Key for encrypting stored secrets and for hashing ids of erased people. "
        "The same for every role; it cannot be changed."
    )
    stream_url: StreamUrl = Field(
        default="embedded:", description="`embedded:` or `kafka://host:port,host:port`."
    )
    database_url: DatabaseUrl = Field(
        default_factory=lambda values: f"sqlite+aiosqlite:///{values['data_dir'] / 'tables.db'}",
        repr=False,  # it may hold a password
        description="`sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://USER:PASSWORD@HOST/NAME`, "
        "for TLS with libpq's `?sslmode=verify-full&sslrootcert=FILE&sslcert=FILE&sslkey=FILE`.",
    )
    topic_prefix: str = Field(
        default="baton", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Prefix of every topic name."
    )
    topic_partitions: int = Field(
        default=6, ge=1, le=1024, description="Number of partitions of topics that Baton creates."
    )
    retention_days: int = Field(
        default=7, ge=1, le=30, description="Retention of topics with personal data, in days."
    )
    batch_size: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Maximum number of records in a unit of work; in the ledger on PostgreSQL 4 times that.",
    )
    batches_in_flight: int = Field(
        default=4, ge=1, le=64, description="Maximum number of batches in flight per process."
    )
    dead_letter_share_max: float = Field(
        default=50,
        gt=0,
        le=100,
        description="A role pauses partitions if more than this percentage of a window of Baton's own events "
        "fails in them.",
    )
    dead_letter_window: int = Field(
        default=1000, ge=1, le=1_000_000, description="Size of that window, in events."
    )
    dead_letter_probe_s: float = Field(
        default=5,
        gt=0,
        le=3600,
        description="Interval in seconds at which a paused partition is tried with one record.",
    )
    outbox_sweep_s: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Age in seconds at which the sweeper publishes rows left in the outbox.",
    )

    @property
    def kafka_servers(self) -> tuple[str, ...]:
        """The `host:port` of each Kafka server to ask first; empty on the embedded stream."""
        if self.stream_url.startswith(_KAFKA):
            return tuple(self.stream_url.removeprefix(_KAFKA).split(","))
        return ()


class EgressSettings(StatefulSettings):
    """Roles that handle webhook endpoints."""

    egress_allow: Networks = Field(
        default=(),
        description="Networks (CIDR, comma-separated) besides the public internet that webhooks may reach, "
        "also over plain http.",
    )


class ProviderSettings(StatefulSettings):
    """Gateway, enricher and scorer: data providers."""

    providers_url: str = Field(
        default="http://127.0.0.1:8090",
        pattern=r"^https?://.+",
        description="Base URL of the provider stubs. In every `base_url` of `providers.yaml` it replaces the "
        "names of this machine (`localhost`, `127.0.0.1`, `[::1]`) with port 8090 or the port of the stubs; "
        "other base URLs are not changed. `baton up` sets it to the stubs of its process.",
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://.+",
        description="Base URL at which the gateway can be reached from outside. Data vendors that can post "
        "an answer are given an address below it; without it they are polled.",
    )
    providers_allow: Networks = Field(
        default=(),
        description="Networks (CIDR, comma-separated) besides the public internet that provider URLs may "
        "reach, also over plain http; include the network of the provider stubs.",
    )


class GatewaySettings(EgressSettings, ProviderSettings):
    """Gateway."""

    http_port: Port = Field(default=8080, description="Port of the HTTP API and the intake.")
    trusted_proxies: Networks = Field(
        default=(),
        description="Networks (CIDR, comma-separated) of reverse proxies whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed.",
    )
    admin_key: AdminKey = Field(
        description=f"API key with all scopes, of {ADMIN_KEY_LENGTH_MIN} characters or more."
    )
    oidc_client_id: str | None = Field(default=None, description="Client id at that provider.")
    oidc_client_secret: Secret | None = Field(
        default=None, description="Client secret; without it the client is a public one (PKCE alone)."
    )
    oidc_label: Annotated[str, Field(max_length=60)] = Field(
        default="single sign-on", description="What the button says after `Sign in with`."
    )
    oidc_scope: str = Field(
        default="openid email profile", description="Scopes to ask the provider for, separated by blanks."
    )
    oidc_groups_claim: str = Field(
        default="groups", description="Claim of the ID token that lists the groups of a person."
    )
    oidc_groups: Assignments = Field(
        default={},
        description="Which group gives which scope: `sales=rep,leads=manager,platform=admin`. Who is in none "
        "of them may not sign in.",
    )
    oidc_reps: Assignments = Field(
        default={},
        description="Which e-mail address is which rep: `ana@acme.example=sdr-1,ben@acme.example=ae-2`. The "
        "scope `rep` needs one.",
    )
    oidc_allow: Networks = Field(
        default=(),
        description="Networks (CIDR, comma-separated) besides the public internet where the provider may be, "
        "also over plain http.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^?#]+$",
        description="Issuer of an OpenID Connect provider by which people sign in to the console. It needs "
        "`BATON_OIDC_CLIENT_ID`, `BATON_OIDC_GROUPS` and `BATON_PUBLIC_URL`; the redirect URI to register is "
        "`/sign-in/oidc/callback` below that URL.",
    )
    audit_days: int = Field(
        default=400, ge=1, le=3_650, description="How long entries of the audit trail are kept, in days."
    )

    @field_validator("oidc_issuer", mode="after")
    @classmethod
    def _oidc_is_complete(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        for name in ("oidc_client_id", "oidc_groups", "public_url"):
            if issuer is not None and not info.data.get(name):
                raise ValueError(f"needs {variable(name)}")
        return issuer


class EnricherSettings(ProviderSettings):
    """Enricher."""

    window_size: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Maximum number of records that a process enriches at once.",
    )


class ScorerSettings(ProviderSettings):
    """Scorer."""


class RouterSettings(EgressSettings):
    """Router."""


class LedgerSettings(StatefulSettings):
    """Ledger."""

    backtest_dir: Path = Field(
        default_factory=lambda values: values["data_dir"] / "backtests",
        description="Directory of the file in which a backtest computes, which is deleted when it has ended.",
    )


class StubsSettings(CommonSettings):
    """Provider stubs."""

    stubs_port: Port = Field(default=8090, description="Port of the provider stubs.")


class StandaloneSettings(
    GatewaySettings, EnricherSettings, ScorerSettings, RouterSettings, LedgerSettings, StubsSettings
):
    """`baton up`: every role in one process."""


class CliSettings(Settings):
    """Commands that call a running Baton."""

    url: str = Field(
        default="http://127.0.0.1:8080", pattern=r"^https?://.+", description="URL of the gateway."
    )
    data_dir: Path = Field(default=Path(".baton"), description="Directory that contains `secrets.env`.")
    admin_key: Secret | None = Field(
        default=None, description="API key; default: the administrator's key in `secrets.env`."
    )


S = TypeVar("S", bound=Settings)


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read a class of settings from `environ`; an empty variable counts as not set."""
    source = EnvSettingsSource(kind)
    source.env_vars = {name.lower(): value for name, value in environ.items() if value}
    try:
        return kind(**source())
    except ValidationError as wrong:
        details = wrong.errors(include_url=False, include_context=False, include_input=False)
        problems = []
        for detail in details:
            name = variable(str(detail["loc"][0]))
            if detail["type"] == "missing":
                problems.append(f"{name} is not set")
            # A default that could not be derived, since another variable is wrong, is no mistake of its own.
            elif detail["type"] != "default_factory_not_called":
                problems.append(f"{name}: {detail['msg'].removeprefix('Value error, ')}")
        raise SettingsError(tuple(problems)) from None
