"""The domain modules are pure: importing them loads no driver, no event loop and no network.

The import contract in `.importlinter` reads the source; this test asks a fresh interpreter, so it also sees
what a third-party package brings along.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPURE = ["sqlalchemy", "asyncio", "socket", "aiohttp", "aiokafka"]
PURE_FOLDERS = [*sorted(ROOT.glob("services/*/domain")), ROOT / "shared" / "rules"]

IMPORT_EACH = """
import importlib, json, sys
modules, impure = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))
assert not impure & sys.modules.keys(), "the interpreter itself loads " + str(impure & sys.modules.keys())
found = {}
for module in modules:
    importlib.import_module(module)
    if loaded := impure & sys.modules.keys():
        found[module] = sorted(loaded)
        impure -= loaded
print(json.dumps(found))
"""


def test_no_domain_module_loads_io() -> None:
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for folder in PURE_FOLDERS
        for file in sorted(folder.rglob("*.py"))
        if file.stem != "__init__"
    ]
    assert len(modules) > 50
    modules += ["shared.worker.decision", "shared.worker.erasure", "shared.worker.rows"]
    command = [sys.executable, "-c", IMPORT_EACH, json.dumps(modules), json.dumps(IMPURE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}
