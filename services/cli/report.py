"""`baton report`: the reports as tables, in the words of people who read figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from services.cli import providers
from services.cli.client import request
from services.cli.output import AsJson, echo, print_json, print_table

app = typer.Typer(help="Report on roles, capacity, scores, flow, fairness, sources and providers.")

Day = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="A day of UTC, included; by default the last 90 days."),
]

_FUNNEL: Final = {
    name: name
    for name in ("captured", "suppressed", "assigned", "accepted", "meetings", "opportunities", "won")
}
_SHARES: Final = {"to_meeting": "meeting", "to_opportunity": "opportunity", "to_won": "won of captured"}
_ROLE_WORDS: Final = {"aes": "AEs", "sdr": "SDR", "sdrs": "SDRs", "se": "SE"}
_QUEUE: Final = {
    "queue": "queue",
    "arrived": "arrived",
    "assigned": "assigned",
    "accepted": "accepted",
    "late": "late",
    "rejected": "rejected",
    "waiting": "waiting",
    "routed_in": "routed in",
    "accepted_in": "accepted in",
    "acted_in": "acted in",
}


@app.callback(invoke_without_command=True)
def report(context: typer.Context, since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Report on the team and its leads; without a name on roles, capacity and scores.

    Options before the name of a report are those of the three.
    """
    if context.invoked_subcommand is not None:
        if since or until or as_json:
            raise typer.BadParameter(f"Options of {context.invoked_subcommand} follow its name.")
    elif as_json:
        print_json({name: _fetched(name, since, until) for name in ("roles", "capacity", "scores")})
    else:
        for show in (roles, capacity, scores):
            show(since, until, as_json=False)
            echo("")


