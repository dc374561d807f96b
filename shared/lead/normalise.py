"""What the fields of a policy mean, read from what people type: title, country, names, message.

Pure functions over tables. Each takes any text, bounded, never raises, and says `None` where it cannot
tell: a missing field is honest, and may be bought; a guess would be neither.
"""

from __future__ import annotations

import gettext
import re
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile
from typing import Final, Literal

Seniority = Literal["cxo", "vp", "director", "manager", "senior", "entry", "student"]
Department = Literal[
    "sales",
    "marketing",
    "finance",
    "it",
    "engineering",
    "product",
    "operations",
    "hr",
    "legal",
    "procurement",
    "partnerships",
    "other",
]

TITLE_LENGTH_MAX: Final = 200
NAME_LENGTH_MAX: Final = 200
COUNTRY_LENGTH_MAX: Final = 80
MESSAGE_LENGTH_MAX: Final = 10_000
"""Longer texts are cut here before they are read."""

_Lexicon = Mapping[tuple[str, ...], str]

# Text

_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_INITIALS = re.compile(r"\b[a-z](?:\.[a-z])+\b\.?")
_APOSTROPHES = re.compile("['\u2019`]")
_BREAKS = re.compile("[,;|/():\u2013\u2014]|\\s-+\\s")
_WORDS = re.compile(r"[^\W_]+|,")


def _collapse(text: str | None, length_max: int) -> str:
    """Return the text on one line: no control characters, no space around it, single spaces inside."""
    if not text:
        return ""
    cut = text[:length_max]
    return " ".join((cut if cut.isprintable() else _UNREADABLE.sub(" ", cut)).split())


