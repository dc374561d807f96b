"""docker-compose.yml against the compose specification, the settings, and what a platform team may expect."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared import secrets_file
from shared.messaging.manifest import TOPICS
from shared.settings import (
    PREFIX,
    EnricherSettings,
    GatewaySettings,
    KafkaSettings,
    LedgerSettings,
    RouterSettings,
    ScorerSettings,
    Settings,
    StatefulSettings,
    StubsSettings,
    load,
    variable,
)
from shared.web.connection_limits import ConnectionLimits
from shared.web.server import connections_for
from tests.support.services.kafka import _jars

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

ROLES: dict[str, tuple[list[str], type[Settings]]] = {
    "gateway": (["serve", "gateway"], GatewaySettings),
    "enricher": (["serve", "enricher"], EnricherSettings),
    "scorer": (["serve", "scorer"], ScorerSettings),
    "router": (["serve", "router", "--only", "decide"], RouterSettings),
    "router-deliver": (["serve", "router", "--only", "deliver"], RouterSettings),
    "ledger": (["serve", "ledger"], LedgerSettings),
    "provider-stubs": (["serve", "provider-stubs"], StubsSettings),
    "migrate": (["migrate", "--role-secrets", "/role-secrets"], LedgerSettings),
}
STATEFUL = [name for name, (_command, kind) in ROLES.items() if issubclass(kind, StatefulSettings)]
JOBS = {"migrate", "database-password"}
PUBLISHED = {"gateway", "prometheus", "grafana"}
OWN = set(ROLES)

_DEFAULTED = re.compile(r"\$\{([A-Z_]+):-([^}$]*)\}")

every_service = pytest.mark.parametrize("name", SERVICES)
every_role = pytest.mark.parametrize("name", ROLES)


def environ(name: str) -> dict[str, str]:
    """The environment of a service whose starter sets nothing."""
    given = SERVICES[name].get("environment", {})
    return {key: _DEFAULTED.sub(r"\2", str(value)) for key, value in given.items()}


def volumes(name: str) -> dict[str, str]:
    """Where a service mounts what: source to `target[:ro]`."""
    return dict(mount.split(":", 1) for mount in SERVICES[name].get("volumes", ()))


def test_it_is_valid_by_the_compose_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_has_to_be_set_by_hand():
    text = re.sub(r"(?m)(^|\s)#.*$", "", FILE.read_text(encoding="utf-8"))
    assert "$" not in _DEFAULTED.sub("", text), "a variable without a default, or a stray $"


def test_every_role_of_the_manifest_is_there():
    named = {role for topic in TOPICS for role in (*topic.readers, *topic.writers)} - {
        "outside",
        "every role",
    }
    assert named <= set(SERVICES)


@every_role
def test_it_runs_the_command_of_its_role(name: str):
    assert SERVICES[name]["command"] == ROLES[name][0]
    assert "entrypoint" not in SERVICES[name]


@every_role
def test_each_of_its_variables_is_a_setting_and_loads(name: str):
    kind = ROLES[name][1]
    given = environ(name)
    known = {variable(field) for field in kind.model_fields}
    if name == "migrate":  # what the environment gives is not written to the file
        known |= {secrets_file.ADMIN_KEY}
    assert {variable for variable in given if variable.startswith(PREFIX)} <= known
    made = dict.fromkeys(
        (secrets_file.ADMIN_KEY, secrets_file.SECRET_KEY), "made by migrate, and long enough"
    )
    load(kind, given | made)


@every_role
def test_other_variables_are_those_of_libraries(name: str):
    others = {variable for variable in environ(name) if not variable.startswith(PREFIX)}
    assert others <= {"PGPASSFILE", "OTEL_EXPORTER_OTLP_ENDPOINT"}


@pytest.mark.parametrize("name", STATEFUL)
def test_a_role_finds_its_broker_its_database_and_its_secrets(name: str):
    settings = load(StatefulSettings, environ(name) | {secrets_file.SECRET_KEY: "a key"})
    assert settings.kafka_servers == ("kafka:9092",)
    assert environ("kafka")["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    user, database = environ("postgres")["POSTGRES_USER"], environ("postgres")["POSTGRES_DB"]
    assert settings.database_url == f"postgresql+asyncpg://{user}@postgres:5432/{database}"
    assert SERVICES["database-password"]["command"][1] == f"postgres:5432:{database}:{user}"
    mounted = volumes(name)["secrets" if name in {"gateway", "migrate"} else "role-secrets"]
    assert mounted == str(settings.data_dir) + ("" if name == "migrate" else ":ro")
    passwords = volumes("postgres")["database-password"].removesuffix(":ro")
    assert volumes(name)["database-password"] == f"{passwords}:ro"
    assert environ(name)["PGPASSFILE"] == f"{passwords}/pgpass"
    assert environ("postgres")["POSTGRES_PASSWORD_FILE"] == f"{passwords}/password"


def test_the_ledger_may_write_where_backtests_compute():
    settings = load(LedgerSettings, environ("ledger") | {secrets_file.SECRET_KEY: "a key"})
    assert volumes("ledger")["backtests"] == str(settings.backtest_dir)
    assert f" {settings.backtest_dir}\n" in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_each_role_gets_the_secrets_it_needs_and_no_others():
    """The administrator's key: the gateway, and the job that makes it. Integrations: whoever calls them."""
    in_environment = {name for name in SERVICES if secrets_file.ADMIN_KEY in environ(name)}
    in_volume = {name for name in SERVICES if "secrets" in volumes(name)}
    assert in_environment == in_volume == {"gateway", "migrate"}
    assert volumes("migrate")["role-secrets"] == SERVICES["migrate"]["command"][-1]
    assert {name for name in SERVICES if secrets_file.SECRET_KEY in environ(name)} == set(STATEFUL)
    files = {name: service["env_file"] for name, service in SERVICES.items() if "env_file" in service}
    assert {name: [entry["path"] for entry in entries] for name, entries in files.items()} == {
        "gateway": [".baton/sources.env", ".baton/providers.env"],
        "enricher": [".baton/providers.env"],
        "scorer": [".baton/providers.env"],
        "router-deliver": [".baton/destinations.env"],
    }
    assert all(entry["required"] is False for entries in files.values() for entry in entries)


