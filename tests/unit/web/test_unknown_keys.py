"""Keys that a type does not have are found wherever a struct is, and nowhere else."""

from __future__ import annotations

import msgspec
import pytest

from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.web.unknown_keys import unknown_keys

LEAD = {
    "person": {"email": "ana@acme.example"},
    "company": {"technologies": ["a"]},
    "answers": {"anything": 1},
    "source": {"utm": {"anything": "x"}},
    "activities": [{"type": "demo_request", "at": "2026-01-01T00:00:00Z", "details": {"anything": {"a": 1}}}],
    "consent": {"opted_out": True},
}


@pytest.mark.parametrize(
    ("extra", "pointers"),
    [
        ({}, []),
        ({"persn": {}}, ["/persn"]),
        ({"person": {"emial": "x", "email": "y@z.example"}}, ["/person/emial"]),
        ({"activities": [{"type": "call", "at": "2026-01-01T00:00:00Z", "when": 1}]}, ["/activities/0/when"]),
        ({"a/b": 1, "c~d": 2}, ["/a~1b", "/c~0d"]),
        ({"consent": {"opt_out": True}}, ["/consent/opt_out"]),
    ],
)
def test_an_unknown_key_has_its_pointer(extra: dict[str, object], pointers: list[str]) -> None:
    body = LEAD | extra
    msgspec.convert(body, LeadReceivedV1)
    assert [fault.pointer for fault in unknown_keys(body, LeadReceivedV1)] == pointers


def test_details_of_a_signal_may_have_any_keys() -> None:
    body = {
        "type": "news",
        "occurred_at": "2026-01-01T00:00:00Z",
        "details": {"a": {"b": 1}},
        "person": {"mail": 1},
    }
    assert [fault.pointer for fault in unknown_keys(body, SignalReceivedV1)] == ["/person/mail"]


def test_no_more_faults_than_a_person_reads() -> None:
    assert len(unknown_keys({str(index): 1 for index in range(1_000)}, LeadReceivedV1)) == 100
