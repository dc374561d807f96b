"""One Apache Kafka broker (KRaft, a single node) for tests; its jars come by Maven, once per checkout."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.support.services.debian import TOOLS, install, only_one, run
from tests.support.services.ports import free_port
from tests.support.services.server import Server

_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"


@dataclass(frozen=True, slots=True)
class Kafka:
    """A broker that somebody runs; `bootstrap` is its `host:port`."""

    bootstrap: str


class KafkaBroker:
    """A broker of our own; after `stop` or `kill`, `start` opens the same data on the same port.

    `properties` is the file of its settings and `values` what its placeholders stand for besides the ports
    and the data folder; `format_options` are those of the storage tool, which makes SCRAM users.
    """

    def __init__(
        self,
        properties: Path = _HERE / "server.properties",
        values: Mapping[str, object] | None = None,
        format_options: Sequence[str] = (),
    ) -> None:
        jars = _jars()
        self._folder = Path(tempfile.mkdtemp(prefix="baton-kafka-"))
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        configured = _configure(self._folder, port, properties, values or {})
        _format(jars, configured, format_options)
        self._server = Server(
            ["java", "-Xms256m", "-Xmx1g", _log4j(), "-cp", jars, "kafka.Kafka", str(configured)],
            log=self._folder / "broker.log",
            ready_line="Kafka Server started",
            start_timeout_s=300,
        )

    @property
    def running(self) -> bool:
        return self._server.running

    def start(self) -> None:
        """Start the broker and return when it serves."""
        self._server.start()

    def stop(self) -> None:
        """End the broker in good order."""
        self._server.stop()

    def kill(self) -> None:
        """End the broker by SIGKILL."""
        self._server.kill()

    def remove(self) -> None:
        """Stop the broker and delete its data."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _jars() -> str:
    """Return the class path of the broker, fetching the jars if this checkout has none for this pom."""
    version = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    folder = TOOLS / "kafka" / version
    missing = [package for command, package in _COMMANDS.items() if shutil.which(command) is None]
    if missing:
        install(*missing)
    with only_one("kafka"):
        if not folder.is_dir():
            _fetch(folder)
    return f"{folder}/*"


_COMMANDS = {"java": "default-jre-headless", "mvn": "maven"}


def _fetch(folder: Path) -> None:
    partial = folder.with_suffix(".part")
    copy = ["mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"]
    run([*copy, f"-DoutputDirectory={partial}"], timeout_s=300)
    partial.rename(folder)


def _configure(folder: Path, port: int, template: Path, values: Mapping[str, object]) -> Path:
    properties = folder / "server.properties"
    places = {"port": port, "controller_port": free_port(), "data": folder / "data", **values}
    text = Template(template.read_text(encoding="utf-8")).substitute(places)
    properties.write_text(text, encoding="utf-8")
    return properties


def _format(jars: str, properties: Path, options: Sequence[str]) -> None:
    tool = ["java", "-Xmx256m", _log4j(), "-cp", jars, "kafka.tools.StorageTool"]
    cluster = run([*tool, "random-uuid"], timeout_s=300).strip()
    run([*tool, "format", "-t", cluster, "-c", str(properties), "--standalone", *options], timeout_s=300)


def _log4j() -> str:
    return f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}"
