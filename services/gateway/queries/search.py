"""What begins with a text: leads by name, e-mail address or id, and accounts by domain or name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, and_, or_, select

from services.gateway.queries.lead_view import is_no_alias
from services.ledger.domain.lead_names import words_of
from services.ledger.tables import lead_names, lead_views
from services.scorer.domain.subjects import name_key
from services.scorer.tables import accounts
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.normalise.names import company_key
from shared.policy.models import Rep
from shared.storage.database import Tx

NAMED_MAX: Final = 2_000
"""The leads of a word that are looked at, where another word of the name is asked for too."""
_ID_LENGTH_MIN: Final = 6
_ID_GROUP: Final = 8
_HEX: Final = frozenset("0123456789abcdef")
_SHOWN: Final = tuple(
    lead_views.c[name]
    for name in (
        "lead_id",
        "name",
        "title",
        "company",
        "account",
        "email",
        "grade",
        "status",
        "queue",
        "owner",
    )
)


class FoundAccount(Struct, frozen=True):
    """An account that was found. `name` is the one in its account knowledge, if any."""

    account: str
    name: str | None
    relation: Relation | None
    leads: int


class FoundRep(Struct, frozen=True):
    """Somebody of the team who may own leads."""

    id: str
    name: str
    queues: tuple[str, ...]


def begins_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that a column in the order of its characters begins with a text that is not empty.

    A range, which an index answers on every database, other than LIKE.
    """
    last = text[-1]
    following = "\ue000" if last == "\ud7ff" else chr(min(ord(last) + 1, 0x10FFFF))
    return and_(column >= text, column < text[:-1] + following)


async def find_leads(tx: Tx, text: str, limit: int) -> list[RowMapping]:
    """Return at most `limit` leads whose e-mail address, id or words of the name begin with a text.

    Of several words, one word of the name has to begin with each. Those found by address or id come first.
    """
    email, words = text.lower(), sorted(words_of(text), key=len, reverse=True)
    conditions = [begins_with(lead_views.c.email, email)]
    if len(email) >= _ID_LENGTH_MIN and set(email.replace("-", "")) <= _HEX:
        conditions.append(begins_with(lead_views.c.lead_id, email[:_ID_GROUP]))
    if words and "@" not in text:
        named = select(lead_names.c.lead_id).where(begins_with(lead_names.c.word, words[0])).limit(NAMED_MAX)
        conditions.append(lead_views.c.lead_id.in_(named))
    found: dict[str, RowMapping] = {}
    for condition in conditions:
        most = NAMED_MAX if len(words) > 1 else limit
        statement = select(*_SHOWN).where(condition, is_no_alias(lead_views.c.lead_id)).limit(most)
        for row in (await tx.execute(statement)).mappings():
            own = words_of(row["name"])
            is_named = all(any(one.startswith(word) for one in own) for word in words)
            if is_named or (row["email"] or "").startswith(email) or row["lead_id"].startswith(email):
                found.setdefault(row["lead_id"], row)
    return [*found.values()][:limit]


async def find_accounts(tx: Tx, text: str, limit: int) -> list[FoundAccount]:
    """Return at most `limit` accounts whose domain or name begins with a text, those by domain first."""
    columns = select(accounts.c.account, accounts.c.knowledge, accounts.c.relation, accounts.c.leads)
    listed = columns.where(or_(accounts.c.leads > 0, accounts.c.relation.is_not(None))).limit(limit)
    by_name = name_key(company_key(text))
    ranges = ((accounts.c.account, text.lower()), (accounts.c.name_key, by_name))
    found: dict[str, FoundAccount] = {}
    for column, begin in ranges:
        statement = listed.where(begins_with(column, begin)).order_by(column) if begin else None
        for row in (await tx.execute(statement)).mappings() if statement is not None else ():
            knowledge: AccountReceivedV1 | None = row["knowledge"]
            name = knowledge.name if knowledge else None
            account = FoundAccount(row["account"], name, row["relation"], row["leads"])
            found.setdefault(account.account, account)
    return [*found.values()][:limit]


def find_reps(reps: Iterable[Rep], text: str, limit: int) -> list[FoundRep]:
    """Return at most `limit` people who may own leads, whose id or words of the name begin with a text."""
    words = words_of(text)

    def is_found(rep: Rep) -> bool:
        own = words_of(rep.name)
        is_named = bool(words) and all(any(one.startswith(word) for one in own) for word in words)
        return is_named or rep.id.lower().startswith(text.lower())

    return [FoundRep(rep.id, rep.name, tuple(rep.queues)) for rep in reps if is_found(rep)][:limit]
