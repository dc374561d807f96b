"""The assets of the console, read once when the gateway starts.

Every file is served under `/assets/{version}/`, where the version is a hash of all of them: a browser keeps
them for ever, and a new release changes every address at once. The stylesheets in `css/` are joined, in the
order of their names, into one `console.css`: each page has a file of its own, and the browser asks once.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

FOLDER: Final = Path(__file__).parent / "assets"
STYLESHEET: Final = "console.css"

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_COMPRESSED: Final = frozenset({".css", ".js", ".svg"})


class StaticFile(Struct, frozen=True):
    """A file: its bytes, the same compressed (None when that does not pay), its media type."""

    body: bytes
    gzipped: bytes | None
    media_type: str


class StaticFiles(Struct, frozen=True):
    """All files by name (`js/console.js`), and the version that their addresses have."""

    version: str
    files: dict[str, StaticFile]

    def url(self, name: str) -> str:
        """Return the address of a file. Raises `KeyError` for one that does not exist."""
        self.files[name]
        return f"/assets/{self.version}/{name}"


@cache
def static_files() -> StaticFiles:
    """Return the assets as they are installed."""
    bodies: dict[str, bytes] = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _MEDIA_TYPES and path.parent.name != "css":
            bodies[path.relative_to(FOLDER).as_posix()] = path.read_bytes()
    bodies[STYLESHEET] = b"\n".join(path.read_bytes() for path in sorted((FOLDER / "css").glob("*.css")))
    digest = hashlib.sha256()
    for name, body in sorted(bodies.items()):
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return StaticFiles(
        digest.hexdigest()[:12], {name: _static_file(name, body) for name, body in bodies.items()}
    )


def _static_file(name: str, body: bytes) -> StaticFile:
    suffix = Path(name).suffix
    gzipped = gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None
    return StaticFile(body, gzipped, _MEDIA_TYPES[suffix])
