"""Tables of outcomes as CRMs export them: the field of each column, and the cells. Pure.

A row of opportunities is one outcome: its stage says whether the deal is open, won or lost. What is no field
is a column of the CRM's own and is ignored, and a misspelt heading is a fault, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from io import BytesIO
from itertools import islice
from typing import Any, Final, get_args
from uuid import UUID

from msgspec import Struct

from services.gateway.domain.arrival import invalid
from services.gateway.domain.cell_dates import DayOrder, day_order, rfc3339_of
from services.gateway.domain.csv_table import TableRow, UnreadableRow, read_csv_table
from services.gateway.domain.label_dictionary import FIELD_OF
from services.gateway.domain.received import digest
from services.gateway.domain.text_encoding import text_lines
from shared.errors import FieldProblem
from shared.lead.events.outcome_received import OutcomeReceivedV1, OutcomeType
from shared.lead.normalise.labels import plain_label

FIELDS: Final = tuple(name for name in OutcomeReceivedV1.__struct_fields__ if name != "actor")
"""The fields of an outcome that a client may give. Their names are headings too."""
COLUMNS_MAX: Final = 1_000
TYPES: Final[tuple[OutcomeType, ...]] = get_args(OutcomeType)

_HEADINGS: Final = {
    "email": "email|lead email|primary contact email|contact email address|associated contact email"
    "|associated email",
    "lead_id": "lead id|baton lead id",
    "type": "type|outcome|outcome type|event|meeting outcome|result|ergebnis|résultat|resultado|risultato",
    "at": "at|date|outcome date|occurred at|activity date|meeting date|meeting start time|timestamp|datum"
    "|fecha|data",
    "reason": "reason|loss reason|lost reason|closed lost reason|closed won reason|rejection reason"
    "|disqualification reason|verlustgrund|grund|motif|motivo",
    "amount": "amount|deal amount|opportunity amount|deal value|value|betrag|montant|importe|valor|importo",
    "currency": "currency|amount currency|deal currency|deal currency code|currency code|currency iso code"
    "|opportunity currency|währung|devise|moneda|moeda|valuta",
    "rep": "rep|rep id|baton rep",
    "external_id": "external id|outcome id|activity id|event id|task id|meeting id|history id",
    "opportunity_id": "opportunity id|deal id|opp id|record id|hs object id|id|opportunity",
    "stage": "stage|stage name|deal stage|dealstage|opportunity stage|phase|étape|etapa|fase",
    "close_date": "close date|closed date|closedate|expected close date|abschlussdatum|schlusstermin"
    "|date de clôture|fecha de cierre|data de fechamento|data di chiusura|sluitingsdatum",
    "stage_changed": "last stage change date|stage change date|date entered current stage|hs v2 date entered"
    " current stage",
    "created": "created date|create date|createdate|created|created at|created on|erstelldatum|erstellt am"
    "|date de création|fecha de creación|data de criação|data di creazione",
    "is_won": "won|is won|is closed won",
    "is_closed": "closed|is closed|is deal closed",
}
"""The headings of each field, the better ones first, and of what only says the type or the time."""
_FIELD_OF_HEADING: Final = {
    **{label: "email" for label, field in FIELD_OF.items() if field == "person.email"},
    **{plain_label(label): field for field, labels in _HEADINGS.items() for label in labels.split("|")},
}
_RANK: Final = {
    plain_label(label): rank for labels in _HEADINGS.values() for rank, label in enumerate(labels.split("|"))
}
_ANY_RECORDS_ID: Final = frozenset({"id", "record id", "hs object id"})
"""Headings of the id of an opportunity in a table of those, and of the outcome in another one."""
_TIMES: Final = ("at", "close_date", "stage_changed", "created")

_TYPE_OF_WORD: Final[Mapping[str, OutcomeType]] = {
    **{plain_label(name): name for name in TYPES},
    "sales accepted": "accepted",
    "replied": "reply",
    "email reply": "reply",
    "email replied": "reply",
    "responded": "reply",
    "booked": "meeting_booked",
    "scheduled": "meeting_booked",
    "meeting scheduled": "meeting_booked",
    "meeting set": "meeting_booked",
    "demo booked": "meeting_booked",
    "demo scheduled": "meeting_booked",
    "completed": "meeting_held",
    "held": "meeting_held",
    "meeting completed": "meeting_held",
    "demo held": "meeting_held",
    "demo completed": "meeting_held",
    "opportunity created": "opportunity",
    "deal created": "opportunity",
    "pilot": "pilot_started",
    "poc started": "pilot_started",
    "poc won": "pilot_won",
    "poc lost": "pilot_lost",
    "closed won": "won",
    "closed lost": "lost",
    "renewal": "renewed",
    "expansion": "expanded",
    "upsell": "expanded",
    "cross sell": "expanded",
    "upgrade": "expanded",
    "contraction": "contracted",
    "downsell": "contracted",
    "downgrade": "contracted",
    "churn": "churned",
}
_OF_CUSTOMERS: Final = frozenset({"renewed", "expanded", "contracted"})
_ENDED: Final = frozenset({"won", "lost", "churned", *_OF_CUSTOMERS})
"""The types of a row that happened on its close date; of other rows that is a forecast."""
_WON: Final = re.compile(
    r"(?:\d+ )*(?:closed ?|geschlossen |abgeschlossen )?"
    r"(?:won|gewonnen|gagnée?|cerrada ganada|ganad[oa]|ganh[oa]|vint[oa])\b"
)
_LOST: Final = re.compile(
    r"(?:\d+ )*(?:closed ?|geschlossen |abgeschlossen )?"
    r"(?:lost|verloren|perdue?|cerrada perdida|perdid[oa]|pers[oa])\b"
)
_TRUE: Final = frozenset({"true", "yes", "y", "1", "x", "wahr", "ja", "oui", "vrai", "si", "sí", "sì", "sim"})
_AMOUNT: Final = re.compile(
    r"(?P<before>[A-Za-z]{3}|US\$|[$€£])? ?(?P<number>\d[\d.,'\u2019 \u00a0\u202f]*) ?"
    r"(?P<after>[A-Za-z]{3}|US\$|[$€£])?"
)
_AMOUNT_LENGTH_MAX: Final = 40
_CURRENCY_OF_SIGN: Final = {"€": "EUR", "£": "GBP", "US$": "USD"}
"""`$` alone is the currency of many countries."""


class OutcomeColumns(Struct, frozen=True):
    """The field of each column, None for one that is ignored, and how the dates of a field are written."""

    fields: Sequence[str | None]
    day_orders: Mapping[str, DayOrder | None] = {}


def known_outcome_headings(cells: Sequence[str]) -> int:
    """Return how many cells of a row are headings of an outcome's fields."""
    return sum(plain_label(cell) in _FIELD_OF_HEADING for cell in cells[:COLUMNS_MAX])