def _fold(text: str) -> str:
    """Return the text without case and accents, `V.P.` as `vp` and `&` as `and`: for comparison only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    joined = _INITIALS.sub(lambda match: match[0].replace(".", ""), _APOSTROPHES.sub("", bare))
    return joined.replace("&", " and ")


def _phrases(spec: Mapping[str, str]) -> _Lexicon:
    """Turn `{meaning: "phrase, phrase, …"}` into `{words of the phrase: meaning}`."""
    return {tuple(phrase.split()): meaning for meaning, row in spec.items() for phrase in row.split(",")}


def _hits(words: Sequence[str], lexicon: _Lexicon) -> Iterator[str]:
    """Yield what the phrases in `words` mean, in order; a longer phrase hides the shorter ones inside."""
    at = 0
    while at < len(words):
        for length in (3, 2, 1):
            meaning = lexicon.get(tuple(words[at : at + length]))
            if meaning is not None:
                yield meaning
                at += length - 1
                break
        at += 1


# Titles

# Highest first. The row "" holds phrases that say nothing and hide a word that would.
_RANKS: Final[tuple[Seniority, ...]] = ("cxo", "vp", "director", "manager", "senior", "entry")
_SENIORITY_PHRASES: Final[Mapping[str, str]] = {
    "cxo": "ceo,cfo,coo,cto,cmo,cio,ciso,cso,cro,cpo,chro,cdo,cco,clo,cao,cxo,chief executive,president,"
    "founder,cofounder,owner,proprietor,chairman,chairwoman,chairperson,managing director,managing partner,"
    "founding partner,general partner,senior partner,equity partner,executive chair,entrepreneur,"
    "geschaftsfuhrer,geschaftsfuhrerin,inhaber,inhaberin,grunder,grunderin,vorstand,pdg,gerant,fondateur,"
    "fondatrice,directeur general,directrice generale,director general,directora general,fundador,fundadora,"
    "amministratore delegato",
    "vp": "vp,svp,evp,avp,rvp,gvp,vice president,vicepresident,vice presidente,vizeprasident,general counsel",
    "director": "director,dir,head,chief,chief of staff,general manager,gm,direktor,direktorin,directeur,"
    "directrice,directora,direttore",
    "manager": "manager,mgr,mngr,supervisor,controller,comptroller,superintendent,product owner,team leader,"
    "responsable,gerente,foreman,forewoman",
    "senior": "senior,sr,snr,principal,expert,fellow,staff engineer,staff software engineer,staff scientist,"
    "staff developer,staff designer,architect",
    "entry": "junior,jr,jnr,intern,internship,trainee,apprentice,graduate,associate,assistant,coordinator,"
    "clerk,receptionist,entry level,sdr,bdr,sales development representative,praktikant,praktikantin,"
    "azubi,stagiaire,becario",
    "": "process owner,service owner,data owner,content owner,lead generation,lead gen,lead management",
}
_STUDENTS: Final = frozenset({"student", "students", "undergraduate", "undergrad", "schuler", "alumnus"})
_STUDENTS_ANYWHERE: Final = frozenset({"werkstudent", "werkstudentin", "studentin", "etudiant", "estudiante"})
_DEGREES: Final = frozenset({"phd", "doctoral", "mba", "msc", "master", "masters", "bachelor"})
_HEAD_ENDS: Final = frozenset({",", "of", "for", "in", "and"})
# What follows is an employer or somebody else's title: "VP Sales at Owner.com", "Assistant to the CEO".
_TITLE_ENDS: Final = frozenset({"at", "to", "bei", "chez"})

# The first department named wins; "other" only where no other is named.
_DEPARTMENT_PHRASES: Final[Mapping[str, str]] = {
    "sales": "sales,sale,presales,revenue,revops,salesops,account executive,account manager,account director,"
    "ae,sdr,bdr,cro,business development,biz dev,bizdev,commercial,sales engineer,software sales,vertrieb,"
    "verkauf,vertriebsleiter,vertriebsleiterin,ventes,ventas,vendite,key account",
    "marketing": "marketing,cmo,growth,demand generation,demand gen,lead generation,lead gen,brand,content,"
    "communications,communication,comms,public relations,pr,seo,sem,social media,advertising,events,"
    "product marketing,mktg",
    "finance": "finance,financial,cfo,accounting,accountant,accounts payable,accounts receivable,controller,"
    "comptroller,controlling,treasurer,treasury,fp and a,audit,auditor,tax,payroll,billing,bookkeeper,finops,"
    "finanzen,finanz,buchhaltung,comptable,finanzas",
    "it": "it,cio,ciso,information technology,information systems,information security,infosec,cybersecurity,"
    "security,technology,helpdesk,help desk,sysadmin,system administrator,systems administrator,network,"
    "infrastructure,cdo,chief data,chief digital officer,salesforce,erp",
    "engineering": "engineering,engineer,cto,chief technology officer,chief technical officer,developer,"
    "development,software,devops,sre,architect,technical,programmer,data scientist,data science,"
    "data engineer,data engineering,machine learning,r and d,rnd,entwicklung,entwickler,entwicklerin,qa",
    "product": "product,products,cpo,product manager,product owner,ux,ui,designer,produkt",
    "operations": "operations,operation,ops,coo,bizops,logistics,supply chain,manufacturing,production,plant,"
    "facilities,warehouse,fulfillment,betrieb,logistik",
    "hr": "hr,human resources,human resource,chro,people,people operations,people ops,talent,recruiter,"
    "recruiting,recruitment,hr business partner,personalleiter,personalleiterin,personalabteilung,rh,rrhh",
    "legal": "legal,counsel,attorney,lawyer,solicitor,paralegal,compliance,privacy,dpo,clo,general counsel,"
    "recht,juridique",
    "procurement": "procurement,purchasing,purchaser,buyer,sourcing,vendor management,einkauf,einkaufer,"
    "einkaufsleiter,einkauferin,achats,compras,chief procurement officer",
    "partnerships": "partnerships,partnership,partner manager,partner sales,partner marketing,alliances,"
    "alliance,channel,channel sales,strategic partner,ecosystem",
    "other": "ceo,chief executive,president,founder,cofounder,owner,proprietor,chairman,chairwoman,"
    "managing director,managing partner,general manager,customer success,customer support,customer service,"
    "customer experience,support,csm,research,researcher,consultant,professor,teacher,student,medical,nurse,"
    "physician,clinical,executive assistant,personal assistant,chief of staff,geschaftsfuhrer",
}


@cache
def _seniority_lexicon() -> _Lexicon:
    return _phrases(_SENIORITY_PHRASES)


@cache
def _department_lexicon() -> _Lexicon:
    return _phrases(_DEPARTMENT_PHRASES)


def seniority(title: str | None) -> Seniority | None:
    """Return the level that a title states, the highest when it states several; `None` when it states none.

    By decision: `Head of` is a director, `Chief X` without `Officer` too; `Lead X` is an experienced one
    (senior), any other `Lead` leads people (manager); an intern is entry, not a student; who only assists
    somebody is entry, whatever that somebody is; a student who holds a leading role is no student.
    """
    return _seniority(_collapse(title, TITLE_LENGTH_MAX))


def department(title: str | None) -> Department | None:
    """Return the first department that a title names; `other` for a role outside of all of them."""
    return _department(_collapse(title, TITLE_LENGTH_MAX))


@lru_cache(maxsize=8_192)
def _seniority(title: str) -> Seniority | None:
    words = _title_words(title)
    head = list(takewhile(lambda word: word not in _HEAD_ENDS, words))
    if head[-1:] == ["assistant"]:
        return "entry"
    stated = set(_hits(words, _seniority_lexicon())) | set(_stated_by_place(words, head))
    rank = next((rank for rank in _RANKS if rank in stated), None)
    if rank in {None, "senior", "entry"} and _is_student(words, head):
        return "student"
    return rank


def _stated_by_place(words: Sequence[str], head: Sequence[str]) -> Iterator[Seniority]:
    """Yield the levels of words whose place in the title decides what they mean."""
    if "chief" in words and "officer" in words[words.index("chief") :]:
        yield "cxo"
    if list(words) == ["partner"]:
        yield "cxo"
    for word in words:
        if word.endswith(("leiter", "leiterin")):  # German writes it in one word: Vertriebsleiter
            yield "manager" if word.startswith(("team", "projekt")) else "director"
    for at, word in enumerate(words):
        if word == "lead" and words[at + 1 : at + 2] not in (["generation"], ["gen"], ["management"]):
            yield "senior" if at == 0 and len(head) > 1 else "manager"


def _is_student(words: Sequence[str], head: Sequence[str]) -> bool:
    last_two = set(head[-2:])
    candidate = head[-1:] == ["candidate"] and bool(last_two & _DEGREES)
    return candidate or bool(_STUDENTS & set(head[-1:])) or bool(_STUDENTS_ANYWHERE & set(words))


@lru_cache(maxsize=8_192)
def _department(title: str) -> Department | None:
    found: list[Department] = list(_hits(_title_words(title), _department_lexicon()))  # type: ignore[arg-type]
    return next((name for name in found if name != "other"), found[0] if found else None)


def _title_words(title: str) -> list[str]:
    """Return the words of the person's own title; a break between its parts is a comma."""
    folded = _BREAKS.sub(" , ", _fold(title)).replace("@", " at ")
    words = [word for word in _WORDS.findall(folded) if word != "the"]
    return list(takewhile(lambda word: word not in _TITLE_ENDS, words))


