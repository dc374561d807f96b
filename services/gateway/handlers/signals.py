"""`/hooks/signals/{source}`: buying signals and later activities from tools with a source of their own."""

from __future__ import annotations

from services.gateway.handlers.bodies import json_bytes
from services.gateway.handlers.exchange import Answer, Call
from services.gateway.handlers.hooks import admit, find_source
from services.gateway.handlers.intake import accept_signals


async def post_signal(call: Call) -> Answer:
    """Take one signal or a list of signals."""
    source = find_source(call, "signals")
    raw = await json_bytes(call)
    admit(call, source, raw)
    return await accept_signals(call, raw, "POST /hooks/signals")
