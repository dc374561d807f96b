"""The answers that a vendor's examples give: a request that equals that of an example is answered as in it.

Pure. The examples are also what a vendor without `stub.yaml` answers to anything else: nobody found, or an
error, in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.integrations.examples import ProviderExample, VendorAnswer
from shared.integrations.provider_preset import AskSubject

_UNCOMPARED: Final = frozenset({"reference", "roles"})
"""What Baton makes up itself for every request, and what it says in the vendor's words."""
_FOUND: Final = frozenset({"match", "partial"})


class ExampleAnswer(Struct, frozen=True):
    """An answer of an example, ready to send."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any = None


class Example(Struct, frozen=True):
    """An example of one ask: its questions, and its answers in turn; `cost` and `matched` are of the last."""

    questions: tuple[Mapping[str, str], ...]
    answers: tuple[ExampleAnswer, ...]
    cost: int
    matched: bool
    outcomes: frozenset[str]

    def equals(self, asked: Sequence[Mapping[str, str]]) -> bool:
        """Return whether these questions are those of the example, as far as a request tells."""
        if len(asked) != len(self.questions):
            return False
        pairs = [
            (asked_one.get(name), value)
            for own, asked_one in zip(self.questions, asked, strict=True)
            for name, value in own.items()
            if name not in _UNCOMPARED and name in asked_one
        ]
        is_complete = all(
            any(name in asked_one for name in own)
            for own, asked_one in zip(self.questions, asked, strict=True)
        )
        return is_complete and all(is_asked == value for is_asked, value in pairs)

    def references(self, asked: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """Return the references of the example's questions by those of a request's, where both have one."""
        return {
            own["reference"]: asked_one["reference"]
            for own, asked_one in zip(self.questions, asked, strict=True)
            if "reference" in own and "reference" in asked_one
        }


def example_of(example: ProviderExample) -> Example:
    """Return an example of a folder in the form that is compared and sent."""
    questions = example.questions or ((example.question,) if example.question else ())
    answers = example.answers or ((example.answer,) if example.answer else ())
    return Example(
        questions=tuple(
            with_full_name({name: str(value) for name, value in one.items()}) for one in questions
        ),
        answers=tuple(answer_of(one) for one in answers),
        cost=sum(expected.cost or 0 for expected in example.expect),
        matched=any(expected.outcome in _FOUND for expected in example.expect),
        outcomes=frozenset(expected.outcome for expected in example.expect),
    )


def with_full_name(question: dict[str, str]) -> dict[str, str]:
    """Return a question with the whole name of a person whose name it has in parts."""
    names = [question[name] for name in ("first_name", "last_name") if name in question]
    return {**question, "full_name": " ".join(names)} if names else question


def answer_of(answer: VendorAnswer) -> ExampleAnswer:
    """Return an answer of an example, encoded."""
    body = answer.body.encode() if answer.body is not None else msgspec.json.encode(answer.json_)
    return ExampleAnswer(
        answer.status, answer.headers, body, msgspec.json.decode(msgspec.json.encode(answer.json_))
    )


def replaced(value: Any, references: Mapping[str, str]) -> Any:
    """Return a JSON value with the texts that are references replaced."""
    if isinstance(value, str):
        return references.get(value, value)
    if isinstance(value, Mapping):
        return {name: replaced(member, references) for name, member in value.items()}
    return [replaced(member, references) for member in value] if isinstance(value, list | tuple) else value


class ExampleBook:
    """The examples of a vendor by what is asked."""

    def __init__(self, examples: Sequence[ProviderExample]) -> None:
        self._by_subject: dict[AskSubject, list[Example]] = {}
        for example in examples:
            self._by_subject.setdefault(example.ask, []).append(example_of(example))

    def find(self, subjects: Sequence[AskSubject], asked: Sequence[Mapping[str, str]]) -> Example | None:
        """Return the example whose question a request equals; None when there is none."""
        candidates = (one for subject in subjects for one in self._by_subject.get(subject, ()))
        return next((one for one in candidates if one.equals(asked)), None)

    def showing(self, outcome: str, subject: AskSubject | None = None) -> ExampleAnswer | None:
        """Return how the vendor says an outcome, about a subject or any; None when no example shows it."""
        wanted = self._by_subject.values() if subject is None else [self._by_subject.get(subject, [])]
        return next(
            (
                one.answers[-1]
                for examples in wanted
                for one in examples
                if one.outcomes == {outcome} and one.answers
            ),
            None,
        )

    def with_status(self, status: int) -> ExampleAnswer | None:
        """Return how the vendor reports an error status; None when no example shows it."""
        answers = (
            answer for examples in self._by_subject.values() for one in examples for answer in one.answers
        )
        return next((answer for answer in answers if answer.status == status), None)
