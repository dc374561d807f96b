"""TLS to PostgreSQL, by the parameters that libpq reads from a URL.

SQLAlchemy hands a URL's parameters to asyncpg as they are, and asyncpg takes an `SSLContext` and no names of
files. So Baton reads these itself: `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and `sslpassword`.
"""

from __future__ import annotations

import ssl
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import Crash

_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword")
_MODES = ("disable", "require", "verify-ca", "verify-full")


def create_engine_with_tls(url: str, **options: Any) -> AsyncEngine:
    """Return an engine for `url`. Raises `Crash` for an unknown `sslmode` and for unusable files."""
    parsed = make_url(url)
    context = tls_context(parsed)
    if context is not None:
        options["connect_args"] = {"ssl": context}
    return create_async_engine(parsed.difference_update_query(_PARAMETERS), **options)


def tls_context(url: URL) -> ssl.SSLContext | None:
    """Return how a connection to `url` is protected; None when the URL does not ask for TLS.

    As in libpq, `require` alone encrypts and does not check the server; with `sslrootcert` it is `verify-ca`.
    """
    given = {name: value for name in _PARAMETERS if isinstance(value := url.query.get(name), str)}
    mode = given.get("sslmode")
    if not given or mode == "disable":
        return None
    if mode not in _MODES:
        raise Crash(f"BATON_DATABASE_URL: sslmode should be one of {', '.join(_MODES)}, not {mode}")
    try:
        context = ssl.create_default_context(cafile=given.get("sslrootcert"))
        context.check_hostname = mode == "verify-full"
        if mode == "require" and "sslrootcert" not in given:
            context.verify_mode = ssl.CERT_NONE
        if "sslcert" in given:
            context.load_cert_chain(given["sslcert"], given.get("sslkey"), given.get("sslpassword"))
    except (OSError, ssl.SSLError) as error:
        raise Crash(f"BATON_DATABASE_URL: the files of its TLS parameters cannot be used: {error}") from error
    return context