# Countries

_COUNTRY_ALIASES: Final[Mapping[str, str]] = {
    "AE": "uae,emirates",
    "BA": "bosnia",
    "CD": "drc,dr congo,congo kinshasa,democratic republic of congo",
    "CG": "congo brazzaville",
    "CI": "ivory coast",
    "CN": "prc,mainland china,peoples republic of china",
    "CV": "cape verde",
    "CZ": "czech",
    "GB": "uk,britain,great britain,england,scotland,wales,northern ireland",
    "GR": "el",
    "HK": "hong kong sar",
    "IE": "republic of ireland,eire",
    "KR": "korea,republic of korea",
    "MK": "macedonia",
    "MM": "burma",
    "MO": "macau",
    "NL": "holland",
    "PS": "palestine",
    "RU": "russia",
    "SZ": "swaziland",
    "TL": "east timor",
    "TR": "turkey,turkiye",
    "US": "america,united states of america,us of a,estados unidos de america,vereinigte staaten von amerika",
    "VA": "vatican,vatican city",
    "XK": "xk,xkx,kosovo",
}
_COUNTRY_LANGUAGES: Final = "de fr es it pt nl pl sv da nb fi cs tr ja zh_CN"


def country_code(text: str | None) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country given by name, code or common alias.

    Names are known in English and in the languages of the larger markets.
    """
    return _country(_collapse(text, COUNTRY_LENGTH_MAX)) if text else None


@lru_cache(maxsize=4_096)
def _country(text: str) -> str | None:
    key = _country_key(text)
    return _countries().get(key) if key else None


def _country_key(text: str) -> str:
    words = _WORDS.findall(_fold(text.replace(",", " ")))
    return " ".join("saint" if word == "st" else word for word in words if word != "the")


@cache
def _countries() -> Mapping[str, str]:
    """Return names and codes as `_country_key` gives them; what two countries claim is nobody's.

    Surer names win: codes and English names, then our aliases, then names in other languages.
    """
    import pycountry  # 70 ms, only where countries are read

    english: dict[str, set[str]] = {}
    foreign: dict[str, set[str]] = {}
    translations = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
        for language in _COUNTRY_LANGUAGES.split()
    ]
    for country in pycountry.countries:
        kinds = ("name", "common_name", "official_name")
        names = [str(getattr(country, kind)) for kind in kinds if hasattr(country, kind)]
        for name in (*names, country.alpha_2, country.alpha_3):
            english.setdefault(_country_key(name), set()).add(country.alpha_2)
        for name in names:
            for claimed in (name.partition(",")[0], *(catalogue.gettext(name) for catalogue in translations)):
                foreign.setdefault(_country_key(claimed), set()).add(country.alpha_2)
    aliases = {name: {code} for code, row in _COUNTRY_ALIASES.items() for name in row.split(",")}
    known = foreign | aliases | english
    return {name: next(iter(codes)) for name, codes in known.items() if len(codes) == 1}


# Names

_LEGAL_FORMS: Final = """
    ab ag aps as asa bv bvba co company corp corporation cv eeig ehf ek eurl ev foundation gbr gesmbh gmbh
    holding holdings inc incorporated kft kg kgaa kk limited llc llp lp ltd ltda mbh nv og ohg oy oyj plc
    pllc private pte pty pvt sa sab sarl sas sasu sca scs se sl slu snc sp spa spk sro srl srls ug z oo
