"""JSON Schemas of the files of integrations: for completion and checks in an editor.

`python -m shared.integrations.schema DIRECTORY` writes them; `config/schemas` holds them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.integrations.examples import IntakeExample, ProviderExample
from shared.integrations.intake_preset import IntakePreset
from shared.integrations.provider_preset import ProviderPreset
from shared.integrations.stub_preset import StubPreset
from shared.policy.models import PolicyModel
from shared.policy.schema import as_file, schema_of_model

SCHEMAS: Final[Mapping[str, type[PolicyModel]]] = {
    "form-preset.json": IntakePreset,
    "signal-preset.json": IntakePreset,
    "provider-preset.json": ProviderPreset,
    "form-example.json": IntakeExample,
    "signal-example.json": IntakeExample,
    "provider-example.json": ProviderExample,
    "stub.json": StubPreset,
}
"""The model of each schema, by the name of its file."""


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, model in SCHEMAS.items():
        (directory / name).write_text(as_file(schema_of_model(model)), encoding="utf-8")


if __name__ == "__main__":
    main()
