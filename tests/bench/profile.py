"""`python -m tests.bench.profile FOLDER [ROLE …]`: where each role's CPU goes, on the leads of `path`.

Each role by itself deals with as many leads as a round of `path`, twice, while py-spy samples it: once for a
flame graph (`FOLDER/ROLE.svg`), once for tables, which are printed and written to `FOLDER/profile.md`. Samples are
shares; the microseconds are these shares of the CPU that the process counted. What compiled code takes counts for
the Python function that called it, and what the event loop itself takes for `Runner.run`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct

from shared.worker.process import collect_rarely
from tests.bench.all_roles import LEADS, ROLES, Taken, all_roles
from tests.bench.leads import feed
from tests.bench.receiver import receiving
from tests.bench.services import Services, services

_RATE_HZ: Final = 500
_FUNCTIONS: Final = 15
_SITE_PACKAGES: Final = "site-packages/"
_ROOT: Final = f"{Path(__file__).parents[2]}/"


_HOW: Final = (
    "Written by `make profile`, with a flame graph of each role beside this page;"
    " [Performance](../performance.md) says what follows from it."
)


class Profile(Struct, frozen=True):
    """The stacks of one role, each with the number of its samples; outermost frame first."""

    role: str
    taken: Taken
    stacks: Counter[tuple[str, ...]]

    def tables(self) -> Iterator[str]:
        """Yield the lines of two tables in Markdown: CPU per lead by library, and by function."""
        own: Counter[str] = Counter()
        within: Counter[str] = Counter()
        parts: Counter[str] = Counter()
        for stack, samples in self.stacks.items():
            own[stack[-1]] += samples
            parts[_part_of(stack[-1])] += samples
            for frame in set(stack):
                within[frame] += samples
        us = self.taken.cpu_us / max(1, self.stacks.total())
        yield f"## {self.role}: {self.taken.cpu_us:.0f} us"
        yield "\n| part | us a lead |\n|---|---:|"
        yield from (
            f"| `{part or 'native'}` | {samples * us:.0f} |"
            for part, samples in parts.most_common(_FUNCTIONS)
        )
        for title, counted in (
            ("function, without what it calls", own),
            ("function, with what it calls", within),
        ):
            yield f"\n| {title} | us a lead |\n|---|---:|"
            listed = (
                (frame, samples)
                for frame, samples in counted.most_common()
                if counted is own or _is_ours(frame)
            )
            yield from (
                f"| `{frame}` | {samples * us:.0f} |"
                for (frame, samples), _ in zip(listed, range(_FUNCTIONS), strict=False)
            )


def _is_ours(frame: str) -> bool:
    return "(services/" in frame or "(shared/" in frame


def _part_of(frame: str) -> str:
    """Return the package of a frame: `shared/worker`, `services/ledger`, or a library's name."""
    path = frame.rpartition("(")[2].rstrip(")")
    names = path.partition(":")[0].split("/")
    return "/".join(names[:2]) if names[0] in ("services", "shared") else names[0]


def stacks_of(folded: str) -> Counter[tuple[str, ...]]:
    """Return the stacks in py-spy's raw format: a line for each, its frames by `;`, then its samples."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in folded.splitlines():
        frames, _, samples = line.rpartition(" ")
        named = tuple(
            _named(frame) for frame in frames.split(";") if not frame.startswith(("process ", "thread "))
        )
        if named:
            stacks[named] += int(samples)
    return stacks


def _named(frame: str) -> str:
    """Return a frame as `function (path of its file)`, without line and without where the file is installed."""
    function, _, place = frame.partition(" (")
    path = place.rstrip(")").rpartition(":")[0].removeprefix(_ROOT)
    return f"{function} ({path.rpartition(_SITE_PACKAGES)[2]})"


@asynccontextmanager
async def _sampled(form: str, to: Path) -> AsyncIterator[None]:
    """Sample what holds this process's interpreter lock, and write what was found when it is over."""
    recorder = await asyncio.create_subprocess_exec(
        *("py-spy", "record", "--pid", str(os.getpid()), "--rate", str(_RATE_HZ), "--gil"),
        *("--format", form, "--output", str(to), "--duration", "unlimited"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        await recorder.wait()


async def profiles(running: Services, folder: Path, names: list[str]) -> list[Profile]:
    """Profile these roles; those before them do their work too."""
    prefix = f"profile{uuid.uuid4().hex[:8]}"
    database = await running.postgres.create_database()
    found: list[Profile] = []
    try:
        with receiving() as url, tempfile.TemporaryDirectory(prefix="baton-bench-") as data:
            async with all_roles(running.kafka, database, prefix, Path(data)) as roles:
                await roles.subscribe(url)
                for number, (form, ending) in enumerate((("flamegraph", "svg"), ("raw", "folded")), 1):
                    await feed(running.kafka, prefix, LEADS)
                    for name in ROLES:
                        to = Path(data) if ending == "folded" or name not in names else folder
                        written = to / f"{name}.{ending}"
                        async with _sampled(form, written):
                            taken = await roles.alone(name, number * LEADS)
                        if name in names and ending == "folded":
                            found.append(Profile(name, taken, stacks_of(written.read_text())))
    finally:
        await running.postgres.drop_database(database)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("names", nargs="*", choices=[*ROLES, []], metavar="ROLE", help=", ".join(ROLES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    collect_rarely()
    with services() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(profiles(running, given.folder, given.names or list(ROLES)))
    lines = (line for profile in found for line in ("", *profile.tables()))
    text = "\n".join(("# CPU a lead, by role and function", "", _HOW, *lines)) + "\n"
    (given.folder / "profile.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
