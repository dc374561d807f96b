"""Labelled sentences made from the templates of `tests/data/qualification/templates`, one file for each language.

A line of a file is one of these:

- `@name: one | another`: a slot and what fills it
- `budget timeline ; text`: a template and the elements that its sentences make known; `- ; text` makes nothing known.
  `[one|another|]` stands for one of its alternatives, `{name}` for one filling of the slot.

A near miss (`-`) follows the templates that it is close to. Some sentences are made of two templates, joined by a filling
of `@and`, or by one of `@but` with a near miss of another kind; some begin with an `@opening` or end with a
question of `@asks`, neither of which changes what they make known. The same files make the same sentences.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

_FOLDER: Final = Path(__file__).parent.parent / "data" / "qualification" / "templates"
_TIMES: Final = 6
"""So many sentences at most are made of a template alone."""
_JOINED: Final = 1_000
"""So many sentences of a language are made of more than one template, or have an opening or a question."""
_WORDS_MAX: Final = 26
_ALTERNATIVES: Final = re.compile(r"\[([^\]]*)\]")
_SLOT: Final = re.compile(r"\{(\w+)\}")
_ASKABLE: Final = frozenset({"need", "identify_pain", "metrics", "competition", "timeline", "budget"})
_BUYING: Final = frozenset({"budget", "authority", "economic_buyer"})
_PAINS: Final = frozenset({"need", "identify_pain"})


class Template(NamedTuple):
    """What a line of a file makes known, and its text. `near` are the elements that a near miss is close to."""

    known: frozenset[str]
    text: str
    near: frozenset[str]


class Templates(NamedTuple):
    """The slots and templates of a language."""

    slots: Mapping[str, Sequence[str]]
    templates: Sequence[Template]


def templated(language: str) -> dict[str, frozenset[str]]:
    """Return the sentences of a language, and the elements that each makes known."""
    source = _read(_FOLDER / f"{language}.txt")
    chance = random.Random(1)
    sentences: dict[str, frozenset[str]] = {}
    for template in source.templates:
        made = {_filled(template.text, source.slots, chance) for _ in range(_TIMES)}
        for text in sorted(made):
            sentences.setdefault(_as_written(text, chance), template.known)
    for text, known in _joined(source, chance):
        sentences.setdefault(text, known)
    return sentences


def _read(file: Path) -> Templates:
    slots: dict[str, Sequence[str]] = {}
    templates: list[Template] = []
    near: frozenset[str] = frozenset()
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            name, fillings = line[1:].split(":", 1)
            slots[name] = [filling.strip() for filling in fillings.split("|")]
        elif line and not line.startswith("#"):
            elements, text = line.split(" ; ", 1)
            known = frozenset(elements.split()) - {"-"}
            near = known or near
            templates.append(Template(known, text, near))
    return Templates(slots, templates)


def _filled(text: str, slots: Mapping[str, Sequence[str]], chance: random.Random) -> str:
    """Return a sentence of a template; a slot that it names twice is filled differently."""
    text = _ALTERNATIVES.sub(lambda match: chance.choice(match[1].split("|")), text)
    used: set[str] = set()

    def filling(match: re.Match[str]) -> str:
        chosen = chance.choice([word for word in slots[match[1]] if word not in used] or slots[match[1]])
        used.add(chosen)
        return chosen

    words = " ".join(_SLOT.sub(filling, text).split())
    return re.sub(r" ([,.:])", r"\1", words).rstrip(",")


def _joined(source: Templates, chance: random.Random) -> Iterator[tuple[str, frozenset[str]]]:
    slots = source.slots
    stating = [template for template in source.templates if template.known]
    missing = [
        template for template in source.templates if not template.known and not {*"?¿"} & {*template.text}
    ]
    for _ in range(_JOINED):
        first, kind = chance.choice(stating), chance.random()
        text, known = _filled(first.text, slots, chance), first.known
        if kind < 0.25:
            text = f"{chance.choice(slots['opening'])} {_within(text, slots)}"
        if kind < 0.15:
            pass
        elif kind < 0.33 and known <= _ASKABLE:
            yield _as_written(f"{text}, {chance.choice(slots['asks'])}", chance), known
            continue
        elif kind < 0.75:
            second = chance.choice(stating)
            text = f"{text}{chance.choice((' ', ', '))}{chance.choice(slots['and'])} "
            text += _within(_filled(second.text, slots, chance), slots)
            known = known | second.known
        else:
            second = chance.choice(missing)
            if any(second.near & kin and known & kin for kin in (second.near, _BUYING, _PAINS)):
                continue
            text = (
                f"{text}, {chance.choice(slots['but'])} {_within(_filled(second.text, slots, chance), slots)}"
            )
        if len(text.split()) <= _WORDS_MAX:
            yield _as_written(text, chance), known


def _within(text: str, slots: Mapping[str, Sequence[str]]) -> str:
    """Return a sentence as it goes on after other words: in lower case, if its first word is in `@lower`."""
    first = text.split(maxsplit=1)[0]
    return text[0].lower() + text[1:] if first in slots["lower"] else text


def _as_written(text: str, chance: random.Random) -> str:
    """Return a text as people write: mostly with a capital at its start and a stop at its end."""
    begun = text[0].upper() + text[1:] if chance.random() < 0.88 else text
    return begun if begun.endswith(("?", "!", ".")) or chance.random() < 0.15 else f"{begun}."