def outcome_columns(
    headings: Sequence[str], sample: Sequence[Sequence[str]] = (), separator: str = ""
) -> OutcomeColumns:
    """Return which column is which field: of several, the one whose heading says it best, then the first.

    `sample` are cells of rows, which show how dates are written. Raises `Reject` (422) with all faults: a
    misspelt heading, no column for the person, none for the type.
    """
    if len(headings) > COLUMNS_MAX:
        raise invalid((FieldProblem("", f"There are {len(headings)} columns, {COLUMNS_MAX} are allowed"),))
    labels = [plain_label(heading) for heading in headings]
    faults: list[str] = []
    best: dict[str, int] = {}
    for index, label in enumerate(labels):
        field = _FIELD_OF_HEADING.get(label)
        if field is None:
            similar = get_close_matches(label.replace(" ", "_"), FIELDS, 1, 0.85)
            if similar:
                faults.append(
                    f"The column {headings[index][:100]!r} is unknown; did you mean {similar[0]!r}?"
                )
        elif field not in best or _RANK.get(label, 99) < _RANK.get(labels[best[field]], 99):
            best[field] = index
    shown = f"; the columns are {', '.join(headings)[:500]}"
    if not {"email", "lead_id"} & best.keys():
        faults.append(f"A column email or lead_id is needed{shown}")
    if not {"type", "stage", "is_won"} & best.keys():
        faults.append(f"A column type or stage is needed{shown}")
    if faults:
        raise invalid(tuple(FieldProblem("", fault) for fault in faults))
    if "stage" not in best and labels[best.get("opportunity_id", 0)] in _ANY_RECORDS_ID:
        best.setdefault("external_id", best.pop("opportunity_id"))
    orders: dict[str, DayOrder | None] = {
        field: day_order([row[best[field]] for row in sample if best[field] < len(row)], separator)
        for field in _TIMES
        if field in best
    }
    field_of = {index: field for field, index in best.items()}
    return OutcomeColumns([field_of.get(index) for index in range(len(headings))], orders)


def read_outcome_csv(raw: bytes, rows_max: int) -> tuple[OutcomeColumns, Sequence[TableRow | UnreadableRow]]:
    """Return the columns of a CSV of outcomes, and at most `rows_max` of its rows.

    Raises as `outcome_columns` does.
    """
    table = read_csv_table(text_lines(BytesIO(raw)), known_outcome_headings)
    if table is None:
        return outcome_columns(()), ()
    rows = list(islice(table.rows, rows_max))
    sample = [row.cells for row in rows if isinstance(row, TableRow)]
    return outcome_columns(table.columns, sample, table.separator), rows


