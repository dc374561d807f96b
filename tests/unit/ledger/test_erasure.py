"""What others' records say of an erased person is removed; what says nothing of them is not touched."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from services.ledger.domain.erasure import names_somebody, strike_out
from services.ledger.domain.rows import AccountEventRow, DeadLetterRow
from shared.lead.mentions import Mentions
from shared.storage.rows import Put

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
MENTIONS = Mentions(
    frozenset({"hash of name:ana ruiz", "hash of email:ana@kestrel.example"}), "hash of {}".format
)


def letter(value: bytes | None) -> DeadLetterRow:
    return DeadLetterRow(
        "d", "leads.received.v1", 0, 1, None, value, [], "enricher", "json", "", "", "", "", AT
    )


def event(data: dict[str, object]) -> AccountEventRow:
    text = msgspec.json.encode(data).decode()
    return AccountEventRow("e", "/s", "baton.lead.routed.v1", "l", "k", AT, AT, "", 1, 1, text)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b'{"person": {"email": "Ana@Kestrel.example"', True),
        (b'{"note": "Ana\\u0020Ruiz"}', True),
        (b"\xff ana@kestrel.example \xfe", True),
        (b'{"person": {"email": "ben@kestrel.example"}}', False),
        (b"", False),
        (None, False),
    ],
)
def test_a_dead_letter_is_searched_whether_it_is_json_or_not(value: bytes | None, found: bool):
    assert names_somebody(letter(value), MENTIONS) is found


def test_an_event_about_a_colleague_is_changed_only_where_it_names_the_person():
    named = event({"brief": {"stakeholders": [{"name": "Ana Ruiz"}, {"name": "Ben"}]}, "n": 1})
    changes = list(strike_out([named, event({"brief": {"stakeholders": [{"name": "Ben"}]}})], MENTIONS))
    [put] = changes
    assert isinstance(put, Put)
    assert isinstance(put.row, AccountEventRow)
    assert msgspec.json.decode(put.row.data) == {"brief": {"stakeholders": [{"name": "Ben"}]}, "n": 1}
