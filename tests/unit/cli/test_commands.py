"""Commands that are refused before anything is started, and what every command has."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from services.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--only", "no case is called so"], "no case has"),
        (["serve", "scorer", "--only", "decide"], "--only is for the router"),
        (["serve", "nobody"], "nobody"),
        (["listen", "--secret", "whsec_*"], "a webhook secret is base64"),
    ],
)
def test_wrong_usage_ends_with_exit_code_2(arguments: list[str], said: str):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_version_is_that_of_the_installed_distribution():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"baton {version('baton')}\n")


def test_a_shell_can_complete_commands():
    asked = {"_BATON_COMPLETE": "complete_bash", "COMP_WORDS": "baton tim", "COMP_CWORD": "1"}
    done = CliRunner().invoke(app, [], env=asked, prog_name="baton")
    assert done.stdout.split() == ["timeline"]


def test_every_command_that_ends_can_print_json():
    assert {name for name, options in options_by_command() if "--json" not in options} == {"up", "serve"}


def options_by_command() -> Iterator[tuple[str, set[str]]]:
    waiting: list[tuple[str, Any]] = [("", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if isinstance(command, TyperGroup):
            waiting += [(f"{name} {noun}".strip(), inner) for noun, inner in command.commands.items()]
        else:
            yield name, {option for parameter in command.params for option in parameter.opts}
