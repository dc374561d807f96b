"""What a preview says of a form: labels that are not known, and values that cannot be used as they are meant."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.domain.form_preview import reading_warnings, unmapped_labels
from services.gateway.domain.forms import read_form
from services.gateway.domain.sources import HookSource

SOURCE = HookSource("website", fields={"colour": "answers.favourite"})


@pytest.mark.parametrize(
    ("form", "unmapped", "warnings"),
    [
        ({"email": "a@b.example", "Budget": "50k"}, ["budget"], []),
        ({"email": "a@b.example", "colour": "red"}, ["favourite"], []),
        (
            {"email": "a@b.example", "Company size": "many"},
            [],
            ["company size: 'many' cannot be used as company.employees, and is kept as an answer"],
        ),
        ({"phone": "+49 30 901820"}, [], ["There is no e-mail address of the person"]),
    ],
)
def test_a_preview_says_what_is_not_used_as_it_is_meant(
    form: dict[str, Any], unmapped: list[str], warnings: list[str]
):
    lead = read_form(form, SOURCE)
    assert (unmapped_labels(lead, SOURCE), reading_warnings(lead, SOURCE)) == (unmapped, warnings)
