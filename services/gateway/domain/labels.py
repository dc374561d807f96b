"""Common labels of form fields, and the fields of a lead that they stand for. Pure.

A label is known under all its spellings (`plain_label`), with the name of its form around it
(`form_fields[email]`, `wpcf7-email`), with a number (`email-1`) and as a question ("What is your e-mail?").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.gateway.domain.translated_labels import TRANSLATED
from shared.lead.normalise.labels import LABEL_LENGTH_MAX, plain_label
from shared.lead.normalise.text import without_accents

_SYNONYMS: Final = {
    "event_id": "event id|submission id|entry id|response id",
    "person.email": "email|e mail|mail|email address|e mail address|your email|your e mail"
    "|work email|business email|company email|corporate email|work e mail|person email"
    "|contact email|email work|business e mail|work email address|work e mail address"
    "|business email address|emailaddress|mail address|e mailadres|emailadres",
    "person.name": "name|full name|your name|contact name|person name|fullname|your full name"
    "|volledige naam|naam",
    "person.first_name": "first name|firstname|given name|forename|fname|person first name|voornaam",
    "person.last_name": "last name|lastname|surname|family name|lname|person last name|achternaam",
    "person.title": "title|job title|role|position|job role|your role|job title role|title role|person title"
    "|job position|position title|functie",
    "person.phone": "phone|phone number|mobile phone|mobile number|work phone|your phone"
    "|person phone|cell|cellphone|contact number|phonenumber|tel portable|telefoon|telefoonnummer"
    "|whatsapp number",
    # `plain_label` makes two words of `LinkedIn`.
    "person.linkedin_url": "linkedin|linkedin url|linkedin profile|person linkedin url"
    "|linked in|linked in profile|your linked in profile",
    "person.country": "country|person country|country region|country code",
    "company.name": "company|company name|organization|organisation name|organization name"
    "|business name|employer|companyname|your company|nom de votre entreprise|bedrijf"
    "|bedrijfsnaam",
    "company.domain": "website|web site|company website|url|company url|domain|company domain"
    "|website des unternehmens",
    "company.employees": "company size|employees|number of employees|no of employees"
    "|employee count|team size|headcount|size|company employees|companysize|how many employees"
    "|employee range|numemployees|noofemployees|organization size|organisation size|business size"
    "|employee size|size of company|size of your company|how many employees do you have"
    "|how large is your company|how big is your company|taille de votre entreprise"
    "|aantal medewerkers",
    "company.industry": "industry|company industry",
    "company.country": "company country|paese azienda",
    "company.revenue_usd": "company revenue usd|revenue usd|annual revenue usd",
    "company.technologies": "company technologies|technologies|tech stack|technology stack",
    "message": "message|your message|comments|comment|how can we help|how can we help you"
    "|description|details|enquiry|inquiry|question|what can we help you with|tell us more"
    "|questions|additional information|bericht|opmerkingen",
    "consent.marketing": "marketing consent|newsletter|subscribe|marketing|consent marketing"
    "|opt in|marketing opt in|email consent|email opt in|emailoptin|optin|newsletter opt in"
    "|subscribed|subscribe to newsletter",
    "consent.opted_out": "consent opted out|opted out|opt out|email opt out|unsubscribe"
    "|unsubscribed|do not contact",
    "consent.at": "consent at|consent date|consent time",
    "consent.text": "consent text",
    "source.form_id": "form id|source form id",
    "source.campaign": "campaign|source campaign",
    "source.page_url": "page url|page|source page url|landing page|page uri",
    "source.referrer": "referrer|referer|source referrer",
    "source.name": "source name",
    "source.channel": "source channel",
    "source.submitted_at": "submitted at|source submitted at|submission date",
}
FIELD_OF: Final = {
    **TRANSLATED,
    **{label: field for field, labels in _SYNONYMS.items() for label in labels.split("|")},
}
"""The field of a lead for each known plain label. The dotted name of a field is a label of it too."""

_INTERESTS_TEXT: Final = (
    "interest|interests|interested in|area of interest|areas of interest|topic of interest|topics of interest"
    "|what are you interested in|you interested in|i am interested in|i m interested in"
    "|interesse|interessen|interesses|interés|intereses|interessi"
)
_INTERESTS: Final = frozenset(_INTERESTS_TEXT.split("|"))
"""Labels of the answer `interest`, which the policy reads."""

# Words around the label proper: of persons, of forms and plug-ins, and those that say nothing of their own.
_PERSONAL_TEXT: Final = """
    lead leads contact contacts person people customer customers client prospect member subscriber attendee
    registrant applicant guest your my our ihr ihre deine dein votre ton ta su tu seu sua
