"""What is known of a lead by BANT or MEDDPICC, read from the buyer's words in five languages.

`elements` decides the state of each element; `statements` reads sentences, `answers` form answers and notes,
`facts` what enrichment and activities suggest. `language` reads `languages/*.toml`: `patterns` compiles them,
`sentence_rules` and `phrases` find what they mean in a sentence. `classifier` weighs what they state together
with the `features` of the sentence, among them its `word_clusters`, by the files of `weights`.
"""

from services.router.domain.qualification.elements import (
    Denial,
    elements_missing,
    elements_noted,
    qualify,
    questions_to_ask,
)
from services.router.domain.qualification.tokens import answer_text, split_sentences

__all__ = [
    "Denial",
    "answer_text",
    "elements_missing",
    "elements_noted",
    "qualify",
    "questions_to_ask",
    "split_sentences",
]
