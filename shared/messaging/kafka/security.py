"""How clients of Kafka prove who they are and whom they talk to: TLS and SASL, as aiokafka takes them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from shared.errors import Crash
from shared.messaging.kafka.oauth import ClientCredentials
from shared.settings import KafkaSettings


def security_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that every client of aiokafka takes for security; empty for plain text.

    Raises `Crash` for a file that cannot be read, and for a SASL mechanism without its credentials.
    """
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {}
    if protocol in ("SSL", "SASL_SSL"):
        options |= {"security_protocol": protocol, "ssl_context": _tls_context(settings)}
    if protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
        options |= {"security_protocol": protocol, **_sasl_options(settings)}
    return options


def _tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and name, and shows the client's, if any."""
    password = settings.kafka_private_key_password
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_certificate_file is not None:
            context.load_cert_chain(
                settings.kafka_certificate_file,
                settings.kafka_private_key_file,
                None if password is None else password.get_secret_value(),
            )
    except (OSError, ssl.SSLError) as error:
        raise Crash(
            "the files of BATON_KAFKA_CA_FILE, BATON_KAFKA_CERTIFICATE_FILE and BATON_KAFKA_PRIVATE_KEY_FILE "
            f"cannot be used: {error}"
        ) from error
    return context


def _sasl_options(settings: KafkaSettings) -> Mapping[str, Any]:
    mechanism = settings.kafka_sasl_mechanism
    if mechanism is None:
        raise Crash("BATON_KAFKA_SASL_MECHANISM is not set")
    if mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": mechanism, "sasl_oauth_token_provider": _token_provider(settings)}
    username, password = settings.kafka_sasl_username, settings.kafka_sasl_password
    if username is None or password is None:
        raise Crash(f"{mechanism} needs BATON_KAFKA_SASL_USERNAME and BATON_KAFKA_SASL_PASSWORD")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": username,
        "sasl_plain_password": password.get_secret_value(),
    }


def _token_provider(settings: KafkaSettings) -> AbstractTokenProvider:
    url, client_id = settings.kafka_oauth_token_url, settings.kafka_oauth_client_id
    secret = settings.kafka_oauth_client_secret
    if url is None or client_id is None or secret is None:
        raise Crash(
            "OAUTHBEARER needs BATON_KAFKA_OAUTH_TOKEN_URL, BATON_KAFKA_OAUTH_CLIENT_ID and "
            "BATON_KAFKA_OAUTH_CLIENT_SECRET"
        )
    return ClientCredentials(url, client_id, secret.get_secret_value(), settings.kafka_oauth_scope)
