"""What the modules of the FastAPI application must and must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROUTER_MODULES = [
    path
    for path in Path("services/gateway").rglob("*.py")
    if "APIRouter(" in (text := path.read_text()) or "Depends(" in text
]


@pytest.mark.parametrize("path", ROUTER_MODULES, ids=str)
def test_annotations_of_endpoints_are_not_strings(path: Path):
    """With the future import FastAPI cannot resolve local aliases when it builds the OpenAPI document."""
    assert "\nfrom __future__ import annotations\n" not in path.read_text()


@pytest.mark.parametrize("package", ["fastapi", "pydantic", "httpx2", "rich", "sqlalchemy"])
def test_the_command_line_does_not_load_what_only_some_commands_need(package: str):
    """Each takes a tenth of a second or more, for which `--version` and a completion in a shell need not wait."""
    script = f"import sys, services.cli.main; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
