"""The documentation page of each vendor, made from its folder.

`python -m shared.integrations.pages DIRECTORY` writes them; `docs/integrations` holds them. So what a page
says of a vendor is what Baton does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from shared.integrations.catalog import KINDS, PRESET, Folder, built_in_integrations, read_example
from shared.integrations.given_fields import fields_given
from shared.integrations.intake_preset import IntakePreset, SignatureScheme
from shared.integrations.provider_preset import Price, ProviderPreset
from shared.rules.times import Duration

_MADE: Final = "<!-- Made by `python -m shared.integrations.pages docs/integrations`; do not edit. -->"
_INTRODUCTION: Final = """\
Each vendor is a folder of data: a preset that says how it is read, and examples that test it.
`baton integrations list` shows those of an installation, `baton integrations try VENDOR FILE` what a
payload becomes. [The format](format.md) is described key by key. To add a vendor, see
[add your own form](../how-to/add-a-form.md) and [add your own data vendor](../how-to/add-a-provider.md)."""
_HEADINGS: Final = {"forms": "Forms", "signals": "Buying signals", "providers": "Data vendors"}
_CONTENTS: Final = {
    "json": "JSON",
    "lenient_json": "JSON, also where it is not well formed",
    "urlencoded": "an urlencoded form",
    "multipart": "a multipart form",
    "multipart_json": "a multipart form with JSON in one field",
}
_ACTIONS: Final = {
    "lead": "a lead",
    "signal": "a signal",
    "ignore": "nothing: it is counted and answered with success",
    "erase": "erases the person",
    "opt_out": "an opt-out",
    "fetch": "is fetched from the vendor, then read as a lead",
}
_SUBJECTS: Final = {
    "company": "a company",
    "person": "a person",
    "email": "whether an address takes mail",
    "find_email": "the address of a person",
    "contacts": "people of a company",
    "lead": "the lead of a form",
}


def page_of(folder: Folder[Any]) -> str:
    """Return the page of a vendor's folder, as Markdown."""
    preset = folder.preset
    parts = [f"# {preset.title}", _MADE, *([preset.note] if preset.note else [])]
    parts.append(f"Written from [the vendor's documentation]({preset.docs}).")
    parts += (
        _provider_parts(preset)
        if isinstance(preset, ProviderPreset)
        else [*_set_up(preset, folder.kind), *_intake_parts(preset)]
    )
    source = f"../../../config/integrations/{folder.kind}/{folder.vendor}"
    examples = [
        f"* [{example.title}]({source}/examples/{path.name})"
        for path in folder.example_files()
        if (example := read_example(folder.kind, path)[0]) is not None
    ]
    parts += ["## Examples", f"The preset is [`{PRESET}`]({source}/{PRESET}). Its examples are its tests:"]
    return "\n\n".join([*parts, "\n".join(examples)]).rstrip() + "\n"


def index_page(pages: Mapping[str, Sequence[Folder[Any]]]) -> str:
    """Return the page that lists the vendors of each kind."""
    parts = [
        "# Integrations",
        _MADE,
        _INTRODUCTION,
    ]
    for kind, folders in pages.items():
        parts.append(f"## {_HEADINGS[kind]}")
        parts.append("\n".join(f"* [{folder.preset.title}]({kind}/{folder.vendor}.md)" for folder in folders))
    return "\n\n".join(parts) + "\n"


def all_pages() -> Iterator[tuple[str, str]]:
    """Yield the path below `docs/integrations`, and the text, of every page."""
    integrations = built_in_integrations()
    by_kind = {kind: [one for one in integrations.folders() if one.kind == kind] for kind in KINDS}
    yield "README.md", index_page(by_kind)
    for kind, folders in by_kind.items():
        for folder in folders:
            yield f"{kind}/{folder.vendor}.md", page_of(folder)


def _set_up(preset: IntakePreset, kind: str) -> Iterator[str]:
    variable = f"{preset.vendor.upper()}_SECRET"
    url = f"https://baton.example.com/hooks/{kind}/{preset.vendor}"
    yield "## Set it up"
    settings = f"{preset.vendor}: {{kind: {preset.vendor}, secret_env: {variable}}}"
    yield f"In `sources.yaml`:\n\n```yaml\nsources:\n  {settings}\n```"
    if preset.signature is None:
        yield f"The URL is `{url}/TOKEN`, where TOKEN is the secret in `{variable}`."
    else:
        yield (
            f"The URL is `{url}`: {_signature(preset.signature)} The secret is in `{variable}`. Where "
            f"nothing is signed, the URL with the secret at its end, `{url}/TOKEN`, is accepted too."
        )
    if preset.setup:
        steps = [f"{number}. {step.replace('{url}', url)}" for number, step in enumerate(preset.setup, 1)]
        yield f"At {preset.title}:\n\n" + "\n".join(steps)


def _signature(scheme: SignatureScheme) -> str:
    match scheme.scheme:
        case "hmac":
            digest = f"HMAC-{scheme.digest.upper()} in {scheme.encoding} of `{scheme.signed}`"
            return f"requests are signed, {digest}, in the header `{scheme.header}` as `{scheme.value}`."
        case "standard_webhooks":
            return "requests are signed as Standard Webhooks."
        case "ed25519":
            return f"requests are signed with Ed25519, in the header `{scheme.header}`."
        case "basic":
            return "requests have a user and a password (HTTP basic authentication)."
        case _:
            place = (
                f"the header `{scheme.header}`"
                if scheme.header
                else f"the query parameter `{scheme.query}`"
                if scheme.query
                else f"`{scheme.body}` of the body"
            )
            return f"requests have the secret in {place}."


