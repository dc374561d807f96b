"""`make coverage`: how many branches of the pure parts the unit, property and contract tests take.

Reads the JSON report of coverage.py; exits with 1 when a part is below the aim.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

AIM_PERCENT = 95.0
PARTS = (
    "services/gateway/domain",
    "services/enricher/domain",
    "services/scorer/domain",
    "services/router/domain",
    "services/ledger/domain",
    "shared/rules",
)


def branch_coverage(report: Path) -> dict[str, float]:
    """Return the share of branches taken, in percent, for every part. A part without branches counts as 100."""
    taken: dict[str, int] = defaultdict(int)
    branches: dict[str, int] = defaultdict(int)
    for file, measured in json.loads(report.read_text())["files"].items():
        part = next((part for part in PARTS if file.startswith(part + "/")), None)
        if part is not None:
            taken[part] += measured["summary"]["covered_branches"]
            branches[part] += measured["summary"]["num_branches"]
    return {part: 100 * taken[part] / branches[part] if branches[part] else 100.0 for part in PARTS}


def main(arguments: list[str]) -> int:
    """Print the figures; return the exit code."""
    figures = branch_coverage(Path(arguments[0]))
    for part, percent in figures.items():
        print(
            f"{'ok' if percent >= AIM_PERCENT else 'NO'} {part:28} {percent:6.1f} % of branches   aim {AIM_PERCENT:g}"
        )
    return 0 if min(figures.values()) >= AIM_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