"""
_PARTICLES: Final = "da das de del della den der di do dos du el la le ten ter van von zu zum zur"


def company_name(text: str | None) -> str | None:
    """Return a company's name as it is shown: one line, single spaces; `None` when there is none."""
    return _collapse(text, NAME_LENGTH_MAX) or None


def company_key(text: str | None) -> str | None:
    """Return what two spellings of a company's name share: no case, accents, punctuation or legal form."""
    words = re.findall(r"[^\W_]+", _fold(_collapse(text, NAME_LENGTH_MAX)))
    words = words[1:] if words[:1] == ["the"] and len(words) > 1 else words
    while len(words) > 1 and words[-1] in _legal_forms():
        words.pop()
        words = words[:-1] if len(words) > 1 and words[-1] == "and" else words
    return " ".join(words) or None


def person_name(text: str | None) -> str | None:
    """Return a person's name, one line; a name all in one case gets the usual capitals (`van` stays)."""
    name = _collapse(text, NAME_LENGTH_MAX)
    if len(name) > 2 and (name.islower() or name.isupper()):
        *before, last = name.split(" ")
        name = " ".join([_particle_or_name(word) for word in before] + [_capitalised(last)])
    return name or None


def _particle_or_name(word: str) -> str:
    return word.lower() if word.lower() in _particles() else _capitalised(word)