def outcome_fields(
    row: TableRow | UnreadableRow, columns: OutcomeColumns, currency: str | None = None
) -> Mapping[str, Any]:
    """Return the fields of one row, as a JSON body has them; an empty cell is left out.

    `currency` is that of amounts that name none. Without an `external_id` of its own, a row's follows from
    what was read of it: an unchanged row is the same outcome in whatever file it stands.

    Raises `Reject` (422) for a row that cannot be read, and with all faults that come of its being text.
    """
    if isinstance(row, UnreadableRow):
        raise invalid((FieldProblem("", f"line {row.line}: {row.problem}"),))
    cells = {
        field: cell.strip()
        for field, cell in zip(columns.fields, row.cells, strict=False)
        if field is not None and cell.strip()
    }
    faults: list[FieldProblem] = [
        FieldProblem(f"/{field}", "This holds a NUL character, which cannot be stored")
        for field, cell in cells.items()
        if "\0" in cell
    ]
    fields: dict[str, Any] = {
        field: cells[field]
        for field in ("email", "lead_id", "reason", "rep", "external_id", "opportunity_id", "stage")
        if field in cells
    }
    if "lead_id" in fields and not _is_lead_id(fields["lead_id"]):
        # A CRM has ids of its own for its leads.
        del fields["lead_id"]
    type_ = _type_of(cells, faults)
    days: dict[str, str | None] = {
        field: rfc3339_of(cells[field], columns.day_orders.get(field)) for field in _TIMES if field in cells
    }
    faults += (
        FieldProblem(f"/{field}", f"This is no date that can be read for certain: {cells[field][:50]}")
        for field, day in days.items()
        if day is None
    )
    if close_day := days.get("close_date"):
        fields["close_date"] = close_day[:10]
    at = days.get("at") or (_end_of(close_day) if close_day and type_ in _ENDED else None)
    fields["at"] = at or days.get("stage_changed") or days.get("created")
    if fields["at"] is None and not faults:
        faults.append(FieldProblem("/at", "The row has no date on which this happened"))
    if "amount" in cells:
        fields["amount"] = _amount(cells, currency, faults)
    if not {"email", "lead_id"} & fields.keys():
        faults.append(FieldProblem("", "The row has neither an e-mail address nor the id of a lead in Baton"))
    if faults:
        raise invalid(tuple(faults))
    fields["type"] = type_
    return named_outcome(fields)


def named_outcome(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an outcome with an `external_id`: its own, or one that follows from the rest of it."""
    return fields if fields.get("external_id") else {**fields, "external_id": f"import-{digest(fields)}"}


def _is_lead_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _type_of(cells: Mapping[str, str], faults: list[FieldProblem]) -> str | None:
    """Return the type of the outcome of a row. The stage says it; a CRM's own type is often another thing."""
    word = plain_label(cells.get("type", ""))
    staged: OutcomeType | None = None
    if stage := plain_label(cells.get("stage", "")):
        is_won = _WON.match(stage) is not None
        staged = "won" if is_won else "lost" if _LOST.match(stage) else "opportunity"
    if cells.get("is_won", "").casefold() in _TRUE:
        staged = "won"
    elif "is_won" in cells:
        is_closed = cells.get("is_closed", "").casefold() in _TRUE
        staged = "lost" if is_closed else staged or "opportunity"
    named = _TYPE_OF_WORD.get(word)
    if named is not None and (staged is None or word.replace(" ", "_") == named):
        return named
    if staged is None:
        known = ", ".join(TYPES)
        detail = f"{cells['type'][:50]!r} is no type of an outcome: {known}" if word else "The row has none"
        faults.append(FieldProblem("/type", detail))
    return named if staged == "won" and named in _OF_CUSTOMERS else staged


def _end_of(day: str) -> str:
    """Return the last second of a day without a time: a deal closes after what else happened that day."""
    return f"{day[:10]}T23:59:59+00:00" if day[11:19] == "00:00:00" else day


def _amount(
    cells: Mapping[str, str], currency: str | None, faults: list[FieldProblem]
) -> dict[str, Any] | None:
    """Return the amount of a row, None with a fault for one that is no number or names no currency."""
    found = _AMOUNT.fullmatch(cells["amount"]) if len(cells["amount"]) <= _AMOUNT_LENGTH_MAX else None
    if found is None:
        faults.append(FieldProblem("/amount", f"This is no amount: {cells['amount'][:50]}"))
        return None
    sign = found["before"] or found["after"] or ""
    code = cells.get("currency") or _CURRENCY_OF_SIGN.get(sign, sign if sign.isalpha() else currency)
    if not code:
        faults.append(
            FieldProblem("/amount", "It names no currency: a column currency says it, or a default")
        )
        return None
    number = re.sub(r"['\u2019 \u00a0\u202f]", "", found["number"])
    last = max(number.rfind("."), number.rfind(","))
    mark = number[last] if last >= 0 else ""
    # Three digits after the only kind of separator are thousands: an amount has cents at most.
    is_fraction = last >= 0 and number.count(mark) == 1 and len(number) - last - 1 != 3
    whole = re.sub(r"[.,]", "", number[:last] if is_fraction else number)
    text = f"{whole}.{number[last + 1 :] or 0}" if is_fraction else whole
    value = float(text)
    return {"value": int(value) if value.is_integer() else value, "currency": code.upper()}
