"""The version of a policy: what changes it and what does not."""

from __future__ import annotations

import pytest

from shared.policy.content_hash import HASHED, shown, version_of
from shared.policy.load import load

SAME_MEANING = {
    "a comment": ("icp.yaml", "segments:", "segments: # of companies"),
    "an empty line": ("icp.yaml", "segments:", "\n\nsegments:"),
    "single quotes": ("icp.yaml", "name: mid", "name: 'mid'"),
    "double quotes": ("icp.yaml", "name: mid", 'name: "mid"'),
    "an escape": ("icp.yaml", "name: mid", 'name: "\\x6did"'),
    "block style instead of flow": (
        "scoring.yaml",
        "total: {fit: 60, intent: 40}",
        "total:\n  fit: 60\n  intent: 40",
    ),
    "the order of keys": ("scoring.yaml", "{fit: 60, intent: 40}", "{intent: 40, fit: 60}"),
    "an integer in hexadecimal": ("scoring.yaml", "cap: 90", "cap: 0x5A"),
    "an integer in octal": ("scoring.yaml", "cap: 90", "cap: 0o132"),
    "an integer with a sign": ("scoring.yaml", "cap: 90", "cap: +90"),
    "a boolean in upper case": ("icp.yaml", "validated: true", "validated: TRUE"),
    "a duration in another unit": ("scoring.yaml", "half_life: 7d", "half_life: 168h"),
    "a single type without brackets": ("scoring.yaml", "on: [page_view]", "on: page_view"),
    "the case of a word": ("icp.yaml", "in: [cxo, vp]", "in: [CXO, Vp]"),
    "the case of a country": ("icp.yaml", "in: [US, DE]", "in: [us, de]"),
    "a default that is written out": ("team.yaml", "queues: [sdr, ae]", "queues: [sdr, ae], weight: 100"),
    "an empty default": ("routing.yaml", "alert_owner_when: {", "alert_owner_when:  {"),
    "a file of accounts": ("accounts.yaml", "[hillside.example]", "[]"),
    "a file of sources": ("sources.yaml", "public: true, ", "public: true, defaults: {channel: web}, "),
}
OTHER_MEANING = {
    "a number": ("scoring.yaml", "cap: 90", "cap: 91"),
    "a name": ("team.yaml", "Ana Ruiz", "Ana Ruis"),
    "the order of rules": (
        "scoring.yaml",
        ("  - {band: sql, when: {field: score.grade, in: [A1, A2]}}\n"
        "  - {band: mql, when: {field: score.grade, in: [B1, B2]}}\n"),
        ("  - {band: mql, when: {field: score.grade, in: [B1, B2]}}\n"
        "  - {band: sql, when: {field: score.grade, in: [A1, A2]}}\n"),
    ),
    "the order of providers": ("providers.yaml", "[acme, zeta]", "[zeta, acme]"),
    "the order of values": ("icp.yaml", "in: [US, DE]", "in: [DE, US]"),
    "business time": ("routing.yaml", "accept_within: 15m", "accept_within: 15m business"),
    "a flag": ("icp.yaml", "validated: true", "validated: false"),
    "a named condition": ("icp.yaml", "large: {field: company.employees, gte: 200}", "large: {field: company.employees, gt: 200}"),
    "working hours": ("team.yaml", "09:00-17:00", "09:00-17:01"),
}  # fmt: skip


def version(files: dict[str, str], change: tuple[str, str, str]) -> str:
    """Return the version after one text of a file is replaced."""
    file, old, new = change
    assert old in files[file]
    return version_of(load({**files, file: files[file].replace(old, new, 1)}))


@pytest.mark.parametrize("case", SAME_MEANING)
def test_the_spelling_of_a_file_is_no_part_of_the_version(files: dict[str, str], case: str) -> None:
    assert version(files, SAME_MEANING[case]) == version_of(load(files))


@pytest.mark.parametrize("case", OTHER_MEANING)
def test_another_meaning_is_another_version(files: dict[str, str], case: str) -> None:
    assert version(files, OTHER_MEANING[case]) != version_of(load(files))


def test_the_version_is_the_same_in_every_process(files: dict[str, str]) -> None:
    """It is stored in events and in the database, so a change of it is a migration."""
    assert {version_of(load(files)) for _ in range(3)} == {version_of(load(dict(reversed(files.items()))))}
    assert len(version_of(load(files))) == 64
    assert shown(version_of(load(files))) == version_of(load(files))[:12]


def test_accounts_and_sources_are_the_parts_that_are_not_hashed(files: dict[str, str]) -> None:
    parts = set(type(load(files)).model_fields)
    assert parts - set(HASHED) == {"accounts", "sources"}
