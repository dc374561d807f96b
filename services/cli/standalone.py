"""Implementation of `baton up` and `demo`: all roles in one process; imported only when they run."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import typer

from services.cli.client import connect
from services.cli.demo.cases import GoldenCase, golden_cases
from services.cli.demo.report import DemoReport, print_differences, print_full_brief, print_next_steps
from services.cli.demo.runner import PlayedCase, play_cases
from services.cli.errors import Unreachable
from services.cli.output import echo, print_json
from services.cli.safe_console import SafeConsole
from services.standalone import bootstrap as standalone
from shared import secrets_file
from shared.observability import logging, tracing
from shared.observability.tracing import Tracing
from shared.policy.versions import UNAPPLIED
from shared.readiness import Readiness
from shared.settings import CommonSettings, StandaloneSettings, load
from shared.web.server import free_ports
from shared.worker import failpoints
from shared.worker.process import run_until_signalled


def run_standalone(*, with_demo: bool) -> None:
    """Run all roles until a signal. Once all are ready, play the demo if `with_demo`, and print the URL."""
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.ensure(data_dir, os.environ, os.urandom)
    settings = load(StandaloneSettings, embedded_environ(os.environ) | secrets.as_environ())
    logging.configure(settings, role="baton")
    traces = tracing.configure("standalone", os.environ)
    url = f"http://{settings.http_host}:{settings.http_port}"

    async def ready(stop: asyncio.Event, readiness: Readiness) -> None:
        files = readiness.checks.get(UNAPPLIED)
        if files is not None and files.detail:
            echo(f"Note: {files.detail}", err=True)
        if with_demo:
            played = await _play(url, secrets.admin_key, golden_cases(), stop, DemoReport())
            if stop.is_set():
                return
            print_next_steps(url, played)
        async with connect(url, secrets.admin_key) as client:
            link = await client.call("POST", "/v1/sign-in-links")
        echo(f"Console: {url}; this link signs you in, once, within minutes: {link['url']}")
        echo(f"Baton is ready on {url}")

    _run(settings, traces, ready)
    traces.stop()


def run_demo(named: str, *, as_json: bool) -> bool:
    """Play the golden cases whose name contains `named` on a temporary data directory and free ports.

    Returns whether every case held. As JSON, the result of each case is printed at the end, in place of the
    lines for people.
    """
    cases = golden_cases(named)
    if not cases:
        raise typer.BadParameter(f"no case has {named!r} in its name", param_hint="--only")
    with tempfile.TemporaryDirectory(prefix="baton-demo-") as folder:
        secrets = secrets_file.ensure(Path(folder), {}, os.urandom)
        settings = load(
            StandaloneSettings, embedded_environ(temporary_environ(Path(folder))) | secrets.as_environ()
        )
        logging.configure(settings, role="baton")
        url = f"http://{settings.http_host}:{settings.http_port}"
        played: list[PlayedCase] = []

        async def ready(stop: asyncio.Event, _readiness: Readiness) -> None:
            report = DemoReport(SafeConsole(quiet=True) if as_json else None)
            played.extend(await _play(url, secrets.admin_key, cases, stop, report))
            stop.set()

        _run(settings, Tracing(None), ready)
    failed = [case for case in played if case.differences]
    if as_json:
        print_json([case.summary() for case in played])
    else:
        print_full_brief(played)
        if failed:
            print_differences(failed)
    return len(played) == len(cases) and not failed


def _run(settings: StandaloneSettings, traces: Tracing, ready: standalone.Ready) -> None:
    failpoint = failpoints.from_environ(os.environ)
    run_until_signalled(
        lambda stop: standalone.run(settings, stop, tracing=traces, ready=ready, failpoint=failpoint)
    )


async def _play(
    url: str, admin_key: str, cases: Sequence[GoldenCase], stop: asyncio.Event, report: DemoReport
) -> list[PlayedCase]:
    """Play and print the cases one after another; return those that were played before `stop`."""

    async def follow() -> None:
        async with (
            connect(url, admin_key) as client,
            aclosing(play_cases(client, cases, run="demo")) as results,
        ):
            try:
                await report.show(results, cases)
            except Unreachable:
                if not stop.is_set():
                    raise

    async def cancel(task: asyncio.Task[None]) -> None:
        await stop.wait()
        task.cancel()

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        stopping = tasks.create_task(cancel(following))
        following.add_done_callback(lambda _followed: stopping.cancel())
    return report.played


def embedded_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the defaults of `baton up` for what it does not set."""
    given = {name: value for name, value in environ.items() if value}
    stubs_port, host = given.get("BATON_STUBS_PORT", "8090"), given.get("BATON_HTTP_HOST", "127.0.0.1")
    # The stubs listen where everything does; the address of all interfaces is none to call.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}.get(host, host)  # noqa: S104
    stubs_host = f"[{host}]" if ":" in host else host
    return {
        "BATON_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
        "BATON_PROVIDERS_ALLOW": "127.0.0.0/8,::1/128",
        "BATON_PROVIDERS_URL": f"http://{stubs_host}:{stubs_port}",
        **given,
    }


def temporary_environ(data_dir: Path) -> dict[str, str]:
    """Return an environment with this data directory and free ports, apart from any other Baton."""
    http, stubs = free_ports(2)
    return {
        "BATON_DATA_DIR": str(data_dir),
        "BATON_HTTP_PORT": str(http),
        "BATON_STUBS_PORT": str(stubs),
        "BATON_LOG_LEVEL": os.environ.get("BATON_LOG_LEVEL") or "error",
        "BATON_POLICY_DIR": os.environ.get("BATON_POLICY_DIR", ""),
    }
