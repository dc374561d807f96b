"""Tables of accounts as people keep them and CRMs export them: the field of each column, and the cells. Pure.

Knowledge of an account replaces what was known before. So a misspelt heading must not count as a missing one:
it is a fault. A heading that resembles none is a column of the CRM's own and is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from io import BytesIO
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.arrival import invalid
from services.gateway.domain.csv_table import TableRow, UnreadableRow, read_csv_table
from services.gateway.domain.label_dictionary import FIELD_OF
from services.gateway.domain.text_encoding import text_lines
from shared.errors import FieldProblem
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.normalise.labels import plain_label

COLUMNS: Final = AccountReceivedV1.__struct_fields__
"""The fields of an account, of which `domain` is needed. Their names are headings too."""

_SUGGESTED_COLUMNS: Final = [name for name in COLUMNS if name not in {"country", "city", "postcode", "phone"}]
"""The columns that are not overlooked when misspelt. `County` and `Phone 2` are no misspelt ones."""

COLUMNS_MAX: Final = 1_000
"""The most columns of a table of accounts."""

_HEADINGS: Final = {
    "domain": "domain|company domain name|company domain|website|domain name",
    "name": "name|account name|company name|company|account",
    "relation": "relation|relationship|beziehung|relación|relação|relazione",
    "owner": "owner|account owner|company owner|owner id|account owner alias|inhaber|account inhaber"
    "|kontoinhaber|zuständig|betreuer|propriétaire|propriétaire du compte|responsable|propietario"
    "|propietario de la cuenta|proprietário|proprietário da conta|proprietario|titolare",
    "open_opportunity": "open opportunity|open opportunities|has open opportunity|open deals"
    "|number of open deals|num open deals|offene opportunity|offene opportunities|offene deals"
    "|opportunité ouverte|oportunidad abierta|oportunidade aberta|opportunità aperta",
    "segment": "segment|account segment|customer segment|tier|account tier|kundensegment|segmento",
    "aliases": "aliases|alias|other domains|additional domains|secondary domains|additional domain names"
    "|weitere domains|autres domaines|otros dominios|outros domínios|altri domini",
    "country": "country|billing country|country region|billing country code|company country|land|pays|país"
    "|paese",
    "city": "city|billing city|company city|town|stadt|ort|ville|ciudad|cidade|città",
    "postcode": "postcode|billing zip postal code|billing zip|billing postal code|zip postal code|postal code"
    "|zip|zip code|plz|postleitzahl|code postal|código postal|cep|cap",
    "phone": "phone|account phone|company phone|phone number|main phone|telefon|téléphone|teléfono"
    "|telefone|telefono",
}
_KIND: Final = (
    "type|account type|company type|typ|account typ|type de compte|tipo|tipo de cuenta|tipo de conta"
)
_KIND_FIELD: Final = "kind"
"""A CRM's own type of account. It says the relation where it is one, and nothing where it is another word."""

_FIELD_OF_HEADING: Final = {
    **{label: "domain" for label, field in FIELD_OF.items() if field == "company.domain"},
    **{label: "name" for label, field in FIELD_OF.items() if field == "company.name"},
    **{plain_label(label): _KIND_FIELD for label in _KIND.split("|")},
    **{plain_label(label): field for field, labels in _HEADINGS.items() for label in labels.split("|")},
}
_RELATIONS: Final = {
    word: relation
    for relation, words in {
        "target": "target|prospect|zielkunde|interessent|prospecto|cliente potencial|cible|potenziale",
        "customer": "customer|client|kunde|bestandskunde|cliente|klant|customer direct|customer channel",
        "competitor": "competitor|wettbewerber|mitbewerber|konkurrent|concurrent|competidor|concorrente",
        "partner": "partner|reseller|vendor|partenaire|socio|parceiro|channel partner reseller"
        "|technology partner",
        "none": "none|other|keine|sonstige|autre|otro|outro|altro",
    }.items()
    for word in words.split("|")
}
_TRUE = frozenset(
    [
        "true",
        "yes",
        "y",
        "1",
        "x",
        "t",
        "ja",
        "wahr",
        "oui",
        "vrai",
        "si",
        "sí",
        "sì",
        "sim",
        "verdadero",
        "verdadeiro",
        "vero",
    ]
)
_FALSE = frozenset(["false", "no", "n", "0", "f", "nein", "falsch", "non", "faux", "não", "falso"])
_BETWEEN_ALIASES = re.compile(r"[;|,\s]+")


