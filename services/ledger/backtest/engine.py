"""The backtest: what the ledger recorded is decided once more, by the recorded versions and by a candidate.

Two worlds live through the same inputs at the same instants. The recorded world decides each by the version
that decided it live, the candidate's world by the candidate from `since` on; until then it is the recorded
world. What the record says of the outside (who was away, whose turn it was) is put into both. So what differs
between the worlds follows from the policies alone, and with the same policies nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from services.ledger.backtest.replayed_world import ReplayedWorld, WorldPolicy
from services.ledger.backtest.work_file import PlannedStep, StoredEvent, WorkFile, micros
from services.ledger.domain.backtest.figures import Figures
from services.ledger.domain.backtest.paths import LeadPaths, SegmentedLead, cause_of, path_of
from services.ledger.domain.backtest.recorded import (
    RecordedDecision,
    availability,
    drifts,
    read_decision,
)
from services.ledger.domain.backtest.segment import SegmentTest
from services.router.domain.lead_ref import referenced_lead_id, resolve_alias
from services.router.domain.ownership import ROLE as ROUTER
from services.router.domain.rotation import rep_queue_of
from services.router.domain.state import AwayRepRow, RepQueueRow, RoutedLeadRow
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event, decode_data
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.registry import BY_NAME
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Put, Remove

RECORDED: Final = "recorded"
CANDIDATE: Final = "candidate"
_ABSENCES_MAX: Final = 50
_SAVED_EVERY: Final = 5_000
"""Most rows of a lead change again soon after, so fewer are written than with each chunk of steps."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(hours=1)
"""How often leads that wait in the candidate's world are looked at."""


_read_paths: Final = msgspec.msgpack.Decoder(LeadPaths).decode


def _version_of(recorded: RecordedDecision) -> str | None:
    """Return the version that made a decision of the router, or that gave a score; None if not recorded."""
    versions = recorded.policy_versions
    return recorded.policy_version or (versions.routed if versions is not None else None)


class Window(Struct, frozen=True):
    """What is compared: decisions from `since` up to and with `until`, None for all that is recorded.

    `includes` says by the score of a lead whether it is compared, None for all.
    """

    since: datetime | None = None
    until: datetime | None = None
    includes: SegmentTest | None = None


class Notes(Struct):
    """What the report has to say of the replay itself.

    `decisions` were recorded, and the replay by the recorded versions made `otherwise` of them otherwise.
    `unknown_versions` are versions that decided and that are not kept or cannot be read any more.
    """

    decisions: int = 0
    otherwise: int = 0
    unknown_versions: list[str] = []


class _Progress(Struct):
    """Where a backtest is: all of it that is not in rows."""

    position: int = 0
    forked: bool = False
    version: str = ""
    tick: datetime | None = None
    notes: Notes = field(default_factory=Notes)
    figures: dict[str, Figures] = {}


