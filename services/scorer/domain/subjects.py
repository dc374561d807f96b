"""Which account and which lead a signal or an account fact from outside is about, as far as it says so."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.identity import account_key
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.names import company_key

NAME_KEY_LENGTH_MAX: Final = 200


class SubjectKeys(Struct, frozen=True):
    """The keys of an account by domain and by name, and the lead id of an e-mail address."""

    account: str | None = None
    name_key: str | None = None
    lead_id: str | None = None


def signal_subject_of(signal: SignalReceivedV1) -> SubjectKeys:
    """Return what a signal is about. A person without a company is an account of their own."""
    email = normalise_email(signal.person.email) if signal.person else None
    lead_id = lead_id_of(f"email:{email.identity}") if email else None
    key = account_key(signal.account.domain, email, lead_id or "")
    return SubjectKeys(key or None, name_key(company_key(signal.account.name)), lead_id)


def account_name_key(account: AccountReceivedV1) -> str | None:
    """Return the key under which signals are kept that give the account by its name only."""
    return name_key(company_key(account.name))


def account_keys(account: AccountReceivedV1) -> tuple[str, ...]:
    """Return the keys of an account's domain and its aliases, none when the domain cannot be a company's."""
    keys = [account_key(domain, None, "") for domain in (account.domain, *account.aliases)]
    return tuple(dict.fromkeys(key for key in keys if key)) if keys[0] else ()


def domain_key(domain: object) -> str:
    """Return the account key of a domain, an empty text for what is no company's domain."""
    return account_key(domain, None, "") if isinstance(domain, str) else ""


def canonical_key(key: str, knowledge: AccountReceivedV1 | None) -> str:
    """Return the key of the account that a stored row is about.

    The row of an alias holds the knowledge of the account that it is an alias of.
    """
    return (account_key(knowledge.domain, None, "") if knowledge else "") or key


def name_key(company_key: str | None) -> str | None:
    """Return the key of the account row for signals that give an account by its name only.

    A name that its normal form makes too long for a key is hashed.
    """
    if not company_key:
        return None
    key = f"name:{company_key}"
    return key if len(key) <= NAME_KEY_LENGTH_MAX else f"name:{lead_id_of(key)}"
