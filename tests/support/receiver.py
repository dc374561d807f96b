"""A webhook endpoint as a customer would have it: verifies, remembers, answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shared.web.signing import TOLERANCE_S, SignatureInvalid, verify


@dataclass(frozen=True)
class Delivery:
    webhook_id: str
    type: str
    data: dict[str, Any]
    headers: dict[str, str]


class Receiver:
    """Listens on a free port of 127.0.0.1. `status` and `body` of its answers may be changed to misbehave."""

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), tolerance_s: float = TOLERANCE_S
    ) -> None:
        self.secret = ""
        self.status = 204
        self.body = b""
        self.deliveries: list[Delivery] = []
        self.invalid: list[str] = []
        self._now = now
        self._tolerance_s = tolerance_s
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def about(self, lead_id: str, type_: str = "lead.routed") -> list[Delivery]:
        """Return the deliveries of one type about a lead, repeats included."""
        return [
            one for one in list(self.deliveries) if one.data.get("lead_id") == lead_id and one.type == type_
        ]

    def ids(self, type_: str = "lead.routed") -> set[str]:
        return {one.webhook_id for one in list(self.deliveries) if one.type == type_}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner._take(headers, body)
                self.send_response(owner.status)
                self.send_header("content-length", str(len(owner.body)))
                self.end_headers()
                self.wfile.write(owner.body)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        try:
            verify(self.secret, headers, body, self._now(), self._tolerance_s)
        except SignatureInvalid as wrong:
            self.invalid.append(str(wrong))
            return
        content = json.loads(body)
        self.deliveries.append(Delivery(headers["webhook-id"], content["type"], content["data"], headers))
