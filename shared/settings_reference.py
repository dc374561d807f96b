"""The reference page of every setting; `python -m shared.settings_reference` prints it."""

from __future__ import annotations

from pathlib import Path

from pydantic.fields import FieldInfo

from shared.settings import (
    CliSettings,
    CommonSettings,
    EgressSettings,
    EnricherSettings,
    GatewaySettings,
    KafkaSettings,
    LedgerSettings,
    ProviderSettings,
    Settings,
    StatefulSettings,
    StubsSettings,
    variable,
)

_SECTIONS: tuple[type[Settings], ...] = (
    CommonSettings,
    StatefulSettings,
    KafkaSettings,
    EgressSettings,
    GatewaySettings,
    ProviderSettings,
    EnricherSettings,
    LedgerSettings,
    StubsSettings,
    CliSettings,
)

_INTRODUCTION = """# Settings

<!-- Made by `python -m shared.settings_reference`; do not edit. -->

Settings are environment variables; an empty one counts as not set. A role reads the variables of its own
section and of the general sections; `baton up` reads all of them.
"""

_TELEMETRY = """## Traces

Traces are exported if `OTEL_EXPORTER_OTLP_ENDPOINT` is set (OTLP over HTTP). The other `OTEL_*` variables of
OpenTelemetry's SDK apply too, such as `OTEL_TRACES_SAMPLER` and `OTEL_RESOURCE_ATTRIBUTES`."""


def reference() -> str:
    """Return the reference page of every setting, as Markdown."""
    lines = [_INTRODUCTION]
    for kind in _SECTIONS:
        title = (kind.__doc__ or kind.__name__).rstrip(".")
        lines += [f"## {title}\n", "| variable | default | meaning |", "|---|---|---|"]
        for name, field in kind.model_fields.items():
            if name in kind.__annotations__:
                meaning = f"{field.description}{bounds_text(field)}".replace("|", "\\|")
                lines.append(f"| `{variable(name)}` | {default_text(field)} | {meaning} |")
        lines.append("")
    return "\n".join([*lines, _TELEMETRY]) + "\n"


def default_text(field: FieldInfo) -> str:
    """Return the default of a setting as the reference page shows it."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        default = field.get_default(call_default_factory=True, validated_data={"data_dir": Path()})
        return f"`{str(default).rpartition('/')[2]}` in the data directory"
    if field.default in (None, ()):
        return "none"
    return f"`{field.default}`"


def bounds_text(field: FieldInfo) -> str:
    """Return the bounds of a setting as a sentence, "" for a setting without an upper bound."""
    limits = {type(limit).__name__: limit for limit in field.metadata}
    low = getattr(limits.get("Ge"), "ge", None)
    above = getattr(limits.get("Gt"), "gt", None)
    high = getattr(limits.get("Le"), "le", None)
    if high is None:
        return ""
    return f" From {low} to {high}." if low is not None else f" Above {above}, up to {high}."


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
