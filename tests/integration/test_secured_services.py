"""Kafka over TLS with each SASL mechanism or a client's certificate, and PostgreSQL over TLS."""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import text

from shared.clock import SystemClock
from shared.errors import BatonError, Crash
from shared.messaging.connect import connect
from shared.messaging.manifest import LEADS_SCORED
from shared.messaging.port import Outgoing, Partition, Record
from shared.settings import KafkaSettings, SettingsError, load
from shared.storage.database import Database
from shared.storage.migrate import migrate, pending
from tests.support.services.kafka import KafkaBroker
from tests.support.services.ports import free_port
from tests.support.services.postgres import PostgresServer

PASSWORD = "a-password-of-a-test"
PROPERTIES = Path(__file__).parents[1] / "support" / "services" / "server-secured.properties"


@dataclass(frozen=True)
class Certificates:
    """An authority, and a certificate with its key for the server and for the client, all as PEM files."""

    authority: Path
    server: Path
    client: Path
    other_authority: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    made = Certificates(*(folder / f"{name}.pem" for name in ("authority", "server", "client", "other")))
    authority.cert_pem.write_to_path(made.authority)
    trustme.CA().cert_pem.write_to_path(made.other_authority)
    server = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    key = load_pem_private_key(server.private_key_pem.bytes(), None)
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    # Java reads no other form of a key.
    made.server.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
    client = authority.issue_cert("postgres@client.example", common_name="postgres")
    client.private_key_and_cert_chain_pem.write_to_path(made.client)
    return made


@dataclass(frozen=True)
class SecuredKafka:
    bootstrap: str
    certificate_bootstrap: str


@pytest.fixture(scope="module")
def secured_kafka(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[SecuredKafka]:
    request.getfixturevalue("kafka")  # skips, or fails in CI, where there is none
    port = free_port()
    values = {
        "certificate_port": port,
        "identity": certificates.server,
        "authority": certificates.authority,
        "password": PASSWORD,
    }
    users = [
        option
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for option in ("--add-scram", f"{mechanism}=[name=baton,password={PASSWORD}]")
    ]
    broker = KafkaBroker(PROPERTIES, values, users)
    try:
        broker.start()
        yield SecuredKafka(broker.bootstrap, f"127.0.0.1:{port}")
    finally:
        broker.remove()


class TokenEndpoint:
    """An OAuth 2.0 token endpoint that gives unsigned tokens to one client; `asked` counts its requests."""

    def __init__(self) -> None:
        self.asked = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.asked += 1
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                known = base64.b64encode(b"baton:" + PASSWORD.encode()).decode()
                if form != {"grant_type": ["client_credentials"], "scope": ["kafka"]} or (
                    self.headers["authorization"] != f"Basic {known}"
                ):
                    self.send_error(401)
                    return
                body = json.dumps({"access_token": _unsigned_token(), "expires_in": 300}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _unsigned_token() -> str:
    now = SystemClock().now().timestamp()
    parts = ({"alg": "none"}, {"sub": "baton", "iat": now, "exp": now + 300})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join(encoded) + "."


@pytest.fixture
def token_endpoint() -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    yield endpoint
    endpoint.close()


async def round_trip(bootstrap: str, environ: Mapping[str, str], tmp_path: Path) -> None:
    """Write one record and read it back. Raises what the connection raises."""
    stream = connect(
        f"kafka://{bootstrap}",
        data_dir=tmp_path,
        prefix=f"t{uuid.uuid4().hex[:10]}",
        partitions=1,
        retention_days=1,
        clock=SystemClock(),
        create_topics=True,
        security=load(KafkaSettings, environ),
    )
    await stream.open()
    try:
        sink = await stream.sink()
        await (await sink.send([Outgoing(LEADS_SCORED.name, b"key", b"a value")]))

        async def lose(_partitions: frozenset[Partition]) -> None:
            """Nothing is in hand."""

        source = await stream.source("reader", [LEADS_SCORED.name], lose)
        records: Sequence[Record] = []
        while not records:
            records = (await source.poll(10, 1.0)).records
        assert [record.value for record in records] == [b"a value"]
        await source.close()
        await sink.close()
    finally:
        await stream.close()


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "scram-sha-512"])
async def test_sasl_with_a_password(
    secured_kafka: SecuredKafka, certificates: Certificates, mechanism: str, tmp_path: Path
):
    environ = {
        "BATON_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "BATON_KAFKA_CA_FILE": str(certificates.authority),
        "BATON_KAFKA_SASL_MECHANISM": mechanism,
        "BATON_KAFKA_SASL_USERNAME": "baton",
        "BATON_KAFKA_SASL_PASSWORD": PASSWORD,
    }
    await round_trip(secured_kafka.bootstrap, environ, tmp_path)
    with pytest.raises(BatonError):
        await round_trip(secured_kafka.bootstrap, environ | {"BATON_KAFKA_SASL_PASSWORD": "x"}, tmp_path)


