"""What one form costs a reader and the machine: file switches up to `publish`, and how often its e-mail is parsed.

Both are counted on a real run: every role in this process on the embedded default, one form posted over HTTP. The
profiler of the interpreter sees every call of a Python function.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2

from services.standalone import bootstrap as standalone
from shared import secrets_file
from shared.observability.tracing import Tracing
from shared.readiness import Readiness
from shared.settings import StandaloneSettings, load
from tests.support.code_metrics import ROOT, Figure
from tests.support.services.ports import free_port

_SOURCES = (str(ROOT / "services") + os.sep, str(ROOT / "shared") + os.sep)
_FORM = {"company": "Kestrel", "message": "We would like to see a demo"}
_FORMS = 6
_GIVE_UP_S = 600


class CallCounter:
    """Counts, from `begin` on, in which files of the product Python goes from call to call."""

    def __init__(self) -> None:
        self.switches = 0
        self.parses: Counter[str] = Counter()
        self._file = ""
        self._arrived = False
        self._published = False

    def begin(self) -> None:
        """Count the calls of every thread from now on."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    def end(self) -> None:
        """Count no more."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _see(self, frame: FrameType, event: str, _argument: Any) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(_SOURCES):
            return
        if event == "call":
            if frame.f_code.co_name == "normalise_email":
                self.parses[_role_of(frame.f_back)] += 1
            if frame.f_code.co_name == "publish" and file.endswith("publisher.py"):
                self._published = True
            if frame.f_code.co_name == "__call__" and file.endswith("gateway/app.py"):
                self._arrived = True
        if event == "call" and self._arrived and not self._published and file != self._file:
            self.switches += 1
            self._file = file


def _role_of(frame: FrameType | None) -> str:
    """Return which part of the product called, e.g. `services/gateway`."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "services"):
            return str(Path(*path.relative_to(ROOT).parts[:2]))
        frame = frame.f_back
    return "elsewhere"


async def _count_calls(http: httpx2.AsyncClient, form: dict[str, str]) -> CallCounter:
    """Post a form and return what was counted until its lead was routed."""
    counter = CallCounter()
    counter.begin()
    try:
        posted = (await http.post("/hooks/forms/website", data=form)).json()
        async with asyncio.timeout(_GIVE_UP_S):
            while (await http.get(posted["status_url"])).json().get("status") != "routed":
                await asyncio.sleep(0.1)
    finally:
        counter.end()
    return counter


async def path_figures() -> list[Figure]:
    """Return the figures of one form on its way from HTTP to `routed`.

    Other roles work in the same event loop and add switches of their own, so the lowest count of a few forms is the
    one of the request itself. The first form fills what is read once, such as the lists of domains.
    """
    counters: list[CallCounter] = []
    stubs_port = free_port()
    with tempfile.TemporaryDirectory(prefix="baton-metrics-") as folder:
        secrets = secrets_file.ensure(Path(folder), {}, os.urandom)
        environ = {
            "BATON_DATA_DIR": folder,
            "BATON_HTTP_PORT": str(free_port()),
            "BATON_STUBS_PORT": str(stubs_port),
            "BATON_PROVIDERS_URL": f"http://127.0.0.1:{stubs_port}",
            "BATON_PROVIDERS_ALLOW": "127.0.0.0/8",
            "BATON_POLICY_DIR": str(ROOT / "config"),
            "BATON_LOG_LEVEL": "error",
        }
        settings = load(StandaloneSettings, environ | secrets.as_environ())
        url = f"http://{settings.http_host}:{settings.http_port}"
        headers = {"authorization": f"Bearer {secrets.admin_key}"}

        async def post_form(stop: asyncio.Event, _readiness: Readiness) -> None:
            async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=_GIVE_UP_S) as http:
                for number in range(_FORMS):
                    form = {**_FORM, "email": f"dana.lee@kestrel-{number}.example"}
                    counters.append(await _count_calls(http, form))
            stop.set()

        await standalone.run(settings, asyncio.Event(), tracing=Tracing(None), ready=post_form)
    elsewhere = ("services/provider_stubs", "elsewhere")
    parses = {role: count for role, count in counters[-1].parses.items() if role not in elsewhere}
    switches = min(counter.switches for counter in counters[1:])
    return [
        Figure(
            "file switches from a form's request to `publish`",
            switches,
            aim=25,
            reason="A form passes limits, labels, honeypot, trust, activity and captcha, each a module with tests "
            "of its own.",
        ),
        Figure("parses of the e-mail address of one lead", sum(parses.values()), aim=2),
        *(Figure(f"    of them in {role}", count) for role, count in sorted(parses.items())),
    ]