@pytest.mark.parametrize("role", ["gateway", "enricher", "scorer"])
def test_a_role_that_calls_providers_asks_the_stubs_where_they_listen(role):
    port = environ("provider-stubs")["BATON_STUBS_PORT"]
    assert environ(role)["BATON_PROVIDERS_URL"] == f"http://provider-stubs:{port}"
    assert set(SERVICES[role]["networks"]) & set(SERVICES["provider-stubs"]["networks"])


def test_beyond_the_internet_they_may_reach_the_network_of_the_stubs_and_no_other():
    (network,) = SERVICES["provider-stubs"]["networks"]
    (config,) = COMPOSE["networks"][network]["ipam"]["config"]
    for role in ("gateway", "enricher", "scorer"):
        assert environ(role)["BATON_PROVIDERS_ALLOW"] == _DEFAULTED.sub(r"\2", config["subnet"])
    users = {name for name, service in SERVICES.items() if network in service.get("networks", ())}
    assert users == {"gateway", "enricher", "scorer", "provider-stubs", "prometheus"}


def test_only_the_gateway_and_observability_are_published_and_to_this_host_only():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == PUBLISHED
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    inside = environ("gateway")["BATON_HTTP_PORT"]
    assert published["gateway"] == [f"127.0.0.1:${{BATON_HTTP_PORT:-8080}}:{inside}"]


def test_broker_and_database_are_on_networks_without_a_way_out():
    for name in ("kafka", "postgres"):
        assert all(COMPOSE["networks"][network]["internal"] for network in SERVICES[name]["networks"])


@every_service
def test_no_secret_has_a_value_here(name: str):
    for key, value in environ(name).items():
        if re.search("PASSWORD|SECRET|TOKEN|_KEY$", key) and key not in {
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION",
            "BATON_AWAIT_SECRETS",
        }:
            assert value == "" or key.endswith("_FILE"), key
        assert not re.search(r"://[^/@]*:[^/@]*@", value), key
        assert "trust" not in value, key


@every_service
def test_its_image_is_pinned(name: str):
    _repository, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)?", tag)


def test_one_service_builds_the_image_of_all_roles_and_none_pulls_it():
    assert {SERVICES[name]["image"] for name in OWN} == {"baton:0.1.0"}
    assert [name for name in SERVICES if "build" in SERVICES[name]] == ["migrate"]
    assert all(SERVICES[name]["pull_policy"] in {"never", "build"} for name in OWN)
    build = SERVICES["migrate"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


@every_service
def test_it_is_hardened(name: str):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert "privileged" not in service
    assert any(mount.startswith("/tmp:") for mount in service.get("tmpfs", ())) or name == "prometheus"


@every_service
def test_it_is_bounded(name: str):
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["stop_grace_period"] in {"30s", "60s"}
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_the_gateway_has_descriptors_for_its_connections():
    descriptors = SERVICES["gateway"]["ulimits"]["nofile"]["hard"]
    assert connections_for(descriptors) >= ConnectionLimits().connections


@every_service
def test_it_is_checked_and_comes_back_or_is_a_job(name: str):
    service = SERVICES[name]
    if name in JOBS:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] == "on-failure:5"
    else:
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
        assert service["restart"] == "unless-stopped"


@every_service
def test_it_waits_for_jobs_to_end_and_for_services_to_be_healthy(name: str):
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        ended = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert {name: value for name, value in dependency.items() if name != "required"} == {
            "condition": ended
        }


def test_an_upgrade_of_baton_does_not_recreate_the_infrastructure():
    """Compose recreates a service when the image of a job that it depends on is another."""
    for name in SERVICES.keys() - OWN - {"prometheus", "grafana"}:
        assert not OWN & set(SERVICES[name].get("depends_on", {}))


