"""deploy/Dockerfile by its rules, the context that it is built from, and the wheel that it installs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from dockerfile_parse import DockerfileParser

from shared.settings import CommonSettings, StatefulSettings, load
from shared.web import probe

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
STEPS = [
    (step["instruction"], re.sub(r"\s+", " ", step["value"]))
    for step in DockerfileParser(str(DOCKERFILE)).structure
    if step["instruction"] != "COMMENT"
]
FINAL = STEPS[max(index for index, (instruction, _value) in enumerate(STEPS) if instruction == "FROM") :]


def values(instruction: str, steps: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in steps if name == instruction]


def copied() -> list[str]:
    """What is copied from the repository."""
    copies = [value.split() for value in values("COPY", STEPS)]
    return [source for *sources, _target in copies if not sources[0].startswith("--") for source in sources]


def environ() -> dict[str, str]:
    return dict(pair.split("=", 1) for value in values("ENV", FINAL) for pair in value.split())


def test_it_has_a_stage_that_builds_and_one_that_runs_on_the_same_pinned_python():
    build, final = values("FROM", STEPS)
    assert build == f"{final} AS build"
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", final)


def test_it_uses_no_instruction_that_hides_what_it_does():
    used = {instruction for instruction, _value in STEPS}
    allowed = {"FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "LABEL", "EXPOSE", "USER", "HEALTHCHECK"}
    assert used <= allowed | {"ENTRYPOINT", "CMD"}


def test_it_ends_as_a_user_with_a_fixed_id_that_is_not_root():
    assert values("USER", FINAL) == ["10001:10001"]
    after = FINAL[FINAL.index(("USER", "10001:10001")) :]
    assert not {"RUN", "COPY", "WORKDIR"} & {instruction for instruction, _value in after}


def test_what_it_runs_is_given_as_a_list_so_that_signals_arrive():
    assert json.loads(values("ENTRYPOINT", FINAL)[0]) == ["baton"]
    assert json.loads(values("CMD", FINAL)[0]) == ["--help"]
    assert json.loads(values("HEALTHCHECK", FINAL)[0].split("CMD ", 1)[1])[:2] == ["python", "-m"]


def test_nothing_is_installed_beyond_the_lock_and_no_cache_is_left():
    runs = values("RUN", STEPS)
    syncs = [run for run in runs if run.startswith("uv sync")]
    assert len(syncs) == 2
    assert all({"--frozen", "--no-dev"} <= set(run.split()) for run in syncs)
    assert "--no-editable" in syncs[-1]
    (pip,) = [run for run in runs if "pip" in run]
    assert "--no-cache-dir" in pip
    assert re.search(r"uv==\d+\.\d+\.\d+$", pip)
    assert not any(word in run for run in runs for word in ("apt-get", "curl", "wget", "sudo"))


def test_dependencies_are_a_layer_of_their_own_before_the_sources():
    copies = [index for index, step in enumerate(STEPS) if step[0] == "COPY"]
    first_sync = STEPS.index(("RUN", "uv sync --frozen --no-dev --no-install-project"))
    assert [STEPS[index][1] for index in copies if index < first_sync] == ["pyproject.toml uv.lock ./"]


def test_what_it_copies_is_there_and_is_sent_to_the_builder():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists()
        assert source in let_in


def test_the_builder_gets_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in - set(copied()) == {"deploy"}  # the way to deploy/migrations, and taken back at once
    assert rules[rules.index("!deploy") + 1] == "deploy/*"


def test_its_variables_are_settings_and_load():
    given = {name: value for name, value in environ().items() if name.startswith("BATON_")}
    settings = load(StatefulSettings, given | {"BATON_SECRET_KEY": "a key"})
    assert settings.data_dir == Path("/data")
    assert settings.http_host == "0.0.0.0"
    assert settings.policy_dir == Path("/app/config")
    assert set(given) == {"BATON_DATA_DIR", "BATON_HTTP_HOST", "BATON_POLICY_DIR"}


def test_the_probe_asks_where_a_role_answers_by_default():
    assert int(probe.OPS_PORT) == CommonSettings.model_fields["ops_port"].default


def test_the_image_says_what_it_is():
    (label,) = values("LABEL", FINAL)
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in label
    assert f"VERSION={_project_version()}" in values("ARG", FINAL)


def _project_version() -> str:
    found = re.search(r'(?m)^version = "(.+)"$', (ROOT / "pyproject.toml").read_text())
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, capture_output=True, timeout=600, cwd=ROOT)
    (made,) = folder.glob("*.whl")
    with ZipFile(made) as archive:
        return set(archive.namelist())


def test_the_wheel_has_every_module_and_what_lies_beside_them(wheel: set[str]):
    for folder in ("services", "shared"):
        sources = (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
        assert {str(path.relative_to(ROOT)) for path in sources} <= wheel


def test_the_wheel_has_the_migrations_and_the_default_policy(wheel: set[str]):
    expected = [*(ROOT / "deploy" / "migrations").rglob("*.py"), *(ROOT / "config").rglob("*.yaml")]
    assert {str(path.relative_to(ROOT)) for path in expected} <= wheel
    assert "deploy/migrations/env.py" in wheel


def test_the_wheel_has_no_tests_and_no_data(wheel: set[str]):
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops <= {"services", "shared", "deploy", "config"}