"""
_PERSONAL: Final = frozenset(_PERSONAL_TEXT.split())
_OF_FORMS_TEXT: Final = """
    form forms field fields input inputs user users visitor contactform data payload body properties
    attributes params value values answer answers submission submitted entry item items meta merge merges
    signup register registration request quote demo webform edit jform acf cf cf7 wpcf7 wpforms wpform gform
    ninja nf nfforms ff fluent formidable frm fld cntctfrm si tf mc mce mc4wp mauticform hs hsform et pb
    divi elementor txt tb inp ctl00 main maincontent content placeholder c z0
"""
_OF_FORMS: Final = frozenset(_OF_FORMS_TEXT.split())
_SAYING_NOTHING_TEXT: Final = """
    required optional mandatory pflichtfeld obligatoire facultatif obligatorio opcional obbligatorio text
    textbox what which is are s the a an please enter provide type fill in tell us give insert at on und wie
    lautet bitte il la le
"""
_SAYING_NOTHING: Final = frozenset(_SAYING_NOTHING_TEXT.split())
_NUMBERED = re.compile(r"(?:[a-z]?\d+)|[a-z](?=\Z)")
_TRAILING_DIGITS = re.compile(r"(?<=\D)\d{1,4}\Z")
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")
_PART_OF_NAME = re.compile(r"\bname(?: \d+)? (first|last)\Z")
_SEGMENTS = re.compile(r"[$.:/]|__")
# Labels that mean something else beside the name of anything but a person or a form: `product[name]`.
_AMBIGUOUS_TEXT: Final = """
    name title titre titolo titulo rolle role position size url web domain site page description details
    question notes nombre nome nom naam campaign sector portable
"""
_AMBIGUOUS: Final = frozenset(_AMBIGUOUS_TEXT.split())
_THINGS: Final = frozenset({"form", "meta", "item", "items", "content", "entry"})
"""Words of forms that, with a dot after them, may be things that have a name themselves: `form.name`."""
_OTHERS_TEXT: Final = """
    billing invoice invoicing accounting accounts payable shipping delivery friend friends colleague
    colleagues coworker referrer referral referred reference manager boss supervisor assistant secretary
    spouse partner parent emergency second secondary alternate alternative other another additional cc
    bcc recipient support technical admin administrator sponsor agent broker guardian child teacher
    rechnung rechnungs kollege kollegen facturation collegue facturacion colega fatturazione collega
    accountant bookkeeper lawyer attorney invitee nominee peer teammate ceo cfo cto rechnungen
    buchhaltung comptabilite contabilidad contabilita
