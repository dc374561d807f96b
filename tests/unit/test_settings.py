"""Settings: environment only, typed, and every mistake named by its variable."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.settings import (
    CliSettings,
    EnricherSettings,
    GatewaySettings,
    RouterSettings,
    ScorerSettings,
    SettingsError,
    StandaloneSettings,
    StatefulSettings,
    StubsSettings,
    load,
)
from shared.settings_reference import reference

SECRETS = {"BATON_ADMIN_KEY": "an admin key of more than 32 characters", "BATON_SECRET_KEY": "a secret key"}
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_defaults_are_the_embedded_ones():
    settings = load(StandaloneSettings, SECRETS)
    assert settings.database_url == "sqlite+aiosqlite:///.baton/tables.db"
    assert settings.stream_url == "embedded:"
    assert settings.kafka_servers == ()
    assert (settings.http_host, settings.http_port, settings.stubs_port) == ("127.0.0.1", 8080, 8090)
    assert (settings.ops_port, settings.topic_prefix, settings.topic_partitions) == (9090, "baton", 6)


def test_the_default_database_is_in_the_data_directory():
    settings = load(ScorerSettings, SECRETS | {"BATON_DATA_DIR": "/srv/baton"})
    assert settings.database_url == "sqlite+aiosqlite:////srv/baton/tables.db"


def test_values_are_parsed():
    settings = load(
        RouterSettings,
        SECRETS
        | {
            "BATON_STREAM_URL": "kafka://one:9092,two:9093",
            "BATON_DATABASE_URL": "postgresql+asyncpg://baton@db/baton",
            "BATON_EGRESS_ALLOW": "127.0.0.0/8, ::1/128",
            "BATON_LOG_LEVEL": "WARNING",
            "BATON_CLOCK_FILE": "/tmp/offset",
            "BATON_OPS_PORT": "0",
        },
    )
    assert settings.kafka_servers == ("one:9092", "two:9093")
    assert settings.egress_allow == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.log_level == "warning"
    assert settings.clock_file == Path("/tmp/offset")
    assert settings.ops_port == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATON_HTTP_PORT", "65536"),
        ("BATON_HTTP_PORT", "http"),
        ("BATON_OPS_PORT", "-1"),
        ("BATON_STREAM_URL", "redis://x"),
        ("BATON_STREAM_URL", "kafka://"),
        ("BATON_STREAM_URL", "kafka://host"),
        ("BATON_STREAM_URL", "kafka://host:9092,"),
        ("BATON_DATABASE_URL", "postgresql://x/y"),
        ("BATON_EGRESS_ALLOW", "127.0.0.1/8"),
        ("BATON_EGRESS_ALLOW", "everything"),
        ("BATON_TOPIC_PREFIX", "a topic"),
        ("BATON_TOPIC_PARTITIONS", "0"),
        ("BATON_RETENTION_DAYS", "31"),
        ("BATON_LOG_LEVEL", "loud"),
        ("BATON_LOG_FORMAT", "xml"),
        ("BATON_BATCH_SIZE", "0"),
        ("BATON_DEAD_LETTER_SHARE_MAX", "101"),
        ("BATON_OUTBOX_SWEEP_S", "nan"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, value: str):
    with pytest.raises(SettingsError) as raised:
        load(GatewaySettings, SECRETS | {name: value})
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [name]


def test_every_mistake_is_named_at_once_and_secrets_are_not_shown():
    environ = {"BATON_ADMIN_KEY": "do not show", "BATON_HTTP_PORT": "x", "BATON_BATCH_SIZE": "y"}
    with pytest.raises(SettingsError) as raised:
        load(GatewaySettings, environ)
    named = " ".join(raised.value.problems)
    assert all(name in named for name in ("BATON_SECRET_KEY", "BATON_HTTP_PORT", "BATON_BATCH_SIZE"))
    assert "do not show" not in named


def test_secrets_do_not_show_in_a_repr():
    settings = load(GatewaySettings, SECRETS | {"BATON_DATABASE_URL": "postgresql+asyncpg://u:hidden@h/d"})
    assert not any(secret in repr(settings) for secret in ("an admin key", "a secret key", "hidden"))
    assert settings.admin_key.get_secret_value() == "an admin key of more than 32 characters"


@pytest.mark.parametrize("kind", [GatewaySettings, EnricherSettings, StatefulSettings])
def test_a_role_with_data_needs_the_secret_key(kind: type[StatefulSettings]):
    with pytest.raises(SettingsError, match="BATON_SECRET_KEY is not set"):
        load(kind, {"BATON_SECRET_KEY": ""})


def test_the_stubs_and_the_cli_need_no_secret():
    assert load(StubsSettings, {"BATON_STUBS_PORT": "7000"}).stubs_port == 7000
    cli = load(CliSettings, {"BATON_URL": "https://baton.example"})
    assert (cli.url, cli.admin_key) == ("https://baton.example", None)


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BATON_HTTP_PORT", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("BATON_HTTP_PORT=2\n")
    assert load(GatewaySettings, SECRETS).http_port == 8080


def test_the_reference_page_is_current():
    """Renew it with `python -m shared.settings_reference > docs/reference/settings.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()
