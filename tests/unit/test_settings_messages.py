"""What an operator reads for each wrong setting, word for word, and how the reference page shows a setting."""

from __future__ import annotations

import pytest

from shared.setting_types import check_database_url, check_stream_url, split_commas
from shared.settings import (
    CliSettings,
    EnricherSettings,
    GatewaySettings,
    Settings,
    SettingsError,
    StandaloneSettings,
    StatefulSettings,
    load,
    variable,
)
from shared.settings_reference import bounds_text, default_text

SECRETS = {"BATON_ADMIN_KEY": "an admin key of more than 32 characters", "BATON_SECRET_KEY": "a secret key"}


def problems_of(kind: type[Settings], environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(kind, environ)
    assert str(raised.value) == "\n".join(raised.value.problems)
    return list(raised.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BATON_HTTP_PORT", "65536", "Input should be less than or equal to 65535"),
        ("BATON_HTTP_PORT", "-1", "Input should be greater than or equal to 0"),
        (
            "BATON_HTTP_PORT",
            "http",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        ("BATON_STREAM_URL", "redis://x", "should be 'embedded:' or 'kafka://host:port,host:port'"),
        (
            "BATON_DATABASE_URL",
            "mysql://x",
            "should start with 'sqlite+aiosqlite:///' or 'postgresql+asyncpg://'",
        ),
        ("BATON_LOG_LEVEL", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
        ("BATON_LOG_FORMAT", "xml", "Input should be 'json', 'console' or 'auto'"),
        ("BATON_EGRESS_ALLOW", "127.0.0.1/8", "value is not a valid IPv4 or IPv6 network"),
        (
            "BATON_TOPIC_PREFIX",
            "A topic",
            "String should match pattern '^[a-z0-9][a-z0-9._-]{0,63}$'",
        ),
        ("BATON_TOPIC_PARTITIONS", "1025", "Input should be less than or equal to 1024"),
        ("BATON_RETENTION_DAYS", "0", "Input should be greater than or equal to 1"),
        ("BATON_BATCH_SIZE", "10001", "Input should be less than or equal to 10000"),
        ("BATON_BATCHES_IN_FLIGHT", "0", "Input should be greater than or equal to 1"),
        ("BATON_DEAD_LETTER_SHARE_MAX", "0", "Input should be greater than 0"),
        ("BATON_DEAD_LETTER_WINDOW", "0", "Input should be greater than or equal to 1"),
        ("BATON_OUTBOX_SWEEP_S", "3601", "Input should be less than or equal to 3600"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_begins_with_its_variable(
    name: str, value: str, message: str
) -> None:
    assert problems_of(GatewaySettings, SECRETS | {name: value}) == [f"{name}: {message}"]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (EnricherSettings, "BATON_PROVIDERS_URL", "ftp://stubs"),
        (EnricherSettings, "BATON_PROVIDERS_ALLOW", "everywhere"),
        (EnricherSettings, "BATON_WINDOW_SIZE", "100001"),
        (CliSettings, "BATON_URL", "localhost:8080"),
        (StandaloneSettings, "BATON_STUBS_PORT", "70000"),
    ],
)
def test_a_roles_own_settings_are_checked_too(kind: type[Settings], name: str, value: str) -> None:
    (problem,) = problems_of(kind, SECRETS | {name: value})
    assert problem.startswith(f"{name}: ")


def test_a_missing_secret_and_a_wrong_value_are_both_named() -> None:
    assert problems_of(GatewaySettings, {"BATON_ADMIN_KEY": "x" * 32, "BATON_HTTP_PORT": "x"}) == [
        "BATON_SECRET_KEY is not set",
        "BATON_HTTP_PORT: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_a_default_that_depends_on_a_wrong_value_is_no_problem_of_its_own() -> None:
    """The default of the database is derived from the data directory."""
    (problem,) = problems_of(StatefulSettings, SECRETS | {"BATON_DATA_DIR": "/x", "BATON_OPS_PORT": "x"})
    assert problem.startswith("BATON_OPS_PORT")


def test_a_secret_is_never_part_of_a_message() -> None:
    secret = "postgresql://user:hidden@host/db"
    assert "hidden" not in " ".join(problems_of(GatewaySettings, SECRETS | {"BATON_DATABASE_URL": secret}))


@pytest.mark.parametrize("name", ["baton_http_port", "Baton_Http_Port"])
def test_the_case_of_a_variable_does_not_matter(name: str) -> None:
    assert load(GatewaySettings, SECRETS | {name: "9000"}).http_port == 9000


@pytest.mark.parametrize(
    "url", ["embedded:", "kafka://one:9092", "kafka://one:9092,two:9093", "kafka://[::1]:9092"]
)
def test_a_stream_url_is_returned_as_it_is(url: str) -> None:
    assert check_stream_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "embedded",
        "kafka:one:9092",
        "kafka://",
        "kafka://one",
        "kafka://one:port",
        "kafka://:9092",
        "kafka://a:1,",
    ],
)
def test_a_stream_url_without_host_or_port_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="should be 'embedded:'"):
        check_stream_url(url)


def test_a_database_url_names_the_driver_too() -> None:
    assert check_database_url("sqlite+aiosqlite:///x.db") == "sqlite+aiosqlite:///x.db"
    for url in ("sqlite:///x.db", "postgresql://x", "postgres+asyncpg://x", ""):
        with pytest.raises(ValueError, match="should start with"):
            check_database_url(url)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", []), ("a", ["a"]), (" a , b ", ["a", "b"]), ("a,,b,", ["a", "b"]), (",", [])],
)
def test_a_list_is_separated_by_commas_and_blanks_do_not_count(text: str, parts: list[str]) -> None:
    assert split_commas(text) == parts


def test_a_value_that_is_a_list_already_is_left_alone() -> None:
    assert split_commas(("a, b",)) == ("a, b",)


@pytest.mark.parametrize(
    ("name", "default", "bounds"),
    [
        ("secret_key", "required", ""),
        ("database_url", "`tables.db` in the data directory", ""),
        ("egress_allow", "none", ""),
        ("clock_file", "none", ""),
        ("http_port", "`8080`", " From 0 to 65535."),
        ("dead_letter_share_max", "`50`", " Above 0, up to 100."),
    ],
)
def test_the_reference_page_shows_the_default_and_the_bounds(name: str, default: str, bounds: str) -> None:
    field = GatewaySettings.model_fields[name]
    assert default_text(field) == default
    assert bounds_text(field) == bounds


def test_the_variable_of_a_field_has_the_prefix() -> None:
    assert variable("http_port") == "BATON_HTTP_PORT"


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    settings = load(GatewaySettings, SECRETS)
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1


@pytest.mark.parametrize("kind", [GatewaySettings, StandaloneSettings])
@pytest.mark.parametrize("key", ["admin", "x" * 31])
def test_an_administrator_s_key_that_could_be_guessed_is_refused(kind: type[Settings], key: str) -> None:
    (problem,) = problems_of(kind, SECRETS | {"BATON_ADMIN_KEY": key})
    assert problem.startswith("BATON_ADMIN_KEY: should have 32 characters or more")
    assert key not in problem.partition(":")[2].split()
    load(kind, SECRETS | {"BATON_ADMIN_KEY": "x" * 32})
