"""Makes a lead of whatever a form sends: known labels become fields, all others answers. Pure.

Nothing that somebody typed is lost: a value that does not fit its field (a phone number of 300 characters, a
company size of "many") stays among the answers under its own label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.gateway.domain.form_fields import (
    EMAIL,
    OPTED_OUT,
    FormField,
    TypedAddress,
    form_fields,
    mapped_fields,
    persons_email,
    somebodys_email,
    with_whole_name,
)
from services.gateway.domain.form_values import (
    TEXT_LENGTH_MAX,
    WORD_LENGTH_MAX,
    form_pairs,
    read_consent,
    read_values,
    read_word,
    storable,
)
from services.gateway.domain.opt_outs import opted_out, says_opted_out
from services.gateway.domain.sources import HookSource
from services.gateway.domain.trust import (
    SERVER_SIDE_FIELDS,
    refuse_reserved_fields,
    without_server_side_facts,
)
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Answers
from shared.lead.identity import identify_contact
from shared.lead.normalise.answers import plain_answers, with_answers
from shared.lead.normalise.emails import Email, normalise_email
from shared.lead.normalise.yes_no import yes_or_no
from shared.policy.form_fields import ANSWER

_UTM_MAX: Final = 30
_NO_KINDS: Final[Mapping[str, str]] = {}
CONSENTS: Final = frozenset({"consent.marketing", OPTED_OUT})
Pairs = Sequence[tuple[str, Any]]


class ParsedForm(Struct, frozen=True):
    """The lead that a form describes, and the person's e-mail address, if it could be read."""

    lead: LeadReceivedV1
    email: Email | None = None


def is_intake_shape(body: Mapping[str, Any]) -> bool:
    """Tell whether a JSON body is a lead as the API takes it, rather than a flat form."""
    return isinstance(body.get("person"), Mapping) or isinstance(body.get("company"), Mapping)


def read_form(body: Mapping[str, Any] | Pairs, source: HookSource) -> LeadReceivedV1:
    """Return the lead that a form describes. Raises `Reject` (422) only for too many fields or values.

    A label that comes more than once (checkboxes) becomes a list among the answers.
    """
    return parse_form(body, source).lead


def parse_form(
    body: Mapping[str, Any] | Pairs,
    source: HookSource,
    given: Pairs = (),
    kinds: Mapping[str, str] = _NO_KINDS,
) -> ParsedForm:
    """Return the lead of `read_form` with its e-mail address parsed.

    `given` are fields of a lead and their values as a preset has them: they go before what labels say, and
    after what the source maps itself. `kinds` is as in `form_fields`.
    """
    pairs = form_pairs(body)
    fields = form_fields(pairs, source, kinds)
    if given:
        own = [field for field in fields if field.is_mapped]
        by_label = [field for field in fields if not field.is_mapped]
        fields = [*own, *mapped_fields([(name, storable(value)) for name, value in given]), *by_label]
    form = _FormReader(source, with_whole_name(fields))
    form.check_honeypot(pairs)
    return ParsedForm(with_defaults(form.lead(), source), form.email)


