"""The labelled sentences of `tests/data/qualification`, and how well the qualification reads them.

Each sentence lists the elements that it makes known. The files of the languages were written before the patterns; the
parity of the CRC-32 of a text assigns it to the half "development", on which patterns are tuned, or to "held-out",
which has been looked at since, but is kept out of the training of the weights. All of `development.jsonl` is tuned on;
add sentences there. The sets "blind" and "blind-2" were written without sight of the patterns, and no pattern was
written and no weight learnt with sight of them: they say what to expect of new wording. Whoever tunes on one moves it
into `development.jsonl`, and has somebody else write another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.qualification.statements import (
    is_question,
    read_by_patterns,
    read_statements,
    spoken_languages,
)
from services.router.domain.qualification.tokens import tokenize
from services.router.domain.qualification.vendors import with_vendors

LANGUAGES: Final = ("en", "de", "fr", "es", "pt")
_FOLDER: Final = Path(__file__).parent.parent / "data" / "qualification"

_EXAMPLES_IMPORTANCE: Final = 10.0

Half = Literal["development", "examples", "held-out", "blind", "blind-2"]


class Sentence(Struct, frozen=True):
    """A sentence of a form's message, and the elements of qualification that it makes known.

    `first_read` are the elements that the patterns stated when they read it for the first time, None if they had
    been tuned on it.
    """

    text: str
    known: frozenset[str]
    language: str = ""
    first_read: frozenset[str] | None = None
    importance: float = 1.0


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
    if half in ("blind", "blind-2"):
        return _sentences_of(half)
    if half == "examples":
        return [replace(sentence, importance=_EXAMPLES_IMPORTANCE) for sentence in _sentences_of("examples")]
    of_languages = [
        replace(sentence, language=language) for language in LANGUAGES for sentence in _sentences_of(language)
    ]
    if half == "held-out":
        return [sentence for sentence in of_languages if _is_held_out(sentence)]
    tuned = [sentence for sentence in of_languages if not _is_held_out(sentence)]
    return tuned + _sentences_of("development")


def training_sentences() -> list[Sentence]:
    """Return the sentences that the weights are learnt from."""
    return labelled_sentences("development") + labelled_sentences("examples")


def _is_held_out(sentence: Sentence) -> bool:
    return zlib.crc32(sentence.text.encode()) % 2 == 0


def _sentences_of(name: str) -> list[Sentence]:
    decoder = msgspec.json.Decoder(Sentence)
    return [
        decoder.decode(line) for line in (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


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
    """Add the new sentences of a file to `development.jsonl`, each with what the patterns state of it now."""
    development = _FOLDER / "development.jsonl"
    lines = development.read_text(encoding="utf-8").splitlines()
    present = {json.loads(line)["text"] for line in lines}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["text"] not in present:
            tokens = with_vendors(tokenize(row["text"]))
            spoken, _ = spoken_languages(tokens)
            reading = read_by_patterns(tokens, spoken, is_question=is_question(row["text"]))
            lines.append(json.dumps(row | {"first_read": sorted(reading.stated)}, ensure_ascii=False))
    development.write_text("\n".join([*lines, ""]), encoding="utf-8")
