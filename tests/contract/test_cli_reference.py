"""docs/reference/cli.md says what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

from services.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_reference_page_is_current():
    """Renew it with `python -m services.cli.reference > docs/reference/cli.md`."""
    assert PAGE.read_text() == reference()
