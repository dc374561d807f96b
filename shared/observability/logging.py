"""Structured logs on one stream: Baton's own and every library's, as JSON or for a terminal.

Code logs by `structlog.get_logger()`; `log_context` puts the lead and the trace on every line within it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from io import StringIO
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from shared.observability.traceparent import trace_id
from shared.printable import printable, printable_line
from shared.settings import CommonSettings

REDACTED = "[redacted]"

_LIBRARY_LEVELS = {"alembic": logging.WARNING, "uvicorn": logging.WARNING, "aiokafka": logging.CRITICAL}
"""The log level of libraries that log much.

While no broker is reachable aiokafka logs ten errors a second; Baton logs what it waits for.
"""
_HTTP_CLIENTS = ("httpx2", "httpcore2")
"""Libraries that never log below WARNING: they would log the URL and the headers of every request, in which
providers get their API keys and people's e-mail addresses.
"""
_OF_SEVERAL_LINES = ("exception", "stack")
_SECRET_WORDS = ("authorization", "secret", "password", "token", "api_key", "admin_key", "secret_key")


def configure(settings: CommonSettings, *, role: str, out: TextIO | None = None) -> None:
    """Send all logs of this process to `out` (standard error), from the level of the settings up."""
    stream = out or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    chain = _chain(role)
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderers(settings, stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for library, quiet in _LIBRARY_LEVELS.items():
        logging.getLogger(library).setLevel(level if level == logging.DEBUG else quiet)
    for library in _HTTP_CLIENTS:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def log_context(*, lead_id: str = "", traceparent: str = "") -> AbstractContextManager[object]:
    """Within it, every line carries `lead_id` and the `trace_id` of the traceparent."""
    bound: dict[str, str] = {}
    if lead_id:
        bound["lead_id"] = lead_id
    if traceparent:
        bound["trace_id"] = trace_id(traceparent)
    return structlog.contextvars.bound_contextvars(**bound)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace every value whose name says that it is a secret, at any depth."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: object, value: Any) -> Any:
    if isinstance(name, str) and name.lower().replace("-", "_").endswith(_SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {key: _redacted(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        # Headers are often a list of pairs: the first of a pair may name the second.
        return [
            [item[0], _redacted(*item)]
            if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str)
            else _redacted(None, item)
            for item in value
        ]
    return value


def _chain(role: str) -> list[Processor]:
    def add_role(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("role", role)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_role,
        redact,
    ]


def renderers(settings: CommonSettings, out: TextIO) -> list[Processor]:
    """Return the processors that turn an event into a line: for a terminal, or as JSON."""
    if settings.log_format == "console" or (settings.log_format == "auto" and out.isatty()):
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_write_traceback)
        return [_show_control_characters, renderer]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


def _show_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what a terminal would obey: a reason may quote a stranger. JSON escapes it by itself."""

    def shown(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value  # the renderer prints its `repr`
        return printable(value) if name in _OF_SEVERAL_LINES else printable_line(value)

    return {name: shown(name, value) for name, value in event.items()}


def _write_traceback(out: TextIO, error: ExcInfo) -> None:
    """Write a plain traceback: rich ones print local variables, which may hold personal data and secrets."""
    plain = StringIO()
    structlog.dev.plain_traceback(plain, error)
    out.write(printable(plain.getvalue()))