def lead_from_source(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return a lead in the API's shape as its source may send it.

    Raises `Reject` (422) for a field that only Baton may set, or when the answers become too many.
    """
    refuse_reserved_fields(lead)
    if source.is_caught_by_honeypot(lead.answers.items()):
        lead = replace(lead, source=replace(lead.source, honeypot=True))
    lead = with_readable_email(lead)
    if source.trust == "public":
        lead = without_server_side_facts(lead)
    return with_defaults(lead, source)


def with_readable_email(lead: LeadReceivedV1) -> LeadReceivedV1:
    """Return a lead whose e-mail address cannot be read without it, if something else identifies it.

    What was typed is kept among the answers.
    """
    typed = lead.person.email
    if not typed or not typed.strip() or normalise_email(typed) is not None:
        return lead
    person = replace(lead.person, email=None)
    if identify_contact(person, lead.company) is None:
        return lead
    return replace(lead, person=person, answers=with_answers(plain_answers(lead.answers), [("email", typed)]))


def with_defaults(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return the lead with its source's channel, name and campaign where the form does not give them."""
    given, defaults = lead.source, source.defaults
    origin = replace(
        given,
        channel=given.channel or (defaults and defaults.channel),
        name=given.name or (defaults and defaults.name) or source.name,
        campaign=given.campaign or (defaults and defaults.campaign),
    )
    return replace(lead, source=origin)


class _FormReader:
    """Collects the fields, UTM parameters and answers of one form.

    Of a public source, what only a server can know becomes an answer.
    """

    def __init__(self, source: HookSource, fields: Sequence[FormField]) -> None:
        self._source = source
        self._given = fields
        self._unread_emails: list[FormField] = []
        self._fields: dict[str, Any] = {}
        self._utm: dict[str, str] = {}
        self._answers: Answers = {}
        self.email: Email | None = None
        found = persons_email(fields)
        email_at = -1
        if found is not None:
            email_at, address = found
            self._take_email(fields[email_at], address)
        values = read_values([(field.stands_for, field.value) for field in fields])
        # Labels that the source maps itself come first, so that no mere synonym fills their field.
        for is_mapped in (True, False):
            for index, field in enumerate(fields):
                if field.is_mapped is is_mapped and index != email_at:
                    self._read(field, values[index])

    def _read(self, field: FormField, read: Any) -> None:
        """Put one value where its label says, or among the answers when it does not fit there."""
        label, value, name = field.meaning.answer, field.value, field.stands_for
        if name == EMAIL:
            self._unread_emails.append(field)
            return
        if name is None or (self._source.trust == "public" and name in SERVER_SIDE_FIELDS):
            fits = field.meaning.utm is not None and self._read_utm(field.meaning.utm, value)
        elif name.startswith(ANSWER):
            label, fits = name.removeprefix(ANSWER), False
        elif name == "person.name":
            fits = self._read_name(value)
        elif name in CONSENTS:
            fits = self._read_consent(name, value)
        else:
            fits = name not in self._fields and read is not None
            if fits:
                self._fields[name] = read
                fits = name != "company.domain" or "@" not in str(value)  # of an address more than the domain
        if not fits:
            self._answers = with_answers(self._answers, ((label, value),))

    def _take_email(self, field: FormField, address: TypedAddress) -> None:
        """Take the person's address; what was typed beside it stays an answer."""
        self._fields[EMAIL], self.email = address.text, address.email
        if not isinstance(field.value, str) or address.text != field.value.strip():
            self._answers = with_answers(self._answers, ((field.meaning.answer, field.value),))

    def _read_name(self, value: Any) -> bool:
        """Split a full name at its last space: most family names are one word."""
        name = read_word(value)
        if name is None or {"person.first_name", "person.last_name"} & self._fields.keys():
            return False
        first, _, last = name.rpartition(" ")
        self._fields["person.first_name"] = first.rstrip() or last
        if first:
            self._fields["person.last_name"] = last
        return True

    def _read_consent(self, name: str, value: Any) -> bool:
        """Read a box that may be there twice (a hidden no, and a yes when it is ticked): one yes is enough.

        That somebody did not opt out is no statement: forms and CRMs send it for everybody.
        """
        if name == OPTED_OUT:
            self._fields[name] = self._fields.get(name, False) or opted_out(value)
            return opted_out(value) and yes_or_no(value) is True
        said = read_consent(value)
        if said is None and says_opted_out(value):
            self._fields[OPTED_OUT] = True
        if said is not None:
            self._fields[name] = self._fields.get(name, False) or said
        return said is not None

    def _read_utm(self, name: str, value: Any) -> bool:
        if not isinstance(value, str) or name in self._utm or len(self._utm) == _UTM_MAX:
            return False
        if len(text := value.strip()) > TEXT_LENGTH_MAX:
            return False
        self._utm[name[:WORD_LENGTH_MAX]] = text
        return True

    def check_honeypot(self, pairs: Pairs) -> None:
        """Remember whether a field was filled in that people do not see."""
        if self._source.is_caught_by_honeypot(pairs):
            self._fields["source.honeypot"] = True

    def lead(self) -> LeadReceivedV1:
        """Return what was read as a lead."""
        if not self._fields.get(OPTED_OUT) and not self._fields.get("consent.marketing"):
            self._fields.pop(OPTED_OUT, None)
        if "campaign" in self._utm:
            self._fields.setdefault("source.campaign", self._utm["campaign"][:WORD_LENGTH_MAX])
        shape: dict[str, Any] = {"answers": self._answers}
        for field, value in self._fields.items():
            part, _, name = field.partition(".")
            if name:
                shape.setdefault(part, {})[name] = value
            else:
                shape[part] = value
        shape.setdefault("source", {})["utm"] = self._utm
        lead = msgspec.convert(shape, LeadReceivedV1)
        unread = list(self._unread_emails)
        if not lead.person.email and identify_contact(lead.person, lead.company) is None:
            # Somebody else's address, or what is none, is better than a lead that nothing identifies.
            somebody = somebodys_email(self._given)
            typed = somebody and somebody.text
            if typed is None and unread and (typed := read_word(unread[0].value)) is not None:
                del unread[0]
            lead = replace(lead, person=replace(lead.person, email=typed))
        kept = [(one.meaning.answer, one.value) for one in unread]
        return replace(lead, answers=with_answers(lead.answers, kept)) if kept else lead
