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


def test_the_command_line_does_not_load_fastapi():
    """It takes a third of a second, which no command that speaks HTTP needs to wait for."""
    script = "import sys, services.cli.main; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
