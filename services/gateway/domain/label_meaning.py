"""All that follows from a label of a form, computed once for each label. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct

from services.gateway.domain.label_dictionary import pattern_of
from services.gateway.domain.labels import (
    answer_name,
    asks_for_email,
    field_of,
    inner_label,
    is_somebody_elses,
    may_be_whole_name,
    utm_of,
)
from services.gateway.domain.opt_outs import is_opt_out_label, is_status_label
from shared.lead.normalise.labels import answer_label, plain_label
from shared.lead.normalise.text import without_accents

_WORK: Final = pattern_of("work_words")
_PRIVATE: Final = pattern_of("private_words")


class LabelMeaning(Struct, frozen=True):
    """What a label stands for.

    `plain` and `inner` are its spellings by which a source maps it, `answer` is the label that an answer is
    kept under, `field` the field of a lead and `utm` the UTM parameter that it names. `email_rank` says how
    well it asks for the e-mail address of who fills in the form: 1 for the one at work, 4 for a private one;
    None where it does not ask for one. `may_be_whole_name`: it asks for a part of a name, or for all of it.
    """

    plain: str
    inner: str
    answer: str
    field: str | None
    utm: str | None
    is_opt_out: bool
    is_status: bool
    is_somebody_elses: bool
    email_rank: int | None
    may_be_whole_name: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether the label does not say which field of a lead it is for."""
        return (
            self.field is None
            and self.utm is None
            and not (self.is_opt_out or self.is_status or self.is_somebody_elses)
        )


@lru_cache(maxsize=4096)
def meaning_of(label: str) -> LabelMeaning:
    """Return what a label of at most `LABEL_LENGTH_MAX` characters stands for: anybody may send labels."""
    field = field_of(label)
    somebody_elses = is_somebody_elses(label)
    rank = None
    if not somebody_elses and (field == "person.email" or (field is None and asks_for_email(label))):
        plain = without_accents(plain_label(label))
        rank = 1 if _WORK.search(plain) else 4 if _PRIVATE.search(plain) else 2 if field else 3
    return LabelMeaning(
        plain=plain_label(label),
        inner=plain_label(inner_label(label)),
        answer=answer_label(answer_name(label)),
        field=field,
        utm=utm_of(label),
        is_opt_out=is_opt_out_label(label),
        is_status=is_status_label(label),
        is_somebody_elses=somebody_elses,
        email_rank=rank,
        may_be_whole_name=may_be_whole_name(label),
    )
