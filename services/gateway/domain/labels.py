"""Common labels of form fields, and the fields of a lead that they stand for. Pure.

A label is known under all its spellings (`plain_label`), with the name of its form around it
(`form_fields[email]`, `wpcf7-email`), with a number (`email-1`) and as a question ("What is your e-mail?"),
in the languages of `label_dictionary`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.gateway.domain.label_dictionary import FIELD_OF, pattern_of, words_of
from shared.lead.normalise.labels import LABEL_LENGTH_MAX, plain_label
from shared.lead.normalise.text import without_accents

_INTERESTS: Final = words_of("interest")
"""Labels of the answer `interest`, which the policy reads."""

_WHOLE_NAME: Final = words_of("whole_name")

# Words around the label proper: of persons, of forms and plug-ins, and those that say nothing of their own.
_PERSONAL: Final = words_of("person_words")
_OF_FORMS: Final = words_of("form_words")
_TECHNICAL: Final = words_of("technical_words")
_SAYING_NOTHING: Final = words_of("filler_words")
_AMBIGUOUS: Final = words_of("ambiguous")
"""Labels that mean something else beside the name of anything but a person or a form: `product[name]`."""
_THINGS: Final = words_of("things")
"""Words of forms that, with a dot after them, may be things that have a name themselves: `form.name`."""
_OTHERS: Final = words_of("other_people")
"""Words that make a contact detail somebody else's: `billing contact's e-mail`."""
_EMAIL_WORDS: Final = pattern_of("email_words")
_OF_SOMEBODY: Final = ("person.", "company.")
_NUMBERED = re.compile(r"(?:[a-z]?\d+)|[a-z](?=\Z)")
_TRAILING_DIGITS = re.compile(r"(?<=\D)\d{1,4}\Z")
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")
_PART_OF_NAME = re.compile(r"\bname ?\d{0,4} (first|last)\Z")
_SEGMENTS = re.compile(r"[$.:/]|__")


def field_of(label: str) -> str | None:
    """Return the field of a lead that a label stands for, None when it is not known."""
    label = label[:LABEL_LENGTH_MAX]
    whole, *others = _readings(label)
    if whole in FIELD_OF:
        return FIELD_OF[whole]
    fields = [FIELD_OF[words] for words in others if words in FIELD_OF]
    if is_somebody_elses(label):
        fields = [field for field in fields if not field.startswith(_OF_SOMEBODY)]
    return fields[0] if fields else None


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


def may_be_whole_name(label: str) -> bool:
    """Tell whether a label that asks for a part of a name may mean all of it, as `Nombre` in Spanish."""
    return any(words in _WHOLE_NAME for words in _readings(label[:LABEL_LENGTH_MAX]))


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
    if not whole:
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
    """Yield words without what stands around them: the fewer are left out the earlier, first those behind."""
    words = plain.split()
    if words and words[-1] not in FIELD_OF:
        words[-1] = _TRAILING_DIGITS.sub("", words[-1])
    before = next((index for index, word in enumerate(words) if not _is_around(word)), len(words))
    behind = next((index for index, word in enumerate(words[::-1]) if not _is_around(word)), len(words))
    for dropped in range(len(words) or 1):
        for start in range(max(0, dropped - behind), min(before, dropped) + 1):
            yield " ".join(words[start : len(words) - dropped + start])


def _is_of_a_person(label: str, around: list[str]) -> bool:
    """Tell whether a name, a title or a size with these words around it is that of the person or company."""
    significant = [word for word in around if word not in _SAYING_NOTHING and not _NUMBERED.fullmatch(word)]
    if not significant or not _PERSONAL.isdisjoint(significant):
        return all(map(_is_around, significant))
    if _TECHNICAL.issuperset(significant):
        return True
    if "[" in label:
        return any(map(_is_of_forms, significant)) and _THINGS.isdisjoint({*significant} - {"form"})
    return "." in label and all(map(_is_of_forms, significant)) and _THINGS.isdisjoint(significant)


def _is_around(word: str) -> bool:
    return (
        word in _PERSONAL
        or word in _SAYING_NOTHING
        or _is_of_forms(word)
        or _NUMBERED.fullmatch(word) is not None
    )


def _is_of_forms(word: str) -> bool:
    return word in _OF_FORMS or word.endswith(("form", "forms", "field", "fields"))
