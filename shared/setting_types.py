"""The types of the settings' fields: what each accepts, and how it is written in a variable."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

ADMIN_KEY_LENGTH_MIN: Final = 32

_KAFKA_URL = re.compile(r"kafka://[^,]+:[0-9]+(,[^,]+:[0-9]+)*")


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


def split_assignments(value: object) -> object:
    """Return `name=value,…` as a mapping. Raises `ValueError` for a part without `=`."""
    if not isinstance(value, str):
        return value
    parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if any(not name.strip() or not given.strip() for name, _, given in parts):
        raise ValueError("should be name=value, separated by commas")
    return {name.strip(): given.strip() for name, _, given in parts}


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
Assignments = Annotated[dict[str, str], NoDecode, BeforeValidator(split_assignments)]
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
