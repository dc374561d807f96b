"""What forms, CRMs and newsletter tools call an opt-out, and which values of theirs mean one. Pure.

A person who opted out must not be written to. So a label is read as an opt-out under whatever name a tool
has for it, and a value under it that is neither yes nor no (a date, a sentence) counts as yes.
"""

from __future__ import annotations

import re
from typing import Final

from shared.lead.normalise.labels import plain_label
from shared.lead.normalise.text import without_accents
from shared.lead.normalise.yes_no import yes_or_no

# The words of a label without the blanks between them: `HasOptedOutOfEmail`, `Email Opt-Out`, `doNotEmail`.
_OPT_OUT = re.compile(
    r"opt(?:ed)?out|unsubscri|\Aunsub|(?:do|does|did)n[o']?t(?:bulk)?(?:contact|e?mail|market|disturb|solicit|sendmail|send"
    r"|want(?:tobecontacted|tore|anymore|any)|wish(?:tobecontacted|tore))|dontcontact|dontemail|nocontact\b|nomoree?mail"
    r"|noe?mails?\Z|stopcontact|stope?mail|remove(?:me)?from|\Anomarketing(?:e?mails?)?\Z"
    r"|(?:e?mail|contact)blacklisted|blacklisted\Z|suppressed\Z|suppress(?:ed|ion)?list"
    r"|abgemeldet|abmelden|abmeldung|nichtkontaktieren|nichtanschreiben|keine?(?:werbung|newsletter)|keinee?mail"
    r"|werbewiderspruch|widerspruchwerbung"
    r"|desabonn|desinscri|nepascontacter|nepasenvoyer|refuse?(?:emailing|e?mail|prospection)"
    r"|dar(?:se|me)?debaja|dadodebaja|nocontactar|nodesearecibir|cancelarsuscri"
    r"|disiscri|noncontattare|annullaiscri|descadastr|naocontatar|naoenviar|noenviar|noninviare|naocontactar"
    r"|cancelarinscri|afgemeld|afmelden"
    r"|uitschrijven|uitgeschreven|nietcontacteren|nietbenaderen|geenmail|geennieuwsbrief"
    r"|wypisan|wypiszmnie|rezygnacja|sprzeciwmarketing|niekontaktowac|niewysylac|niechceotrzymywac|wycofanazgoda|zgodawycofana"
    r"|avregistrer|avprenumerer|avanmal|kontakta(?:ej|inte)|faejkontaktas|inga(?:mejl|mail|utskick|nyhetsbrev)|ingenepost"
    r"|ingenmarknadsforing|afmeld(?:t|ing)|frameld|kontakt(?:mig)?ikke|maikkekontaktes|m\u00e5ikkekontaktes|ingen(?:e?mails|nyhedsbreve)"
    r"|ingenmarkedsforing|ingenmarkedsf\u00f8ring|nejtaktil"
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
_OPTED_OUT_VALUES = re.compile(
    r"(?:un ?subscribed?|opt(?:ed)? ?out|do not (?:contact|e ?mail)|dnc|suppressed|removed|blacklisted"
    r"|withdrawn|revoked|globally unsubscribed|abgemeldet|widerrufen|desinscrit|desabonne|baja|dado de baja"
    r"|disiscritto|cancellato|descadastrado|cancelado|afgemeld|uitgeschreven"
    r"|wypisan[ya]?|wycofana|avregistrerad|avprenumererad|afmeldt|frameldt)"
)

_STILL_SUBSCRIBED = re.compile(
    r"(?:not|nicht|non|pas|no|nao|niet) (?:un ?subscribed|opted ?out|abgemeldet|desinscrit|desabonne"
    r"|disiscritto|dado de baja|descadastrado|afgemeld|uitgeschreven)"
    r"|(?:still |re ?)?subscribed|opted ?in|opt in|angemeldet|abonniert|inscrit|abonne|iscritto|suscrito"
    r"|inscrito"
)


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
    return (
        isinstance(value, str)
        and _OPTED_OUT_VALUES.fullmatch(without_accents(plain_label(value))) is not None
    )


def opted_out(value: object) -> bool:
    """Return what a value under an opt-out label means: anything but a clear no is a yes.

    A clear no is also the word for somebody who is still subscribed.
    """
    if isinstance(value, list | tuple):
        return any(map(opted_out, value))
    if isinstance(value, str) and _STILL_SUBSCRIBED.fullmatch(without_accents(plain_label(value))):
        return False
    return yes_or_no(value) is not False