class Backtest:
    """A fold over the ledger in chunks: `next_steps` names the events of the next chunk, `feed` takes them.

    Without a candidate its world, too, decides by the recorded versions: that proves the replay itself.
    `policy_of` returns the version that the record names, None if it cannot be had. With `with_scores` the
    scores are computed again; without, the recorded ones are taken, which is right where no version that
    matters scores otherwise than the candidate.
    """

    def __init__(
        self,
        file: WorkFile,
        candidate: WorldPolicy | None,
        policy_of: Callable[[str], WorldPolicy | None],
        window: Window,
        *,
        with_scores: bool,
    ) -> None:
        self._file = file
        self._candidate = candidate
        self._policy_of = policy_of
        self._window = window
        self._with_scores = with_scores
        self._progress: _Progress = file.state("progress", _Progress) or _Progress()
        self._saved = self._progress.position
        recorded = policy_of(self._progress.version)
        self.recorded, self.candidate = (
            ReplayedWorld(RECORDED, file, recorded),
            ReplayedWorld(CANDIDATE, file, candidate),
        )
        for world in (self.recorded, self.candidate):
            world.figures = self._progress.figures.get(world.name, world.figures)
            world.counts = self._progress.forked

    @property
    def position(self) -> int:
        """The number of steps that are done."""
        return self._progress.position

    def pairs(self) -> Iterator[tuple[LeadPaths, LeadPaths]]:
        """Yield the paths of each lead of the segment, by id: as recorded, and in the candidate's world."""
        for before, after in self._file.pairs(LeadPaths.__name__, (RECORDED, CANDIDATE)):
            paths = _read_paths(before)
            if self._window.includes is not None:
                lead = self.recorded.rows.get(SegmentedLead, paths.lead_id)
                self.recorded.rows.flush()  # holds no more than it may
                if lead is None or not lead.is_included:
                    continue
            yield paths, _read_paths(after)

    @property
    def notes(self) -> Notes:
        return self._progress.notes

    def next_steps(self, limit: int) -> list[PlannedStep]:
        """Return the next steps of the plan, about as many as `limit`; none when all are done.

        Leads that one timer assigned are never in two chunks: see `_in_turn`.
        """
        steps = self._file.steps(self._progress.position, limit)
        while steps and steps[-1].kind == "wait":
            more = self._file.steps(steps[-1].number, 1)
            if not more or (more[0].kind, more[0].cause) != (steps[-1].kind, steps[-1].cause):
                break
            steps += more
        return steps

    def feed(self, steps: Sequence[PlannedStep], events: Iterable[StoredEvent]) -> None:
        """Decide the steps; `events` are those that they name. An event that is gone was erased meanwhile."""
        found = {(event.id, event.source): event for event in events}
        if self.recorded.policy is None:
            # What comes before the first recorded version was decided by that, too.
            effects = filter(None, (found.get((step.effect, step.decided_by)) for step in steps))
            versions = (_version_of(read_decision(effect.data.encode())) for effect in effects)
            self._use(next(filter(None, versions), None))
        for step in self._in_turn(steps):
            self._advance(step.at)
            self._take(step, found)
        if steps:
            self._progress.position = steps[-1].number
        # A short backtest is saved sooner: whatever its length, at most half of it is computed twice.
        if self.position - self._saved >= min(self._saved, _SAVED_EVERY):
            self.save()

    def _in_turn(self, steps: Sequence[PlannedStep]) -> Iterator[PlannedStep]:
        """Yield the steps; of the leads that one timer assigned, the longest waiting first, as live.

        Which lead of an account is first decides who gets the others.
        """

        def since(step: PlannedStep) -> tuple[datetime, str]:
            lead = self.recorded.rows.get(RoutedLeadRow, step.subject)
            return (lead.waiting_since if lead is not None else None) or step.at, step.subject

        for is_waiting, together in groupby(steps, lambda step: step.kind == "wait" and step.cause):
            if is_waiting:
                yield from sorted(together, key=since)
            else:
                yield from together

    def finish(self, until: datetime) -> None:
        """Let the timers fire that are due by the end."""
        self._advance(until)
        self.save()

    def close(self) -> None:
        """Let go of the file; what was saved is in it."""
        self._file.close()

    def save(self) -> None:
        """Commit to the file all that was fed, from where the backtest goes on after a restart."""
        for world in self._worlds():
            world.flush()
            self._progress.figures[world.name] = world.figures
        self._file.put_state("progress", self._progress)
        self._file.commit()
        self._saved = self.position

    def _worlds(self) -> tuple[ReplayedWorld, ...]:
        return (self.recorded, self.candidate) if self._progress.forked else (self.recorded,)

    def _advance(self, at: datetime) -> None:
        """Fire what is due until then, in both worlds; the candidate's begins where it is time."""
        since = self._window.since
        if not self._progress.forked and (since is None or at >= since):
            if since is not None:
                self._fire(since)
            self._fork()
        self._fire(at)
        tick = self._progress.tick
        if self._progress.forked and (tick is None or at - tick >= _TICK):
            self._progress.tick = at
            turn = (at - _EPOCH) // _TICK
            self.candidate.look_at_waiting(at, f"timer:drain:{at.isoformat()}", turn, self.recorded)
            self._compare(at)

    def _fork(self) -> None:
        self.recorded.flush()
        self._file.copy_world(RECORDED, CANDIDATE)
        self.candidate.rows.forget()
        self.candidate.policy = self._candidate or self.recorded.policy
        self.candidate.fill_caps()
        self._progress.forked = True
        for world in self._worlds():
            world.figures, world.counts = Figures(self._window.since), True

    def _fire(self, until: datetime) -> None:
        end = micros(until)
        for world in self._worlds():
            timers = world.rows.timers
            while timers.may_fire_by <= end and (due := timers.take_next(end)) is not None:
                world.fire(*due)
        self._compare(until)

    def _take(self, step: PlannedStep, events: Mapping[tuple[str, str], StoredEvent]) -> None:
        """Decide one step; `events` are by id and source: senders outside choose their ids themselves."""
        effect = events.get((step.effect, step.decided_by))
        recorded = read_decision(effect.data.encode()) if effect is not None else None
        if recorded is not None:
            self._pin(recorded)
        if step.kind == "wait":
            for world in self._worlds():
                world.assign_waiting([step.subject], step.at, step.cause)
        elif step.kind == "fire":
            self._fire_recorded(step, recorded)
        elif (stored := events.get((step.id, step.source))) is not None:
            self._decide(step, stored)
        if step.kind == "route" and recorded is not None:
            self._check(step.subject, recorded)
        self._compare(step.at)

    def _fire_recorded(self, step: PlannedStep, recorded: RecordedDecision | None) -> None:
        """Fire a timer of which something came, in each world where it is set.

        An escalation after which the owner kept the lead records nothing of the others. Who would have got it
        in the recorded world, and did not, took no leads then.
        """
        timers = {world.name: world.rows.timers.take(step.subject, step.cause) for world in self._worlds()}
        choice, timer = recorded.decision if recorded is not None else None, timers[RECORDED]
        if timer is not None and timer.role == ROUTER and choice is not None and choice.change == "kept":
            for _ in range(_ABSENCES_MAX):
                chosen = self.recorded.would_own(timer, step.at)
                if chosen is None or chosen == choice.owner:
                    break
                for world in self._worlds():
                    world.rows.put(AwayRepRow(chosen))
        for world in self._worlds():
            if (due := timers[world.name]) is not None:
                world.fire(due, step.at)

    def _decide(self, step: PlannedStep, stored: StoredEvent) -> None:
        data = stored.data.encode()
        event = Event(
            id=stored.id,
            source=stored.source,
            type=stored.type,
            subject=stored.subject,
            time=stored.at,
            data=decode_data(BY_NAME[stored.type], data),
            raw=data,
            key=stored.key,
            causation_id=stored.cause,
        )
        if step.kind == "score":
            for world in self._worlds():
                for scored in world.score(event, step.at):
                    world.route(scored, step.at)
        elif step.kind == "route":
            self._route(step, event)
        else:
            self._act(event, step.at)

    def _route(self, step: PlannedStep, event: Event[LeadScoredV1]) -> None:
        scored = {world.name: event for world in self._worlds()}
        if self._with_scores:
            kept = {world.name: world.pending.take(step.subject, step.cause) for world in self._worlds()}
            if kept[RECORDED] is None and kept.get(CANDIDATE) is None:
                self._progress.notes.otherwise += 1  # the record is all that there is
            else:
                scored = {
                    name: replace(event, data=score[0], raw=score[1])
                    for name, score in kept.items()
                    if score is not None
                }
        for world in self._worlds():
            if world.name in scored:
                world.route(scored[world.name], step.at)
        if self._window.includes is not None:
            lead = scored.get(RECORDED, event).data
            self.recorded.rows.put(SegmentedLead(lead.lead_id, self._window.includes(lead)))

    def _act(self, event: Event[ActionReceivedV1 | OutcomeReceivedV1], at: datetime) -> None:
        """Take an action of a rep or an outcome. What the recorded owner did, the owner of each world did."""
        data = event.data
        email = data.email if isinstance(data, OutcomeReceivedV1) else None
        lead_id = resolve_alias(ChangeSet(self.recorded.rows), referenced_lead_id(data.lead_id, email) or "")
        owner = self.recorded.owner(lead_id)
        self.recorded.decide(event, at)
        if not self._progress.forked:
            return
        other = self.candidate.owner(lead_id)
        if data.rep is not None and data.rep == owner and other not in (None, owner):
            self.candidate.figures.carried += 1
            event = replace(event, data=replace(data, rep=other))
        self.candidate.decide(event, at)

    def _pin(self, recorded: RecordedDecision) -> None:
        """Put into both worlds what a decision recorded of its time: the version, who was away, the turns."""
        self._use(_version_of(recorded))
        choice = recorded.decision
        if choice is None:
            return
        takes, drifted = availability(choice), drifts(choice, self.recorded.rows.by_key(RepQueueRow))
        for world in self._worlds():
            away = world.rows.by_key(AwayRepRow)
            world.rows.apply(
                [
                    Remove(AwayRepRow, (rep,)) if takes_leads else Put(AwayRepRow(rep))
                    for rep, takes_leads in takes.items()
                    if ((rep,) in away) == takes_leads
                ]
            )
            for key, balance, credits_ in drifted:
                row = rep_queue_of(ChangeSet(world.rows), *key)
                row = replace(row, balance=row.balance + balance, credits=row.credits + credits_)
                world.rows.put(row)

    def _use(self, version: str | None) -> None:
        """Let the recorded world decide by this version from now on; without a candidate, both worlds."""
        if version is None or version == self._progress.version:
            return
        self._progress.version = version
        found = self._policy_of(version)
        if found is None and version not in self._progress.notes.unknown_versions:
            self._progress.notes.unknown_versions.append(version)
        for world in self._worlds() if self._candidate is None else (self.recorded,):
            world.policy = found or world.policy or self._candidate
            world.fill_caps()

    def _check(self, lead_id: str, recorded: RecordedDecision) -> None:
        """Count whether the recorded world decided as it is recorded."""
        if recorded.decision is None or recorded.lead_id != lead_id:
            return
        notes, choice = self._progress.notes, recorded.decision
        notes.decisions += 1
        made = self.recorded.changed.get(lead_id)
        path = path_of(made[:1], None) if made else None
        same = path is not None and (path.queue, path.owner, path.rule) == (
            choice.queue,
            choice.owner,
            choice.reason or choice.rule,
        )
        notes.otherwise += not same

    def _compare(self, at: datetime) -> None:
        """Note why the worlds differ in a lead, when they begin to."""
        changed = {**self.recorded.changed, **self.candidate.changed}
        if not changed:
            return
        self.recorded.changed, self.candidate.changed = {}, {}
        if not self._progress.forked:
            return
        for lead_id in changed:
            before, after = (world.paths(lead_id, at) for world in self._worlds())
            differs = before.last.queue != after.last.queue
            if differs == (after.cause is not None):
                continue
            cause = cause_of(before.last, after.last) if differs else None
            self.candidate.rows.put(replace(after, cause=cause))
