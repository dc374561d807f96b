"""The seniority and the department that a job title states, read from tables of words in several languages.

`None` where the title states neither: a missing field is correct and may be bought, a guess would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Final, Literal

from shared.lead.normalise.text import fold, lexicon_of, meanings_in, single_line

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
"""Longer titles are cut here before they are read."""

_CACHED_TITLES_MAX: Final = 8_192
_BREAKS = re.compile("[,;|/():\u2013\u2014]|\\s-+\\s")
_WORDS = re.compile(r"[^\W_]+|,")

# Highest first. The row "" has phrases that state no level although one of their words alone would.
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
_SENIORITY_LEXICON: Final = lexicon_of(_SENIORITY_PHRASES)
_DEPARTMENT_LEXICON: Final = lexicon_of(_DEPARTMENT_PHRASES)


def seniority(title: str | None) -> Seniority | None:
    """Return the level that a title states, the highest when it states several; `None` when it states none.

    Conventions: `Head of` is a director, `Chief X` without `Officer` too; `Lead X` is an experienced person
    (senior), any other `Lead` leads people (manager); an intern is entry, not a student; an assistant is
    entry, whomever they assist; a student in a leading role counts by the role.
    """
    return _seniority(single_line(title, TITLE_LENGTH_MAX))


def department(title: str | None) -> Department | None:
    """Return the first department that a title names; `other` for a role outside of all of them."""
    return _department(single_line(title, TITLE_LENGTH_MAX))


@lru_cache(maxsize=_CACHED_TITLES_MAX)
def _seniority(title: str) -> Seniority | None:
    words = _title_words(title)
    head = list(takewhile(lambda word: word not in _HEAD_ENDS, words))
    if head[-1:] == ["assistant"]:
        return "entry"
    stated = {*meanings_in(words, _SENIORITY_LEXICON), *levels_by_position(words, head)}
    rank = next((rank for rank in _RANKS if rank in stated), None)
    if rank in {None, "senior", "entry"} and is_student(words, head):
        return "student"
    return rank


def levels_by_position(words: Sequence[str], head: Sequence[str]) -> Iterator[Seniority]:
    """Yield the levels of words whose position in the title decides what they mean."""
    if "chief" in words and "officer" in words[words.index("chief") :]:
        yield "cxo"
    if list(words) == ["partner"]:
        yield "cxo"
    for word in words:
        if word.endswith(("leiter", "leiterin")):  # German compounds: Vertriebsleiter
            yield "manager" if word.startswith(("team", "projekt")) else "director"
    for at, word in enumerate(words):
        if word == "lead" and words[at + 1 : at + 2] not in (["generation"], ["gen"], ["management"]):
            yield "senior" if at == 0 and len(head) > 1 else "manager"


def is_student(words: Sequence[str], head: Sequence[str]) -> bool:
    """Return whether a title is that of a student; `head` is the part of its words that names the role."""
    candidate = head[-1:] == ["candidate"] and not _DEGREES.isdisjoint(head[-2:])
    return candidate or not _STUDENTS.isdisjoint(head[-1:]) or not _STUDENTS_ANYWHERE.isdisjoint(words)


@lru_cache(maxsize=_CACHED_TITLES_MAX)
def _department(title: str) -> Department | None:
    found: list[Department] = list(meanings_in(_title_words(title), _DEPARTMENT_LEXICON))  # type: ignore[arg-type]
    return next((name for name in found if name != "other"), found[0] if found else None)


def _title_words(title: str) -> list[str]:
    """Return the words of the person's own title, up to an employer or another person's title.

    A break between parts of the title (`;`, `/`, ` - `) is the word `,`.
    """
    folded = _BREAKS.sub(" , ", fold(title)).replace("@", " at ")
    words = [word for word in _WORDS.findall(folded) if word != "the"]
    return list(takewhile(lambda word: word not in _TITLE_ENDS, words))
