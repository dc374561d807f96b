"""A clock file (`BATON_CLOCK_FILE`): the time of a running Baton, which a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.api import Api, eventually


class MovedClock:
    """The offset from the machine's clock that Baton reads from `file`, each second anew."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.offset = timedelta()
        self._write()

    def now(self) -> datetime:
        """Return the time as Baton has it once it has read the file."""
        return datetime.now(UTC) + self.offset

    def move(self, by: timedelta, api: Api) -> None:
        """Move the clock forward and return when `api`'s Baton has noticed, which its answers date."""
        self.offset += by
        self._write()
        eventually(lambda: self._noticed(api), what="the moved clock")

    def _noticed(self, api: Api) -> bool:
        key = api.http.post("/v1/api-keys", json={"name": "clock", "scopes": ["read"]}).json()
        api.http.delete(f"/v1/api-keys/{key['id']}")
        return datetime.fromisoformat(key["created_at"]) > self.now() - timedelta(minutes=1)

    def _write(self) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(self.offset.total_seconds()))
        fresh.replace(self.file)
