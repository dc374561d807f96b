"""Reads the answer of a data vendor as its preset says: facts in Baton's fields, units and words. Pure.

What an answer says of somebody else is left out: another person, an earlier employer, another company. So is
a value that has another type than its field: one odd value costs no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.enricher.domain.providers import ProviderFacts, ProviderQuery, Subject
from services.enricher.providers.vendor_facts import (
    EMPLOYER_SHARE,
    JOB_FIELDS,
    LIST_MAX,
    ListedPhone,
    company_facts,
    is_employer,
    person_facts,
    provider_facts,
    range_midpoint,
)
from shared.integrations.expressions import Evaluation, Expression
from shared.integrations.functions import instant
from shared.integrations.given_fields import answer_reading
from shared.integrations.provider_preset import AnswerReading, ProviderPreset
from shared.integrations.vendor_replies import ReplyMeaning
from shared.integrations.vendor_requests import names_in
from shared.lead.fields import FactKeys
from shared.lead.normalise.domains import company_host
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.yes_no import yes_or_no

_NUMBERS: Final = ("employees", "revenue_usd", "funding_total_usd", "growth_pct")
_PHONES_MAX: Final = 50
_OF_ONE_PERSON: Final = frozenset({"phone", "linkedin_url", "id"})
"""What a vendor can be sent, besides an address, that only one person has."""
_BATCH_MAX: Final = 1_000
_NODES_MAX: Final = 1_000
_ITEMS_READ_MAX: Final = 100
_ADDRESS_CONFIDENCE: Final = 0.9
"""Of an address that the vendor refuses to look at because none can be like that."""
_JOB: Final = frozenset(name.removeprefix("person.") for name in JOB_FIELDS)
_NUMBER_MAX: Final = 1e15


class Answer(Struct, frozen=True):
    """What an answer says of what was asked.

    `found` are the fields that the vendor has a value for, also one that is not used. `contacts` are the
    people of an account, where it was asked about these. `fault` says what has another type than it should
    have. `is_unknown`: the vendor could not tell whether an address takes mail.
    """

    facts: ProviderFacts = ProviderFacts()
    found: frozenset[str] = frozenset()
    contacts: tuple[ProviderFacts, ...] = ()
    fault: str = ""
    is_unknown: bool = False


class AnswerReader:
    """Reads the answers of one vendor about one subject."""

    def __init__(self, preset: ProviderPreset, subject: Subject) -> None:
        self._subject = subject
        self._ask = preset.ask[subject]
        self._reading = answer_reading(preset, subject)
        self._statuses = {word.casefold(): status for word, status in preset.statuses.items()}
        self._asked_names = names_in(self._ask)

    @property
    def takes_lists(self) -> bool:
        """Whether an answer is a list of items."""
        return self._ask.items is not None or self._ask.batch is not None

    def read(self, query: ProviderQuery, reply: ReplyMeaning) -> Answer:
        """Return what a reply says of what the query asked; of a batch, the item with its reference."""
        if reply.outcome == "invalid_email":
            person = {"email_status": "invalid"} if self._subject == "email" else {}
            return Answer(provider_facts(_ADDRESS_CONFIDENCE, person=person))
        evaluation, batch = reply.evaluation, self._ask.batch
        if not self.takes_lists:
            return self._read_item(query, evaluation, reply.body)
        if self._ask.items is not None:
            items = evaluation.value(self._ask.items, reply.body)
        else:
            items = _list_with(batch.reference, reply.body, evaluation) if batch is not None else reply.body
        if not isinstance(items, list):
            return Answer(fault="no list of answers")
        if batch is not None:
            own = (query.asked.get(batch.by) or "").casefold()
            names = ((item, _word(evaluation.value(batch.reference, item))) for item in items[:_BATCH_MAX])
            items = [item for item, name in names if name and name.casefold() == own][:1]
        answers = [self._read_item(query, evaluation, item) for item in items[:_ITEMS_READ_MAX]]
        if self._subject == "contacts":
            return Answer(contacts=tuple([one.facts for one in answers if one.facts.confidence]))
        conclusive = (one for one in answers if one.facts.confidence or one.is_unknown or one.fault)
        return next(conclusive, Answer())

    def _read_item(self, query: ProviderQuery, evaluation: Evaluation, item: Any) -> Answer:
        reading = self._reading
        if not isinstance(item, dict):
            return Answer(fault="no object")
        if not all(evaluation.holds(guard, item) for guard in reading.guards):
            return Answer()
        values = ItemValues(reading, evaluation, item)
        email = normalise_email(values.text(FactKeys.EMAIL))
        if not self._is_asked_one(query, values, email) or (self._subject == "find_email" and email is None):
            return Answer()
        status = self._email_status(query, reading, values, email)
        person = {} if self._subject == "company" else self._person(values, status)
        company = self._company(values)
        if self._subject != "company":
            employer = reading.employer
            named = values.read(employer.domain) if employer is not None and employer.domain else None
            works_at = company_host(_word(named)) if named else company["domain"]
            if self._subject == "contacts" and not is_employer(query, works_at):
                return Answer()
            if not is_employer(query, works_at):
                person = {name: value for name, value in person.items() if name not in _JOB}
            if not is_employer(query, company["domain"] or works_at):
                company = {}
        elif query.target.domain is not None:
            del company["domain"]  # the one that was asked about
        if email is not None and _is_found(query, email, status):
            person["email"] = email.address
        sure = self._confidences(values, company, person)
        facts = provider_facts(
            0.0,
            company={name: value for name, value in company.items() if sure[f"company.{name}"]},
            person={name: value for name, value in person.items() if sure[f"person.{name}"]},
            confidences=sure,
            as_of=instant(values.read(reading.as_of)) if reading.as_of is not None else None,
        )
        if self._subject == "email" and status is None and not facts.confidence:
            return Answer(fault=values.fault or "no status")
        if self._subject == "email" and facts.confidence:  # which address it is about, not a fact
            facts = replace(facts, person=replace(facts.person, email=query.target.email))
        of_address = self._subject in ("email", "find_email")
        return Answer(facts, values.found, fault=values.fault, is_unknown=of_address and status == "unknown")

    def _is_asked_one(self, query: ProviderQuery, values: ItemValues, email: Email | None) -> bool:
        """Return whether an answer is about the one that was asked about, where the vendor was not sent all.

        A vendor that was sent the address has found that person, whatever address it prefers itself. One that
        found somebody by name has to name the address of the lead, where it names addresses at all.
        """
        known = normalise_email(query.target.email)
        if known is not None and self._subject == "person" and "email" not in self._asked_names:
            by_name = self._asked_names.isdisjoint(_OF_ONE_PERSON) and FactKeys.EMAIL in self._reading.fields
            if email.identity != known.identity if email else by_name:
                return False
        if self._subject != "company" or "domain" in self._asked_names:
            return True
        return is_employer(query, company_host(values.text(FactKeys.COMPANY_DOMAIN)))

    def _email_status(
        self, query: ProviderQuery, reading: AnswerReading, values: ItemValues, email: Email | None
    ) -> str | None:
        """Return what is said of the address: verified, invalid, risky, unknown; None where nothing is.

        What is said of another address than the one that was asked about says nothing of that.
        """
        known = normalise_email(query.target.email)
        if email and known and email.identity != known.identity:
            return None
        field = reading.fields.get(FactKeys.EMAIL)
        word = _word(values.raw.get(FactKeys.EMAIL_STATUS))
        if word is None and field is not None and field.status is not None:
            word = _word(values.read(field.status))
        return None if not word else self._statuses.get(word.casefold(), "unknown")

    def _person(self, values: ItemValues, status: str | None) -> dict[str, Any]:
        phones = [ListedPhone(values.text(FactKeys.PHONE))]
        for phone in values.phones[:_PHONES_MAX]:
            if isinstance(phone, dict):
                marked = phone.get("do_not_call")
                stated = yes_or_no(marked) if isinstance(marked, str) else bool(marked)
                number = phone.get("number")
                phones.append(
                    ListedPhone(
                        number if isinstance(number, str) else None,
                        _word(phone.get("type")) or "",
                        do_not_call=stated is not False,
                    )
                )
        return person_facts(
            first_name=values.text("person.first_name"),
            last_name=values.text("person.last_name"),
            title=values.text(FactKeys.TITLE),
            level=values.text(FactKeys.SENIORITY),
            role=values.text(FactKeys.DEPARTMENT),
            phones=phones,
            linkedin_url=values.text(FactKeys.LINKEDIN_URL),
            country=values.text(FactKeys.PERSON_COUNTRY),
            email_status=None if status == "unknown" else status,
        )

    def _company(self, values: ItemValues) -> dict[str, Any]:
        return company_facts(
            name=values.text(FactKeys.COMPANY_NAME),
            domain=values.text(FactKeys.COMPANY_DOMAIN),
            industry=values.text(FactKeys.INDUSTRY),
            country=values.text(FactKeys.COMPANY_COUNTRY),
            parent=_host_or_name(values.text(FactKeys.PARENT)),
            technologies=values.words(FactKeys.TECHNOLOGIES),
            hiring=values.words(FactKeys.HIRING),
            last_funding_at=instant(values.raw.get(FactKeys.LAST_FUNDING_AT)),
            **{name: values.number(f"company.{name}") for name in _NUMBERS},
        )

    def _confidences(
        self, values: ItemValues, company: Mapping[str, Any], person: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return how sure the vendor is of each field, from 0 to 1.

        What an answer about a person says of the employer is less sure, unless the preset says how sure.
        """
        stated, usually = self._reading.confidence.fields, self._reading.confidence.default
        default = (_share(values.read(usually)) or 0.0) if isinstance(usually, Expression) else usually / 100
        of_employer = default if self._subject == "company" else default * EMPLOYER_SHARE
        confidences: dict[str, float] = {}
        for part, fields, usual in (("company", company, of_employer), ("person", person, default)):
            for name in fields:
                field = f"{part}.{name}"
                of_status = FactKeys.EMAIL if field == FactKeys.EMAIL_STATUS else field
                own = self._reading.fields.get(field) or self._reading.fields.get(of_status)
                confidence = own.confidence if own is not None and own.confidence is not None else None
                confidence = confidence or stated.get(field) or stated.get(f"{part}.*") or stated.get("*")
                share = None if confidence is None else _share(values.read(confidence))
                confidences[field] = usual if share is None else share
        return confidences