OVERRIDES = sorted((ROOT / "deploy" / "compose").glob("own-*.yml"))


@pytest.mark.parametrize("override", OVERRIDES, ids=lambda file: file.stem)
def test_an_override_gives_every_role_its_own_server_and_starts_none(override: Path):
    replaced: dict[str, dict[str, Any]] = yaml.safe_load(override.read_text(encoding="utf-8"))["services"]
    unused = {name for name, service in replaced.items() if service.get("profiles")}
    assert unused == ({"kafka"} if override.stem == "own-kafka" else {"postgres", "database-password"})
    assert set(replaced) - unused == set(STATEFUL)
    for name in STATEFUL:
        known = {variable(field) for field in ROLES[name][1].model_fields} | {"PGPASSFILE"}
        assert set(replaced[name]["environment"]) <= known
        assert "outside" in replaced[name]["networks"], "a role cannot reach a server outside"
    for name, service in SERVICES.items():
        for other, dependency in service.get("depends_on", {}).items():
            assert other not in unused or name in unused or dependency.get("required") is False


def test_the_override_for_kafka_passes_every_setting_of_a_kafka_client():
    text = (ROOT / "deploy" / "compose" / "own-kafka.yml").read_text(encoding="utf-8")
    assert {variable(field) for field in KafkaSettings.model_fields} <= set(
        re.findall(r"BATON_[A-Z_]+", text)
    )


@every_service
def test_what_it_mounts_is_declared(name: str):
    for source in volumes(name):
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(SERVICES[name].get("networks", ())) <= set(COMPOSE["networks"])


def test_the_broker_takes_the_largest_record_of_the_manifest():
    batch_header = 1024
    largest = max(topic.record_bytes_max for topic in TOPICS) + batch_header
    assert int(environ("kafka")["KAFKA_MESSAGE_MAX_BYTES"]) >= largest
    assert int(environ("kafka")["KAFKA_REPLICA_FETCH_MAX_BYTES"]) >= largest
    assert environ("kafka")["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.kafka
def test_the_image_of_kafka_can_format_its_storage_with_this_environment(tmp_path: Path):
    """As the image does at its start: its own tool, an empty folder for the configuration."""
    defaults, mounted, final = (tmp_path / name for name in ("defaults", "mounted", "final"))
    for folder in (defaults, mounted, final):
        folder.mkdir()
    (defaults / "server.properties").touch()
    for name in ("log4j2.yaml", "tools-log4j2.yaml"):
        (defaults / name).write_text("Configuration: {Appenders: {}, Loggers: {Root: {level: INFO}}}\n")
    folders = [
        f"--default-configs-dir={defaults}",
        f"--mounted-configs-dir={mounted}",
        f"--final-configs-dir={final}",
    ]
    done = subprocess.run(
        ["java", "-Xmx128m", "-cp", _jars(), "kafka.docker.KafkaDockerWrapper", "setup", *folders],
        env={"PATH": "/usr/bin:/bin", **environ("kafka"), "KAFKA_LOG_DIRS": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cluster = environ("kafka")["CLUSTER_ID"]
    assert f"cluster.id={cluster}" in (tmp_path / "data" / "meta.properties").read_text()
    written = (final / "server.properties").read_text()
    assert "listeners=PLAINTEXT://:9092,CONTROLLER://localhost:9093" in written


MAKE_PASSWORD = ROOT / "deploy" / "compose" / "make-password.sh"
SERVER_NAME = "postgres:5432:baton:baton"


def make_password(folder: Path, server_name: str = SERVER_NAME) -> dict[str, tuple[str, int, int]]:
    """Run the job; return the content, mode and time of change of the files in the folder."""
    subprocess.run(["bash", MAKE_PASSWORD, folder, server_name], check=True, timeout=300)
    return {
        file.name: (file.read_text(), file.stat().st_mode & 0o777, file.stat().st_mtime_ns)
        for file in folder.iterdir()
    }


def test_the_job_writes_one_password_for_the_server_and_its_clients(tmp_path: Path):
    made = make_password(tmp_path)
    password, mode, _ = made["password"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", password)
    assert mode == 0o440, "the server reads it as a member of the group"
    assert made["pgpass"][:2] == (f"{SERVER_NAME}:{password}\n", 0o600)
    assert make_password(tmp_path) == made, "a second run changes nothing"


def test_the_job_keeps_a_password_and_completes_what_is_missing(tmp_path: Path):
    (tmp_path / "password").write_text("kept")
    (tmp_path / "pgpass.new").write_text("half of")
    assert make_password(tmp_path)["pgpass"][0] == f"{SERVER_NAME}:kept\n"
    moved = make_password(tmp_path, "other:5432:baton:baton")
    assert moved["pgpass"][0] == "other:5432:baton:baton:kept\n"
    assert set(moved) == {"password", "pgpass"}