def _capitalised(word: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word)


@cache
def _particles() -> frozenset[str]:
    return frozenset(_PARTICLES.split())


@cache
def _legal_forms() -> frozenset[str]:
    return frozenset(_LEGAL_FORMS.split())


# Spam

_SPAM_PHRASES: Final = """
    seo service,seo expert,seo package,backlink,guest post,link building,first page of google,
    rank your website,rank on google,increase your traffic,website traffic,domain authority,
    web design service,casino,viagra,cialis,payday loan,make money,earn money,work from home,forex,
    crypto investment,bitcoin investment,double your,100% free,act now,escort,adult dating,nigerian prince,
    lottery,email list for sale,buy followers,unsubscribe here
"""
_MARKUP = re.compile(r"<a\s|\[url|\[link|href\s*=")
_NAME_OUTSIDERS = re.compile(r"https?:|www\.|://|[<>@\[\]{}]|\d{3}")
_UPPER, _LOWER = string.ascii_uppercase.encode(), string.ascii_lowercase.encode()
_SHOUTED_LETTERS_MIN: Final = 30
_KEYBOARD_RUNS: Final = ("qwert", "asdf", "zxcv", "hjkl", "qazwsx")
# Long for a reason: "Knightsbridge" has six consonants in a row, "Hirschsprung" seven.
_CONSONANT_RUN = re.compile(r"[bcdfghjklmnpqrstvwxz]{8}")
_VOWELLESS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}")
_CASE_FLIP = re.compile(r"[a-z][A-Z]")


@dataclass(frozen=True, slots=True)
class SpamReason:
    """One rule that a text broke, and the points it gave."""

    rule: str
    points: int


@dataclass(frozen=True, slots=True)
class SpamScore:
    """How much a form looks like spam, 0 to 100: the sum of its reasons, at most 100."""

    score: int
    reasons: tuple[SpamReason, ...]


def spam_score(
    message: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
) -> SpamScore:
    """Return how much a form looks like spam, with the rules it broke, in a fixed order.

    No single sign of a message gives the 80 points at which the default policy suppresses.
    """
    text = _collapse(message, MESSAGE_LENGTH_MAX)
    lowered = text.lower()
    names = [_collapse(name, NAME_LENGTH_MAX) for name in (first_name, last_name)]
    points = {
        "links": _points_of_links(lowered),
        "markup": 50 if _MARKUP.search(lowered) else 0,
        "phrases": min(75, 35 * _spam_phrases_in(lowered)),
        "shouting": 20 if _is_shouting(text) else 0,
        "no_name": 60 if any(map(_NAME_OUTSIDERS.search, names)) else 0,
        "gibberish_name": 40 * sum(map(_is_gibberish, names)),
    }
    reasons = tuple([SpamReason(rule, given) for rule, given in points.items() if given])
    return SpamScore(min(100, sum(points.values())), reasons)


def _points_of_links(lowered: str) -> int:
    links = max(lowered.count("://"), lowered.count("www."))  # most links have both: count them once
    return 0 if links < 2 else min(60, 15 * links)


def _spam_phrases_in(lowered: str) -> int:
    return len([phrase for phrase in _spam_phrases() if phrase in lowered])


@cache
def _spam_phrases() -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in _SPAM_PHRASES.split(","))


def _is_shouting(text: str) -> bool:
    if len(text) < _SHOUTED_LETTERS_MIN:
        return False
    letters = text.encode("ascii", "ignore")
    upper = len(letters) - len(letters.translate(None, _UPPER))
    lower = len(letters) - len(letters.translate(None, _LOWER))
    return upper + lower >= _SHOUTED_LETTERS_MIN and upper > 3 * lower


def _is_gibberish(name: str) -> bool:
    lowered = name.lower()
    return bool(
        lowered.startswith(_KEYBOARD_RUNS)
        or _CONSONANT_RUN.search(lowered)
        or any(map(_VOWELLESS.fullmatch, lowered.split()))
        or len(_CASE_FLIP.findall(name)) >= 3
    )