def _intake_parts(preset: IntakePreset) -> Iterator[str]:
    yield "## What is read"
    contents = ", ".join(_CONTENTS[content.kind] for content in preset.content)
    per_request = (
        "" if str(preset.items) == "[@]" else f" Several records may come at once: {_code(preset.items)}."
    )
    yield f"The body is {contents}.{per_request}"
    rows = [(f"`{name}`", _code(value)) for name, value in preset.map.items()]
    rows += [
        ("by its label" if source.label is None else source.label, _code(source.pairs))
        for source in preset.labels
    ]
    if preset.event_id is not None:
        rows.append(("the id of the event", _code(preset.event_id)))
    rows += [
        (f"the activity `{rule.type}`", f"where {_code(rule.when)}" if rule.when else "always")
        for rule in preset.activity
    ]
    rows += [(f"an id of the {entity.kind}", _code(entity.id)) for entity in preset.known_entities]
    yield _table(("Baton's field", "from (JMESPath)"), rows)
    if preset.outcomes:
        yield "What becomes of a record, by the first line that holds:"
        default = (f"otherwise {_ACTIONS['lead' if preset.kind == 'form' else 'signal']}", "")
        yield _table(
            ("Becomes", "where"),
            [
                *(
                    (
                        _ACTIONS[rule.do] + (f" ({rule.reason})" if rule.reason else ""),
                        _code(rule.when) if rule.when else "always",
                    )
                    for rule in preset.outcomes
                ),
                default,
            ],
        )
    if preset.poll is not None:
        poll = preset.poll
        yield (
            f"Each account is asked about every {poll.every}, `{poll.ask.method} {poll.ask.path}`: up to "
            f"{poll.limit} accounts a round and {poll.budget_cents_per_day} cents a day."
        )


def _provider_parts(preset: ProviderPreset) -> Iterator[str]:
    variable = f"{preset.vendor.upper()}_API_KEY"
    yield "## Set it up"
    yield (
        f"In `providers.yaml`:\n\n```yaml\nproviders:\n  {preset.vendor}: {{integration: {preset.vendor}, "
        f'base_url: "{preset.base_url}", key_env: {variable}}}\n```'
    )
    if preset.setup:
        yield f"At {preset.title}:\n\n" + "\n".join(
            f"{number}. {step}" for number, step in enumerate(preset.setup, 1)
        )
    yield "## What it is asked"
    yield _table(
        ("About", "request", "needs", "gives"),
        [
            (
                _SUBJECTS[subject] + (f", up to {ask.batch.max} at once" if ask.batch else ""),
                f"`{ask.method} {ask.path}`",
                " or ".join(", ".join(f"`{name}`" for name in names) for names in ask.needs),
                ", ".join(f"`{name}`" for name in sorted(fields_given(preset, subject))),
            )
            for subject, ask in preset.ask.items()
        ],
    )
    if preset.poll is not None:
        poll = preset.poll
        webhook = " The vendor may also post the answer back." if poll.webhook else ""
        asked = f"`{poll.method} {poll.path}` every {poll.every} for {poll.for_}"
        yield f"An answer may come later, and is asked for: {asked}.{webhook}"
    yield "## Price and limits"
    yield "\n".join([*_prices(preset), *_limits(preset)])
    if preset.outcomes:
        yield "## What its answers mean"
        yield _table(
            ("Meaning", "where"),
            [
                (
                    rule.is_.replace("_", " ")
                    + (f", again after {rule.again_after}" if isinstance(rule.again_after, Duration) else "")
                    + (f" until the {rule.until.replace('_', ' ')}" if rule.until else ""),
                    _code(rule.when),
                )
                for rule in preset.outcomes
            ],
        )
    if preset.statuses:
        yield "Its words for an address: " + ", ".join(
            f"`{word}` is {meaning}" for word, meaning in preset.statuses.items()
        )


def _prices(preset: ProviderPreset) -> Iterator[str]:
    priced: dict[str, Price] = {"": preset.price}
    priced |= {f" about {_SUBJECTS[name]}": ask.price for name, ask in preset.ask.items() if ask.price}
    for about, price in priced.items():
        kinds = {
            "a match": price.match,
            "a partial match": price.partial or 0,
            "an answer without a match": price.no_match,
            "each call": price.call,
            "each poll": price.polled,
            **{f"`{name}`": cents for name, cents in price.found_field.items()},
        }
        costs = ", ".join(f"{what} {cents} cents" for what, cents in kinds.items() if cents)
        yield f"* A question{about} costs: {costs or 'nothing'}"


def _limits(preset: ProviderPreset) -> Iterator[str]:
    limits = preset.limits
    kinds = {
        "calls a second": limits.per_second,
        "calls a minute": limits.per_minute,
        "calls a day": limits.per_day,
        "calls at a time": limits.in_flight,
    }
    known = ", ".join(f"{count} {what}" for what, count in kinds.items() if count)
    if known:
        yield f"* Its limits: {known}"


def _code(expression: object) -> str:
    """Return an expression as a code span: literals of JMESPath have backticks of their own."""
    text = " ".join(str(expression).split())
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    directory = Path(sys.argv[1])
    for name, text in all_pages():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