@pytest.mark.kafka
async def test_sasl_with_an_oauth_token(
    secured_kafka: SecuredKafka, certificates: Certificates, token_endpoint: TokenEndpoint, tmp_path: Path
):
    environ = {
        "BATON_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "BATON_KAFKA_CA_FILE": str(certificates.authority),
        "BATON_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "BATON_KAFKA_OAUTH_TOKEN_URL": token_endpoint.url,
        "BATON_KAFKA_OAUTH_CLIENT_ID": "baton",
        "BATON_KAFKA_OAUTH_CLIENT_SECRET": PASSWORD,
        "BATON_KAFKA_OAUTH_SCOPE": "kafka",
    }
    await round_trip(secured_kafka.bootstrap, environ, tmp_path)
    assert token_endpoint.asked == 1, "one token serves all connections"
    with pytest.raises(BatonError):
        await round_trip(
            secured_kafka.bootstrap, environ | {"BATON_KAFKA_OAUTH_CLIENT_SECRET": "x"}, tmp_path
        )


@pytest.mark.kafka
async def test_the_certificate_of_a_client(
    secured_kafka: SecuredKafka, certificates: Certificates, tmp_path: Path
):
    environ = {
        "BATON_KAFKA_SECURITY_PROTOCOL": "ssl",
        "BATON_KAFKA_CA_FILE": str(certificates.authority),
        "BATON_KAFKA_CERTIFICATE_FILE": str(certificates.client),
    }
    await round_trip(secured_kafka.certificate_bootstrap, environ, tmp_path)
    for wrong in (
        {"BATON_KAFKA_CERTIFICATE_FILE": ""},
        {"BATON_KAFKA_CA_FILE": str(certificates.other_authority)},
    ):
        with pytest.raises(BatonError):
            await round_trip(secured_kafka.certificate_bootstrap, environ | wrong, tmp_path)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"BATON_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "BATON_KAFKA_SASL_MECHANISM is not set"),
        (
            {"BATON_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "BATON_KAFKA_SASL_MECHANISM": "PLAIN"},
            "PLAIN needs BATON_KAFKA_SASL_USERNAME and BATON_KAFKA_SASL_PASSWORD",
        ),
        (
            {"BATON_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "BATON_KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "OAUTHBEARER needs BATON_KAFKA_OAUTH_TOKEN_URL",
        ),
        (
            {"BATON_KAFKA_SECURITY_PROTOCOL": "SSL", "BATON_KAFKA_CA_FILE": "/no/such/file"},
            "BATON_KAFKA_CA_FILE",
        ),
    ],
)
async def test_incomplete_settings_name_the_variable(environ: dict[str, str], message: str, tmp_path: Path):
    with pytest.raises(Crash, match=message):
        await round_trip("127.0.0.1:1", environ, tmp_path)


def test_sasl_without_its_protocol_is_refused():
    with pytest.raises(
        SettingsError, match=r"^BATON_KAFKA_SASL_MECHANISM: needs BATON_KAFKA_SECURITY_PROTOCOL"
    ):
        load(KafkaSettings, {"BATON_KAFKA_SASL_MECHANISM": "PLAIN"})


@pytest.fixture(scope="module")
def secured_postgres(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[PostgresServer]:
    """A server that serves TLS only, to clients with a certificate of the authority."""
    request.getfixturevalue("postgres")  # skips, or fails in CI, where there is none
    folder = tmp_path_factory.mktemp("postgres")
    identity, key = folder / "server.pem", folder / "server.key"
    shutil.copy(certificates.server, identity)
    shutil.copy(certificates.server, key)
    access = folder / "pg_hba.conf"
    access.write_text("hostssl all all 127.0.0.1/32 cert\n")
    server = PostgresServer(
        *("-c", "ssl=on", "-c", f"ssl_cert_file={identity}", "-c", f"ssl_key_file={key}"),
        *("-c", f"ssl_ca_file={certificates.authority}", "-c", f"hba_file={access}"),
    )
    key.chmod(0o600)
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        for file in (identity, key, access):
            os.chown(file, account.pw_uid, account.pw_gid)
        for above in (folder, *folder.parents[:3], certificates.authority.parent):
            above.chmod(0o755)
    server.start()
    yield server
    server.remove()


@pytest.mark.postgres
async def test_postgresql_with_the_certificate_of_a_client(
    secured_postgres: PostgresServer, certificates: Certificates
):
    bare = secured_postgres.url("postgres")
    client = f"&sslcert={certificates.client}"
    url = f"{bare}?sslmode=verify-full&sslrootcert={certificates.authority}{client}"
    await migrate(url)
    assert await pending(url) == ""
    database = Database(url)
    async with database.read() as tx:
        used = await tx.execute(text("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
        assert used.scalar() is True
    await database.close()
    for refused in (
        bare,
        f"{bare}?sslmode=verify-full&sslrootcert={certificates.authority}",
        f"{bare}?sslmode=verify-ca&sslrootcert={certificates.other_authority}{client}",
    ):
        other = Database(refused)
        with pytest.raises(BatonError):
            await other.ping()
        await other.close()


@pytest.mark.parametrize(
    "query", ["sslmode=prefer", "sslrootcert=/x", "sslmode=verify-full&sslrootcert=/no/file"]
)
async def test_a_url_with_wrong_tls_parameters_is_refused(query: str):
    with pytest.raises(Crash, match="BATON_DATABASE_URL"):
        await migrate(f"postgresql+asyncpg://baton@127.0.0.1:1/baton?{query}")
