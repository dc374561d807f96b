"""The labelled sentences of `tests/data/qualification`, and how well the qualification reads them.

Each sentence lists the elements that it makes known. `labelled.jsonl` was written without sight of the patterns. A
sentence and its paraphrases, also in other languages, are a family; the parity of the CRC-32 of a family assigns it to
the half "training" or "held-out". Families close to a sentence of `development.jsonl` are `tuned` and for training.
Nothing is tuned or learnt on the half "held-out", and nobody reads how its sentences are read: only its figures.
`development.jsonl` is what patterns were tuned on; add sentences there. `independent` has the sentences of 22 more
authors, a file each, who had seen neither patterns nor weights; all of them are learnt from. What the patterns state of the
sentences that `templated_sentences` makes has no weight, since many of them are of one template. What happens to be held
out is not learnt from, whoever wrote it. `README.md` there has the rules of labelling.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.qualification.statements import (
    PatternReading,
    is_question,
    read_by_patterns,
    read_statements,
    spoken_languages,
)
from services.router.domain.qualification.tokens import tokenize
from services.router.domain.qualification.vendors import with_vendors
from tests.support.templated_sentences import templated

LANGUAGES: Final = ("en", "de", "fr", "es", "pt")
AUTHORS: Final = tuple("abcdefghijklmnopqrstuv")
LATE_AUTHORS: Final = AUTHORS[AUTHORS.index("g") :]
"""Those who wrote when all patterns, templates and development sentences were there."""
_FOLDER: Final = Path(__file__).parent.parent / "data" / "qualification"

_EXAMPLES_IMPORTANCE: Final = 15.0

Half = Literal["training", "held-out"]
_TUNED: Final = "tuned"


class Sentence(Struct, frozen=True):
    """A sentence of a form's message, and the elements of qualification that it makes known.

    `first_read` are the elements that the patterns stated when they read it for the first time, None if they had
    been tuned on it. `author` is one of `AUTHORS`, empty for other sentences.
    """

    text: str
    known: frozenset[str]
    language: str = ""
    first_read: frozenset[str] | None = None
    family: str = _TUNED
    author: str = ""
    importance: float = 1.0

    @property
    def is_untuned(self) -> bool:
        """Whether no pattern had been tuned on it, or on one that says much the same, when it was written."""
        return self.family != _TUNED


class Accuracy(Struct, frozen=True):
    """How many elements were found rightly, were found wrongly, and were missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}, recall {self.recall:.3f} ({self.right + self.missed})"


def labelled_sentences(half: Half) -> list[Sentence]:
    """Return a half of the sentences that no pattern had been tuned on when they were written."""
    wanted = 0 if half == "held-out" else 1
    return [
        sentence
        for sentence in _sentences_of("labelled")
        if sentence.is_untuned and int(sentence.family, 16) % 2 == wanted
    ]


def development_sentences() -> list[Sentence]:
    """Return the sentences that patterns were tuned on, and those that say much the same."""
    close = [sentence for sentence in _sentences_of("labelled") if not sentence.is_untuned]
    return _sentences_of("development") + close


def independent_sentences(author: str) -> list[Sentence]:
    """Return the sentences of one of the `AUTHORS` who wrote for training only."""
    return [replace(sentence, author=author) for sentence in _sentences_of(f"independent/{author}")]


def variant_sentences() -> list[Sentence]:
    """Return the examples of the docs as other people would write them, from which nothing is learnt."""
    return _sentences_of("variants")


def training_sentences() -> list[Sentence]:
    """Return the sentences that the weights are learnt from."""
    held_out = {_folded(sentence.text) for sentence in labelled_sentences("held-out")}
    independent = [sentence for author in AUTHORS for sentence in independent_sentences(author)]
    made = [Sentence(text, known, name) for name in LANGUAGES for text, known in templated(name).items()]
    new = [sentence for sentence in independent + made if _folded(sentence.text) not in held_out]
    examples = [replace(sentence, importance=_EXAMPLES_IMPORTANCE) for sentence in _sentences_of("examples")]
    return labelled_sentences("training") + development_sentences() + new + examples


def _folded(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, accents and stops, by which a sentence is known again."""
    return tuple(token.folded for token in tokenize(text) if token.kind != "stop")


def _sentences_of(name: str) -> list[Sentence]:
    decoder = msgspec.json.Decoder(Sentence)
    return [
        decoder.decode(line) for line in (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def pattern_reading(text: str) -> PatternReading:
    """Return what the patterns find in a sentence by itself, and its parts to be weighed."""
    tokens = with_vendors(tokenize(text))
    spoken, _ = spoken_languages(tokens)
    return read_by_patterns(tokens, spoken, is_question=is_question(text))


def read(sentences: Iterable[Sentence]) -> Mapping[Sentence, frozenset[str]]:
    """Return the elements that are found in each sentence by itself."""
    return {sentence: frozenset(read_statements(sentence.text).known) for sentence in sentences}


def accuracy(found: Mapping[Sentence, frozenset[str]], element: str | None = None) -> Accuracy:
    """Return the accuracy over all elements, or of one."""
    right = wrong = missed = 0
    for sentence, elements in found.items():
        asked = elements | sentence.known if element is None else {element}
        right += len(asked & elements & sentence.known)
        wrong += len(asked & elements - sentence.known)
        missed += len(asked & sentence.known - elements)
    return Accuracy(right, wrong, missed)


def add_sentences(file: Path) -> None:
    """Add the new sentences of a file to `development.jsonl`, each with what the patterns state of it now.

    Those that are in `labelled.jsonl` are left out.
    """
    development = _FOLDER / "development.jsonl"
    lines = development.read_text(encoding="utf-8").splitlines()
    present = {json.loads(line)["text"] for line in lines}
    present |= {sentence.text for sentence in _sentences_of("labelled")}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["text"] not in present:
            stated = sorted(pattern_reading(row["text"]).stated)
            lines.append(json.dumps(row | {"first_read": stated}, ensure_ascii=False))
    development.write_text("\n".join([*lines, ""]), encoding="utf-8")
