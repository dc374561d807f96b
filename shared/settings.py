"""The settings of all roles, read only from environment variables with the prefix `BATON_`.

Each role has a class with its settings. `load` reads them and raises one `SettingsError` that names every
invalid variable. `shared.settings_reference` makes the reference page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from shared.errors import BatonError

PREFIX = "BATON_"
ADMIN_KEY_LENGTH_MIN = 32

_KAFKA = "kafka://"
_KAFKA_URL = re.compile(r"kafka://[^,]+:[0-9]+(,[^,]+:[0-9]+)*")


class SettingsError(BatonError):
    """The operator must change the environment; `problems` has a line for each variable, which it names."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def variable(field: str) -> str:
    """Return the environment variable of a field: `http_port` is `BATON_HTTP_PORT`."""
    return PREFIX + field.upper()


def check_stream_url(url: str) -> str:
    """Return `url` unchanged. Raises `ValueError` for a URL that names neither kind of stream."""
    if url == "embedded:" or _KAFKA_URL.fullmatch(url):
        return url
    raise ValueError("should be 'embedded:' or 'kafka://host:port,host:port'")


def check_database_url(url: str) -> str:
    """Return `url` unchanged. Raises `ValueError` for a database or a driver that Baton does not use."""
    if url.startswith(("sqlite+aiosqlite:///", "postgresql+asyncpg://")):
        return url
    raise ValueError("should start with 'sqlite+aiosqlite:///' or 'postgresql+asyncpg://'")


def split_commas(value: object) -> object:
    """Return the parts of a comma-separated text; a value that is no text is returned unchanged."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def check_admin_key(key: SecretStr) -> SecretStr:
    """Return the key unchanged. Raises `ValueError` for one that is short enough to be guessed."""
    if len(key.get_secret_value()) < ADMIN_KEY_LENGTH_MIN:
        raise ValueError(
            f"should have {ADMIN_KEY_LENGTH_MIN} characters or more: whoever guesses it may do everything; "
            "`openssl rand -base64 32` makes one"
        )
    return key


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Port = Annotated[int, Field(ge=0, le=65535)]
StreamUrl = Annotated[str, AfterValidator(check_stream_url)]
DatabaseUrl = Annotated[str, AfterValidator(check_database_url)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(split_commas)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
LogFormat = Annotated[Literal["json", "console", "auto"], BeforeValidator(_lower)]
Secret = Annotated[SecretStr, Field(min_length=1)]
AdminKey = Annotated[SecretStr, AfterValidator(check_admin_key)]
KafkaSecurityProtocol = Annotated[
    Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)
]
KafkaSaslMechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"], BeforeValidator(_upper)
]


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
        default=500, ge=1, le=10_000, description="Maximum number of records in a unit of work."
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
