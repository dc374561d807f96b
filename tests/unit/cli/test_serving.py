"""Commands that are refused before anything is started."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--only", "no case is called so"], "no case has"),
        (["serve", "scorer", "--only", "decide"], "--only is for the router"),
        (["serve", "nobody"], "nobody"),
    ],
)
def test_a_mistake_is_told_with_exit_code_2(arguments: list[str], said: str):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