@app.command()
def roles(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show what each role and each rep achieved, beside what is usual in the field."""
    _report("roles", since, until, _print_roles, as_json=as_json)


@app.command()
def capacity(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show whether the team fits the leads that come, and which hire the figures ask for."""
    _report("capacity", since, until, _print_capacity, as_json=as_json)


@app.command()
def scores(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show whether good scores become customers."""

    def show(found: Mapping[str, Any]) -> None:
        echo(f"{found['in_words']}\n")
        _print_conversions(found, {"grades": "grade", "bands": "band"})

    _report("scores", since, until, show, as_json=as_json)


@app.command()
def sources(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show which channels, sources and campaigns bring customers."""
    headings = {"channels": "channel", "sources": "source", "campaigns": "campaign"}
    _report("sources", since, until, lambda found: _print_conversions(found, headings), as_json=as_json)


@app.command()
def flow(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show which way leads took, and how long each stage took (median)."""
    _report("flow", since, until, _print_flow, as_json=as_json)


@app.command("providers")
def data_vendors(since: Day = None, until: Day = None, as_json: AsJson = False) -> None:
    """Show what the data vendors found and cost."""
    _report(
        "providers",
        since,
        until,
        lambda found: providers.print_providers(found["providers"]),
        as_json=as_json,
    )


@app.command()
def fairness(
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None, as_json: AsJson = False
) -> None:
    """Show how far each rep is from the exact share of a queue now, and how far the rotation allows."""
    found: Mapping[str, Any] = request("GET", "/v1/reports/fairness", query={"queue": queue} if queue else {})
    if as_json:
        print_json(found)
        return
    echo(found["in_words"])
    columns = ("rep", "name", "weight", "assigned", "out_of_turn", "share", "deviation", "over")
    for one in found["queues"]:
        how = one["distribute"] or "not in the policy any more"
        echo(f"\n{one['queue']} ({how}), at most {one['bound']:g} leads from the share")
        rows = [{**rep, "over": "" if rep["within_bound"] else "over the bound"} for rep in one["reps"]]
        print_table(rows, {name: name.replace("_", " ") for name in columns}, empty="No reps.")


def figure_text(figure: Mapping[str, Any]) -> str:
    """Return a figure for people: its value with the number of cases, or what it needs."""
    value, unit, n = figure["value"], figure["unit"], figure["n"]
    if value is None:
        return f"needs {figure['needs']}"
    texts: dict[str, Callable[[float], str]] = {
        "share": lambda share: f"{share:.0%}",
        "usd": lambda usd: f"${usd:,.0f}",
        "seconds": duration_text,
        "days": lambda days: f"{days:.0f} d",
        "times": lambda times: f"{times:.1f}".removesuffix(".0") + "x",
        "number": lambda number: f"{number:.1f}".removesuffix(".0"),
    }
    return texts[unit](value) + (f" of {n}" if n is not None and unit == "share" else "")


def duration_text(seconds: float) -> str:
    """Return a duration for people, e.g. `0.4 s`, `12 min`, `4 h 05`, `3 d`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02}"
    return f"{minutes / 60 / 24:.0f} d"


def range_text(figure: Mapping[str, Any]) -> str:
    """Return what is usual of a figure, e.g. `50% to 70%`; a dash where nothing is."""
    usual = figure["healthy"]
    if not usual:
        return "-"
    ends = [
        figure_text({"value": usual[end], "unit": figure["unit"], "n": None})
        if usual[end] is not None
        else None
        for end in ("from", "to")
    ]
    if ends[0] is None or ends[1] is None:
        return f"at least {ends[0]}" if ends[0] is not None else f"at most {ends[1]}"
    return f"{ends[0]} to {ends[1]}"


def _fetched(name: str, since: datetime | None, until: datetime | None) -> Mapping[str, Any]:
    """Return a report on these days."""
    days = {"since": since, "until": until}
    query = {key: day.date().isoformat() for key, day in days.items() if day is not None}
    found: Mapping[str, Any] = request("GET", f"/v1/reports/{name}", query=query)
    return found


def _report(
    name: str,
    since: datetime | None,
    until: datetime | None,
    show: Callable[[Mapping[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    found = _fetched(name, since, until)
    if as_json:
        print_json(found)
        return
    counted = f"counted since {found['counted_since']}" if found["counted_since"] else "nothing counted yet"
    echo(f"{found['since']} to {found['until']} (UTC), {counted}\n")
    show(found)


def _print_roles(found: Mapping[str, Any]) -> None:
    figures: list[dict[str, Any]] = []
    reps: list[dict[str, Any]] = []
    for role in found["roles"]:
        figures += _figure_rows(role)
        for rep in role["reps"]:
            texts = (
                f"{_words(name)} {figure_text(one)}" for name, one in rep["figures"].items() if one["value"]
            )
            reps.append(
                {
                    "role": role["role"],
                    "rep": rep["rep"],
                    "name": rep["name"],
                    **rep["counts"],
                    "figures": ", ".join(texts),
                }
            )
    print_table(
        figures,
        {"role": "role", "figure": "figure", "value": "value", "usual": "usual", "verdict": "verdict"},
        empty="No roles.",
    )
    columns = (
        "role",
        "rep",
        "name",
        "assigned",
        "accepted",
        "late",
        "rejected",
        "meetings",
        "opportunities",
        "won",
    )
    echo("")
    print_table(reps, {name: name for name in (*columns, "figures")}, empty="No reps.")


def _figure_rows(role: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = f"{role['role']} ({role['heads']})"
    if role["needs"]:
        yield {"role": name, "figure": "-", "value": f"needs {role['needs']}"}
    for figure_name, one in role["figures"].items():
        note = f" ({one['note']})" if one["note"] else ""
        yield {
            "role": name,
            "figure": _words(figure_name),
            "value": figure_text(one) + note,
            "usual": range_text(one),
            "verdict": one["verdict"],
        }


def _print_capacity(found: Mapping[str, Any]) -> None:
    echo(f"{found['in_words']}\n")
    queues = [
        {
            **one,
            "arrived_per_day": round(one["arrived_per_day"], 1),
            "accepted_per_day": round(one["accepted_per_day"], 1),
        }
        for one in found["queues"]
    ]
    columns = {
        "queue": "queue",
        "role": "role",
        "reps": "reps",
        "arrived_per_day": "arrived a day",
        "accepted_per_day": "accepted a day",
        "waiting": "waiting",
        "open_leads": "open",
        "max_open": "of",
    }
    print_table(queues, columns, empty="No queues.")
    echo("")
    ratios = {"role": "team", "heads": found["managers"], "needs": None, "figures": found["ratios"]}
    ratio_columns = {"figure": "ratio", "value": "value", "usual": "usual", "verdict": "verdict"}
    print_table(list(_figure_rows(ratios)), ratio_columns, empty="No ratios.")


def _print_flow(found: Mapping[str, Any]) -> None:
    rows = [
        {
            **one,
            "queue": one["queue"] or "all",
            "routed_in": figure_text(one["to_route"]["median"]) if one["to_route"]["median"]["n"] else None,
            "accepted_in": figure_text(one["to_accept"]["median"])
            if one["to_accept"]["median"]["n"]
            else None,
            "acted_in": figure_text(one["to_first_action"]["median"])
            if one["to_first_action"]["median"]["n"]
            else None,
        }
        for one in (*found["queues"], found["whole"])
    ]
    print_table(rows, _QUEUE, empty="No queues.")
    echo("")
    print_table(
        found["steps"],
        {"queue": "queue", "change": "change", "step": "rule or reason", "decided": "decisions"},
        empty="No decisions in these days.",
    )


def _print_conversions(found: Mapping[str, Any], headings: Mapping[str, str]) -> None:
    for number, (name, heading) in enumerate(headings.items()):
        if number:
            echo("")
        rows = [
            {**one, "name": one["name"] or "(none)", **{share: figure_text(one[share]) for share in _SHARES}}
            for one in found[name]
        ]
        print_table(rows, {"name": heading, **_FUNNEL, **_SHARES}, empty=f"No {heading} in these days.")


def _words(name: str) -> str:
    return " ".join(_ROLE_WORDS.get(word, word) for word in name.split("_"))
