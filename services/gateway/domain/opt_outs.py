"""What forms, CRMs and newsletter tools call an opt-out, and which values of theirs mean one. Pure.

A person who opted out must not be written to. So a label is read as an opt-out under whatever name a tool
has for it, and a value under it that is neither yes nor no (a date, a sentence) counts as yes.
"""

from __future__ import annotations

import re
from typing import Final

from services.gateway.domain.label_dictionary import words_of
from shared.lead.normalise.labels import plain_label
from shared.lead.normalise.text import without_accents
from shared.lead.normalise.yes_no import yes_or_no

# The words of a label without the blanks between them: `HasOptedOutOfEmail`, `Email Opt-Out`, `doNotEmail`.
# Those of other languages than English stand in the dictionary of labels.
_OPT_OUT = re.compile(
    r"opt(?:ed)?out|unsubscri|\Aunsub|(?:do|does|did)n[o']?t(?:bulk)?(?:contact|e?mail|market|disturb|solicit|sendmail|send"
    r"|want(?:tobecontacted|tore|anymore|any)|wish(?:tobecontacted|tore))|dontcontact|dontemail|nocontact\b|nomoree?mail"
    r"|noe?mails?\Z|stopcontact|stope?mail|remove(?:me)?from|\Anomarketing(?:e?mails?)?\Z"
    r"|(?:e?mail|contact)blacklisted|blacklisted\Z|suppressed\Z|suppress(?:ed|ion)?list"
    + "".join(f"|{re.escape(stem)}" for stem in sorted(words_of("opt_out_stems")))
)
# Other channels than e-mail, and what is said about an opt-out rather than that there is one.
_NOT_AN_OPT_OUT = re.compile(
    r"\b(?:fax|sms|text|call|calls|phone|whatsapp|postal|post|letter|link|url|uri|token|reason|grund|motif|motivo"
    r"|comment|page|source|campaign|ip|hash|not opted out|not unsubscribed)\b"
)
_STATUS_LABELS: Final = frozenset(
    [
        "subscription status",
        "email subscription status",
        "email status",
        "marketing status",
        "email marketing status",
        "opt in status",
        "email opt in status",
        "email permission status",
        "permission status",
        "mailing status",
        "newsletter status",
        "consent status",
        "marketing consent status",
        "list status",
        "subscriber status",
        "contact status",
        "marketing permission",
        "subscription",
        "email subscribe",
        "communication status",
        "email subscription",
        "member status",
        "status",
        "consent",
        "gdpr consent",
        "permission",
        "email permission",
    ]
)
_OF_MAILINGS = re.compile(
    r"\b(?:e ?mails|marketing|newsletters?|subscriptions?|subscriber|mailings?|permissions?)\b"
)
_OPTED_OUT_VALUES: Final = words_of("opted_out_values")
_STILL_SUBSCRIBED: Final = words_of("subscribed_values") | {
    f"{negation} {value}" for negation in words_of("negations") for value in _OPTED_OUT_VALUES
}


def is_opt_out_label(label: str) -> bool:
    """Tell whether a label asks whether somebody opted out of being written to."""
    plain = without_accents(plain_label(label))
    return _OPT_OUT.search(plain.replace(" ", "")) is not None and _NOT_AN_OPT_OUT.search(plain) is None


def is_status_label(label: str) -> bool:
    """Tell whether a label is that of the state of a subscription, whose value may be an opt-out."""
    plain = without_accents(plain_label(label))
    return plain in _STATUS_LABELS or _OF_MAILINGS.search(plain) is not None


def says_opted_out(value: object) -> bool:
    """Tell whether a value is the word for an opt-out: `unsubscribed`, `Opt-out`."""
    return isinstance(value, str) and without_accents(plain_label(value)) in _OPTED_OUT_VALUES


def opted_out(value: object) -> bool:
    """Return what a value under an opt-out label means: anything but a clear no is a yes.

    A clear no is also the word for somebody who is still subscribed.
    """
    if isinstance(value, list | tuple):
        return any(map(opted_out, value))
    if isinstance(value, str) and without_accents(plain_label(value)) in _STILL_SUBSCRIBED:
        return False
    return yes_or_no(value) is not False
