"""Health check of a role on this machine: `python -m shared.web.probe [livez|readyz]`.

Exit code 0 when the role answers 200, else 1 with the reason. It imports the standard library only, because
it is started every few seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

OPS_PORT = "9090"
"""The default of `BATON_OPS_PORT`, repeated here because reading the settings takes longer than the call."""

_TIMEOUT_S = 2.0


def complaint(path: str, environ: Mapping[str, str]) -> str:
    """Return what is wrong with the role, or nothing when all is well."""
    port = int(environ.get("BATON_OPS_PORT") or OPS_PORT)
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return f"no answer on port {port}: {error}"
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{answer.status}: {body}"


if __name__ == "__main__":
    sys.exit(complaint(sys.argv[1] if len(sys.argv) > 1 else "livez", os.environ) or None)