class AccountColumns(Struct, frozen=True):
    """The field of each column, None for one that is ignored, and the headings of those."""

    fields: Sequence[str | None]
    ignored: Sequence[str]


def known_account_headings(cells: Sequence[str]) -> int:
    """Return how many cells of a row are headings of an account's fields."""
    return sum(plain_label(cell) in _FIELD_OF_HEADING for cell in cells[:COLUMNS_MAX])


def account_columns(headings: Sequence[str]) -> AccountColumns:
    """Return which column is which field. The field's own name goes before other headings, then the first.

    Raises `Reject` (422) with all faults: a heading that is there twice or misspelt, and no domain.
    """
    if len(headings) > COLUMNS_MAX:
        raise invalid((FieldProblem("", f"There are {len(headings)} columns, {COLUMNS_MAX} are allowed"),))
    found = [_FIELD_OF_HEADING.get(plain_label(heading)) for heading in headings]
    names = [plain_label(heading).replace(" ", "_") for heading in headings]
    faults: list[str] = []
    fields: list[str | None] = []
    for index, (heading, name, field) in enumerate(zip(headings, names, found, strict=True)):
        similar = get_close_matches(name, _SUGGESTED_COLUMNS, 1, 0.8) if field is None else []
        if similar:
            faults.append(f"The column {heading[:100]!r} is unknown; did you mean {similar[0]!r}?")
        if field in COLUMNS and name in names[:index]:
            faults.append(f"The column {heading[:100]!r} is there twice")
        has_better = field in fields or (field in names and name != field)
        fields.append(None if has_better else field)
    if "domain" not in fields:
        faults.append(f"A column domain is needed; the columns are {', '.join(headings)[:500]}")
    if faults:
        raise invalid(tuple(FieldProblem("", fault) for fault in faults))
    ignored = [heading for heading, field in zip(headings, fields, strict=True) if field is None]
    return AccountColumns(fields, ignored)


def read_account_csv(raw: bytes, rows_max: int) -> tuple[AccountColumns, Sequence[TableRow | UnreadableRow]]:
    """Return the columns of a CSV of accounts, and at most `rows_max` of its rows.

    Raises as `account_columns` does.
    """
    table = read_csv_table(text_lines(BytesIO(raw)), known_account_headings)
    if table is None:
        return account_columns(()), ()
    return account_columns(table.columns), list(islice(table.rows, rows_max))


def account_fields(row: TableRow | UnreadableRow, columns: AccountColumns) -> Mapping[str, Any]:
    """Return the fields of one row, as a JSON body has them; an empty cell is left out.

    Raises `Reject` (422) for a row that cannot be read, and with all faults that come of its being text.
    """
    if isinstance(row, UnreadableRow):
        raise invalid((FieldProblem("", f"line {row.line}: {row.problem}"),))
    fields: dict[str, Any] = {}
    faults: list[FieldProblem] = []
    for name, cell in zip(columns.fields, row.cells, strict=False):
        text = cell.strip()
        if name is None or not text:
            continue
        if "\0" in text:
            faults.append(FieldProblem(f"/{name}", "This holds a NUL character, which cannot be stored"))
        elif name == "aliases":
            fields[name] = [alias for alias in _BETWEEN_ALIASES.split(text) if alias]
        elif name == "relation":
            fields[name] = _RELATIONS.get(plain_label(text), text.lower())
        elif name == _KIND_FIELD:
            fields.setdefault("relation", _RELATIONS.get(plain_label(text), "none"))
        elif name == "open_opportunity":
            word = text.casefold()
            # A CRM may count the open deals.
            fields[name] = int(word) > 0 if word.isdecimal() else word in _TRUE
            if not word.isdecimal() and word not in _TRUE | _FALSE:
                faults.append(FieldProblem("/open_opportunity", "This is neither true nor false"))
        else:
            fields[name] = text
    if faults:
        raise invalid(tuple(faults))
    return fields