class ItemValues:
    """The values of an item by field name. `fault` says which has another type than it should have."""

    def __init__(self, reading: AnswerReading, evaluation: Evaluation, item: dict[str, Any]) -> None:
        self._evaluation = evaluation
        self._item = item
        self.fault = ""
        self.raw = {
            name: self.read(field.value)
            for name, field in reading.fields.items()
            if evaluation.holds(field.when, item)
        }
        listed = self.read(reading.phones) if reading.phones is not None else None
        self.phones: list[Any] = listed if isinstance(listed, list) else []
        self.found = frozenset([name for name, value in self.raw.items() if value or value == 0])
        if any(isinstance(phone, dict) and phone.get("number") for phone in self.phones):
            self.found |= {FactKeys.PHONE}

    def read(self, expression: Expression) -> Any:
        """Return the value of an expression at the item; None where there is none."""
        value = self._evaluation.value(expression, self._item)
        if value is None and expression.path is not None:
            node: Any = self._item
            for name in expression.path:
                if not isinstance(node, dict):
                    if isinstance(node, str | int | float | list) and not isinstance(node, bool):
                        self._note(expression.text, node, "an object")
                    break
                node = node.get(name)
        return value

    def text(self, name: str) -> str | None:
        """Return a text; None for true or false, by which some plans say that a better one would show it."""
        value = self.raw.get(name)
        if isinstance(value, dict | list) and value:
            self._note(name, value, "text")
        return None if isinstance(value, bool) else _word(value)

    def number(self, name: str) -> int | None:
        """Return a whole number; of a text such as `201-500` its middle."""
        value = self.raw.get(name)
        if isinstance(value, str):
            return range_midpoint(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return round(value) if abs(value) < _NUMBER_MAX else None
        if isinstance(value, dict | list) and value:
            self._note(name, value, "a number")
        return None

    def words(self, name: str) -> list[str]:
        """Return a list of texts, also of one text."""
        value = self.raw.get(name)
        if isinstance(value, str):
            return [value]
        if isinstance(value, dict) and value:
            self._note(name, value, "a list")
        return [word for word in value[:LIST_MAX] if isinstance(word, str)] if isinstance(value, list) else []

    def _note(self, name: str, value: Any, wanted: str) -> None:
        self.fault = self.fault or f"{name}: {type(value).__name__} in the place of {wanted}"


def _list_with(reference: Expression, body: Any, evaluation: Evaluation) -> list[Any] | None:
    """Return the first list in a body whose items have the reference of a question; None without one."""
    nodes, seen = [body], 0
    while nodes and seen < _NODES_MAX:
        node, seen = nodes.pop(0), seen + 1
        if isinstance(node, list):
            if any(_word(evaluation.value(reference, item)) for item in node if isinstance(item, dict)):
                return node
            nodes += node[:_BATCH_MAX]
        elif isinstance(node, dict):
            nodes += node.values()
    return [] if isinstance(body, dict | list) else None


def _is_found(query: ProviderQuery, email: Email, status: str | None) -> bool:
    """Return whether an answer gives a lead without address one of the person, at the lead's company."""
    if query.target.email is not None or email.kind != "work" or status == "invalid":
        return False
    return is_employer(query, email.domain)


def _word(value: Any) -> str | None:
    """Return the text of a text, a number, true or false; None of anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _host_or_name(text: str | None) -> str | None:
    """Return the host of a text that is a web address, else the text."""
    return (company_host(text) or text).removeprefix("www.") if text and "://" in text else text


def _share(value: Any) -> float | None:
    """Return a confidence from 0 to 1, of a number that runs to 1 or to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(value if value <= 1 else value / 100, 0.0), 1.0)
