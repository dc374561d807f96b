"""A data vendor that only answers, over HTTP: organisations with the rounds that the test gives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SignalVendorSimulator:
    """Answers `GET …?domain=…` as Apollo's enrichment of organisations does, on a free port of this machine.

    `asked` has the domain and the API key of each request. `reply` replaces the status and the headers of all
    answers while it is set.
    """

    def __init__(self) -> None:
        self.rounds: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.reply: tuple[int, Mapping[str, str]] | None = None

    @property
    def domains(self) -> list[str]:
        """The domains that were asked about, in order."""
        return [domain for domain, _key in self.asked]

    def answer(self, url: str, key: str) -> tuple[int, Mapping[str, str], Any]:
        """Return status, headers and body of the answer to a request."""
        domain = parse_qs(urlsplit(url).query).get("domain", [""])[0]
        self.asked.append((domain, key))
        if self.reply is not None:
            return *self.reply, {"error": "no"}
        if domain not in self.rounds:
            return 200, {}, {"organization": None}
        events = self.rounds[domain]
        organization = {"id": f"id of {domain}", "primary_domain": domain, "funding_events": events}
        return 200, {}, {"organization": organization}


@contextmanager
def running_vendor() -> Iterator[tuple[SignalVendorSimulator, str]]:
    """Serve a vendor; yield it and its base URL."""
    vendor = SignalVendorSimulator()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, answer = vendor.answer(self.path, self.headers.get("x-api-key", ""))
            body = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield vendor, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