"""
_OTHERS: Final = frozenset(_OTHERS_TEXT.split())
"""Words that make a contact detail somebody else's: `billing contact's e-mail`."""
_EMAIL_WORDS: Final = re.compile(r"\b(?:e ?mails?|mails?|email\w*|mailadresse|courriels?|correo|mel)\b")


def field_of(label: str) -> str | None:
    """Return the field of a lead that a label stands for, None when it is not known."""
    return next((FIELD_OF[words] for words in _readings(label[:LABEL_LENGTH_MAX]) if words in FIELD_OF), None)


def utm_of(label: str) -> str | None:
    """Return the name of the UTM parameter that a label stands for: `lead[utm_source]` is `source`."""
    for part in (label, *_inner_parts(label)):
        plain = plain_label(part)
        if plain.startswith("utm "):
            return plain.removeprefix("utm ").replace(" ", "_")
    return None


def is_somebody_elses(label: str) -> bool:
    """Tell whether a label asks for contact details of somebody other than who fills in the form."""
    return not _OTHERS.isdisjoint(without_accents(plain_label(label)).split())


def asks_for_email(label: str) -> bool:
    """Tell whether a label speaks of an e-mail address."""
    return _EMAIL_WORDS.search(without_accents(plain_label(label))) is not None


def inner_label(label: str) -> str:
    """Return the label proper of one in brackets: `form_fields[email]` is `email`."""
    return next(_inner_parts(label), label)


def answer_name(label: str) -> str:
    """Return the label that an answer is kept under: without the form that it stands in.

    `form_fields[interest]` and `data.interest` are `interest`; of `billing.city` the whole is kept. What
    somebody is interested in is `interest`, however a form asks for it.
    """
    if any(words in _INTERESTS for words in _readings(label[:LABEL_LENGTH_MAX])):
        return "interest"
    inner = inner_label(label)
    if "[" in label or inner == label:
        return inner
    outside = plain_label(label).removesuffix(plain_label(inner)).split()
    return inner if all(map(_is_around, outside)) else label


def _inner_parts(label: str) -> Iterator[str]:
    """Yield the last bracketed word, or the last segment of a dotted label, unless it is a number."""
    bracketed = [word for word in _BRACKETED.findall(label) if plain_label(word)]
    if bracketed and not plain_label(bracketed[-1]).isdigit():
        yield bracketed[-1]
    elif not bracketed:
        *outer, last = _SEGMENTS.split(label)
        if outer and plain_label(last) and not plain_label(last).isdigit():
            yield last


def _readings(label: str) -> Iterator[str]:
    """Yield what a label may say, in plain words without accents: the whole, then with less around it."""
    whole = without_accents(plain_label(label))
    yield whole
    if not whole or is_somebody_elses(label):
        return
    if part_of_name := _PART_OF_NAME.search(whole):
        yield f"{part_of_name[1]} name"
    for part in (*_inner_parts(label), label):
        plain = without_accents(plain_label(part))
        outside = whole.removesuffix(plain).split()
        for words in (plain, *_stripped(plain)):
            before, _, behind = plain.partition(words)
            around = [*outside, *before.split(), *behind.split()]
            if words not in _AMBIGUOUS or _is_of_a_person(label, around):
                yield words


def _stripped(plain: str) -> Iterator[str]:
    """Yield words without what stands around them, first behind and then before."""
    words = plain.split()
    if words and words[-1] not in FIELD_OF:
        words[-1] = _TRAILING_DIGITS.sub("", words[-1])
    yield " ".join(words)
    while len(words) > 1 and _is_around(words[-1]):
        words = words[:-1]
        yield " ".join(words)
    while len(words) > 1 and _is_around(words[0]):
        words = words[1:]
        yield " ".join(words)


def _is_of_a_person(label: str, around: list[str]) -> bool:
    """Tell whether a name, a title or a size with these words around it is that of the person or company."""
    telling = [word for word in around if word not in _SAYING_NOTHING and not _NUMBERED.fullmatch(word)]
    if not telling or not _PERSONAL.isdisjoint(telling):
        return all(map(_is_around, telling))
    if "[" in label:
        return any(map(_is_of_forms, telling)) and _THINGS.isdisjoint({*telling} - {"form"})
    return "." in label and all(map(_is_of_forms, telling)) and _THINGS.isdisjoint(telling)


def _is_around(word: str) -> bool:
    return (
        word in _PERSONAL
        or word in _SAYING_NOTHING
        or _is_of_forms(word)
        or _NUMBERED.fullmatch(word) is not None
    )


def _is_of_forms(word: str) -> bool:
    return word in _OF_FORMS or word.endswith(("form", "forms", "field", "fields"))
