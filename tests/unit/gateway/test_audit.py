"""Entries of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from services.gateway.domain.audit import ERASED, KINDS, WORDS, AuditEntry, Author, audit_entry, redacted

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANA = ("email:ana@kestrel.example", "phone:+4930123456", "linkedin:linkedin.com/in/ana")
ENTRY = audit_entry(
    Author("k", "ops", None, "192.0.2.1"),
    "policy.applied",
    "v1",
    None,
    {"previous": "v0"},
    at=AT,
    id_="1",
)


def test_each_kind_has_words_and_names_its_subject_and_a_verb():
    assert list(WORDS) == list(KINDS)
    assert all(kind.count(".") == 1 for kind in KINDS)


def test_what_is_too_long_for_its_column_is_cut():
    entry = audit_entry(
        Author("k", "ops", None, "-"), "policy.applied", "s" * 999, "n" * 9_999, {}, at=AT, id_="1"
    )
    assert (len(entry.subject), len(entry.note or "")) == (500, 2_000)


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"note": "for Ana+x@Kestrel.example"}, {"note": ERASED}),
        ({"note": "call 030 123456"}, {"note": ERASED}),
        ({"name": "ana@kestrel.example"}, {"name": ERASED}),
        ({"subject": "lead"}, {"subject": ERASED, "details": {}}),
        ({"details": {"name": "key of ana@kestrel.example"}}, {"details": {}}),
    ],
)
def test_an_erased_person_is_removed_and_the_rest_stays(named: dict[str, Any], left: dict[str, Any]):
    entry: AuditEntry = structs.replace(ENTRY, **named)
    assert redacted(entry, ["lead"], ANA) == structs.replace(entry, **left)


def test_an_entry_that_names_others_stays():
    entry = structs.replace(ENTRY, note="for bob@kestrel.example")
    assert redacted(entry, ["lead"], ANA) is None
