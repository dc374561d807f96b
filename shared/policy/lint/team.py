"""Checks team.yaml."""

from __future__ import annotations

from zoneinfo import available_timezones

from shared.policy.holidays import is_known_region, regions_of
from shared.policy.lint.destinations import lint_destination
from shared.policy.models import Routing, Team
from shared.policy.models.routing import MANAGER
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path, did_you_mean, quoted


def lint_team(file: PolicyFile[Team], routing: Routing | None) -> None:
    """Report faults of reps; with the routing, also what one of the two files names and the other lacks."""
    lint_calendars(file)
    for index, manager in enumerate(file.model.managers):
        lint_destination(file, manager.destination, ("managers", index, "destination"))
    lint_people(file)
    if routing is not None:
        lint_people_of_routing(file, routing)
    zones = available_timezones()
    for index, rep in enumerate(file.model.reps):
        path: Path = ("reps", index)
        if rep.time_zone is not None and rep.time_zone not in zones:
            meant = did_you_mean(rep.time_zone, zones)
            file.error((*path, "time_zone"), f"no time zone is named {quoted(rep.time_zone)}{meant}")
        if rep.hours is not None and rep.time_zone is None:
            file.error((*path, "hours"), "hours need a time_zone, such as America/New_York")
        elif rep.calendar is not None and rep.time_zone is None:
            file.warning((*path, "calendar"), "without a time_zone its days begin and end at midnight of UTC")
        for number, queue in enumerate(rep.queues):
            if routing is not None and queue not in routing.queues:
                file.unknown((*path, "queues", number), "queue", queue, routing.queues)
    for queue in routing.queues if routing is not None else ():
        if not any(queue in rep.queues and rep.weight > 0 for rep in file.model.reps):
            file.warning(("reps",), f"nobody gets leads of the queue {queue}")


def lint_people(file: PolicyFile[Team]) -> None:
    """Report managers and calendars that do not exist, absences that end before they begin."""
    team = file.model
    managers = {*(manager.id for manager in team.managers), *(rep.id for rep in team.reps)}
    for index, rep in enumerate(team.reps):
        path: Path = ("reps", index)
        if rep.manager is not None and rep.manager not in managers:
            file.unknown((*path, "manager"), "manager", rep.manager, managers)
        elif rep.manager == rep.id:
            file.error((*path, "manager"), f"{rep.id} is their own manager")
        elif rep.manager is None and team.leaver == "manager":
            file.warning(path, f"{rep.id} has no manager, to whom leads of one who leaves go (leaver)")
        if rep.calendar is not None and rep.calendar not in team.calendars:
            file.unknown((*path, "calendar"), "calendar", rep.calendar, team.calendars)
        for number, absence in enumerate(rep.away):
            if absence.ends < absence.begins:
                file.error((*path, "away", number, "to"), "it ends before it begins")
        lint_destination(file, rep.destination, (*path, "destination"))


def lint_calendars(file: PolicyFile[Team]) -> None:
    """Report holidays of countries that nobody knows, and calendars without any day."""
    for name, calendar in file.model.calendars.items():
        path: Path = ("calendars", name)
        if calendar.holidays is not None and not is_known_region(calendar.holidays):
            country = calendar.holidays.partition("-")[0]
            meant = did_you_mean(calendar.holidays, regions_of(country))
            file.error((*path, "holidays"), f"no holidays are known of {quoted(calendar.holidays)}{meant}")
        if calendar.holidays is None and not calendar.extra:
            file.warning(path, f"{name} has no holidays, and no extra days")


def lint_territory_reps(file: PolicyFile[Team], routing: Routing) -> None:
    """Report reps of territories that the team lacks, and queues where a territory has nobody."""
    reps = {rep.id: rep for rep in file.model.reps}
    targets = dict.fromkeys(rule.queue for rule in routing.rules if rule.queue in routing.queues)
    for territory in routing.territories:
        for id_ in territory.reps:
            if id_ not in reps:
                meant = did_you_mean(id_, reps)
                message = f"the territory {territory.name} names {quoted(id_)}, who is no rep{meant}"
                file.error(("reps",), message)
        members = [reps[rep] for rep in territory.reps if rep in reps and reps[rep].weight]
        for queue in targets:
            # A lead waits in its queue if nobody of the first fallback may have it either.
            tried = {queue, routing.queues[queue].fallback}
            if not any(tried & {*rep.queues} for rep in members):
                message = f"nobody of {queue} is in the territory {territory.name}, so its leads wait there"
                file.warning(("reps",), message)


def lint_people_of_routing(file: PolicyFile[Team], routing: Routing) -> None:
    """Report skills that a rule demands and nobody has, and ladders that tell nobody."""
    lint_territory_reps(file, routing)
    reps = {rep.id: rep for rep in file.model.reps}
    for rule in routing.rules:
        able = [rep for rep in reps.values() if rule.queue in rep.queues and {*rule.skills} <= {*rep.skills}]
        if rule.skills and not able:
            skills = ", ".join(rule.skills)
            file.warning(
                ("reps",), f"the rule {rule.name} demands {skills}, and nobody of {rule.queue} has it"
            )
    people = {*reps, *(manager.id for manager in file.model.managers)}
    for name, queue in routing.queues.items():
        for index, rep in enumerate(file.model.reps) if queue.distribute == "most_capacity" else ():
            if name in rep.queues and rep.weight and rep.max_open is None and not rep.caps:
                says = f"without max_open and caps, {rep.id} comes first in {name} (most_capacity)"
                file.warning(("reps", index), says)
        without = [rep.id for rep in reps.values() if name in rep.queues and rep.manager is None]
        if without and any(step.to == MANAGER for step in queue.ladder):
            listed = ", ".join(without[:5]) + (" and others" if len(without) > 5 else "")
            file.warning(("reps",), f"the ladder of {name} tells a manager, and {listed} of {name} has none")
        for step in queue.ladder:
            if step.to not in (None, MANAGER) and step.to not in people:
                file.error(("managers",), f"the ladder of {name} names {quoted(step.to)}, who is no manager")
