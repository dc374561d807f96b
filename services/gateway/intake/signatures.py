"""How a request proves that its sender knows the secret: by schemes that are data. No I/O, no clock.

A signature is compared in constant time. What cannot be read (a header that is missing, a secret in another
notation, a time too far off) proves nothing.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from shared.integrations.intake_preset import SignatureScheme, SignatureTimestamp
from shared.integrations.preset_types import Template

_SIGNATURES_MAX: Final = 16
"""A sender that changes its secret uses two or three at once; the limit keeps a hostile header cheap."""
_HEADER_LENGTH_MAX: Final = 4_096
_BASE64_PREFIX: Final = "whsec_"
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_PATTERNS: Final[Mapping[str, str]] = {"signature": "[^,\\s]+", "timestamp": "[0-9]{1,16}", "id": "[^,\\s]+"}
_DIGITS: Final = re.compile("[0-9]{1,16}")
_DEFAULT_TIMESTAMP: Final = SignatureTimestamp()

STANDARD_WEBHOOKS: Final = SignatureScheme.model_validate(
    {
        "scheme": "hmac",
        "encoding": "base64",
        "key": "secret_base64",
        "header": "webhook-signature",
        "value": "v1,{signature}",
        "signed": "{id}.{timestamp}.{body}",
        "timestamp": {"header": "webhook-timestamp", "unit": "s", "tolerance": "5m"},
        "id": {"header": "webhook-id"},
    }
)
"""https://github.com/standard-webhooks/standard-webhooks; Svix sends the same headers under its own name."""
SVIX: Final = STANDARD_WEBHOOKS.model_copy(
    update={
        "header": "svix-signature",
        "timestamp": SignatureTimestamp(header="svix-timestamp"),
        "id": SignatureTimestamp(header="svix-id"),
    }
)
HUB: Final = SignatureScheme.model_validate(
    {"scheme": "hmac", "header": "x-hub-signature-256", "value": "sha256={signature}"}
)
"""`X-Hub-Signature-256`, as Meta and WebSub hubs send it."""
PLAIN_SCHEMES: Final[Mapping[str, SignatureScheme]] = {
    "standard": SignatureScheme(scheme="standard_webhooks"),
    "hub": HUB,
}
"""The schemes that a source may name besides those of vendors."""


class SignedRequest(Struct, frozen=True):
    """A request as its signature sees it: the URL that the sender called, and the bytes of the body."""

    method: str
    url: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


def proves(scheme: SignatureScheme, secret: str, request: SignedRequest, at: datetime) -> bool:
    """Tell whether the signature of a request, made with the secret, is right at this time.

    A scheme that sends the secret itself (`basic`, `shared_secret`) proves nothing here; see `sent_secrets`.
    """
    if scheme.scheme == "standard_webhooks":
        return any(_is_signed(one, secret, request, at) for one in (STANDARD_WEBHOOKS, SVIX))
    return scheme.scheme in ("hmac", "ed25519") and _is_signed(scheme, secret, request, at)


def sent_secrets(
    scheme: SignatureScheme, request: SignedRequest, read_body: Callable[[], Any] = lambda: None
) -> Sequence[str]:
    """Return the secrets that a request of such a scheme carries as they are, none for a signature.

    `read_body` returns the value that `body` of the scheme has in the body of the request.
    """
    found: list[Any] = []
    if scheme.scheme == "basic":
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        decoded = _from_base64(credentials.strip()) if kind.lower() == "basic" else None
        found.append(None if decoded is None else decoded.decode("utf-8", "replace"))
    elif scheme.scheme == "shared_secret":
        if scheme.header is not None:
            found.append(request.headers.get(scheme.header.lower()))
        if scheme.query is not None:
            found.append(request.query.get(scheme.query))
        if scheme.body is not None:
            found.append(read_body())
    return [text for value in found if isinstance(value, str | int) and (text := str(value))]


def request_id(scheme: SignatureScheme | None, headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return header and value by which a sender names a request that it signs, None where it names none."""
    if scheme is None:
        return None
    of_schemes = (STANDARD_WEBHOOKS, SVIX) if scheme.scheme == "standard_webhooks" else (scheme,)
    for one in of_schemes:
        if one.id is not None and one.id.header and (value := headers.get(one.id.header.lower())):
            return one.id.header.lower(), value
    return None


def secret_problem(scheme: SignatureScheme, secret: str) -> str | None:
    """Return why a secret cannot be the key of a scheme, without the secret; None when it can."""
    kind = "secret_base64" if scheme.scheme == "standard_webhooks" else scheme.key
    if scheme.scheme == "ed25519":
        return None if _public_key(secret) else "the public key is 32 bytes as hex or base64"
    if kind == "secret_base64" and not _key(kind, secret):
        return "a webhook secret is base64, with or without whsec_ in front, and not empty"
    if kind == "secret_hex" and not _key(kind, secret):
        return "the secret is hex, and not empty"
    return None


def _is_signed(scheme: SignatureScheme, secret: str, request: SignedRequest, at: datetime) -> bool:
    parts = parts_of_header(scheme, request.headers)
    signatures = parts.get("signature", [])[:_SIGNATURES_MAX]
    timestamp = signed_timestamp(scheme, request.headers, parts, at)
    if not signatures or timestamp is None:
        return False
    id_header = scheme.id.header if scheme.id else None
    id_ = request.headers.get(id_header.lower(), "") if id_header else next(iter(parts.get("id", [])), "")
    if "id" in scheme.signed.names and not id_:
        return False
    for url in dict.fromkeys((request.url, unquote(request.url))):  # some vendors sign it decoded
        values = {
            "body": request.body,
            "method": request.method.encode(),
            "url": url.encode("utf-8", "surrogatepass"),
            "path": request.path.encode("utf-8", "surrogatepass"),
            "timestamp": timestamp.encode(),
            "id": id_.encode("utf-8", "surrogatepass"),
            "secret": secret.encode(),
        }
        content = signed_content(scheme.signed, values)
        if any(is_signature_of(scheme, secret, content, signature) for signature in signatures):
            return True
    return False


def is_signature_of(scheme: SignatureScheme, secret: str, content: bytes, signature: str) -> bool:
    if scheme.scheme == "ed25519":
        key, given = _public_key(secret), _binary(signature)
        if key is None or given is None:
            return False
        try:
            key.verify(given, content)
        except (InvalidSignature, ValueError):
            return False
        return True
    key_bytes = _key(scheme.key, secret)
    if not key_bytes:
        return False
    mac = hmac.digest(key_bytes, content, scheme.digest)
    if scheme.encoding == "hex":
        expected, offered = mac.hex(), signature.lower()
    elif scheme.encoding == "base64":
        expected, offered = b64encode(mac).decode(), signature
    else:
        expected, offered = urlsafe_b64encode(mac).decode().rstrip("="), signature.rstrip("=")
    return hmac.compare_digest(offered.encode("utf-8", "surrogatepass"), expected.encode())


def parts_of_header(scheme: SignatureScheme, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what stands in the places of the header's value, which may have several signatures."""
    found: dict[str, list[str]] = {}
    text = headers.get((scheme.header or "").lower(), "")[:_HEADER_LENGTH_MAX]
    for token in re.split(r"[,\s]+", text, maxsplit=4 * _SIGNATURES_MAX):
        for name, pattern in value_patterns(scheme.value.text):
            if (match := pattern.fullmatch(token)) is not None:
                found.setdefault(name, []).append(match[1])
    return found


@lru_cache(maxsize=256)
def value_patterns(template: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return for each place in a template its name and the pattern of the token that it stands in."""
    patterns: list[tuple[str, re.Pattern[str]]] = []
    for token in re.split(r"[,\s]+", template):
        if (place := _PLACE.search(token)) is not None and place[1] in _PATTERNS:
            before, behind = re.escape(token[: place.start()]), re.escape(token[place.end() :])
            patterns.append((place[1], re.compile(f"{before}({_PATTERNS[place[1]]}){behind}")))
    return tuple(patterns)


def signed_timestamp(
    scheme: SignatureScheme, headers: Mapping[str, str], parts: Mapping[str, list[str]], at: datetime
) -> str | None:
    """Return the signed time as it was sent, "" where none is signed, None when it is missing or far off."""
    if scheme.timestamp is None and "timestamp" not in scheme.signed.names | scheme.value.names:
        return ""
    terms = scheme.timestamp or _DEFAULT_TIMESTAMP
    text = (
        headers.get(terms.header.lower(), "") if terms.header else next(iter(parts.get("timestamp", [])), "")
    )
    if not _DIGITS.fullmatch(text):
        return None
    seconds = int(text) / (1_000 if terms.unit == "ms" else 1)
    return text if abs(at.timestamp() - seconds) <= terms.tolerance.seconds else None


def signed_content(template: Template, values: Mapping[str, bytes]) -> bytes:
    """Return what is signed: the template with the values in its places."""
    pieces = enumerate(_PLACE.split(template.text))
    return b"".join([values.get(piece, b"") if index % 2 else piece.encode() for index, piece in pieces])


def _key(kind: str, secret: str) -> bytes | None:
    if kind == "secret_base64":
        return _from_base64(secret.removeprefix(_BASE64_PREFIX))
    if kind == "secret_hex":
        return _from_hex(secret)
    return secret.encode()


@lru_cache(maxsize=256)
def _public_key(text: str) -> Ed25519PublicKey | None:
    raw = _binary(text.strip())
    return Ed25519PublicKey.from_public_bytes(raw) if raw is not None and len(raw) == 32 else None


def _binary(text: str) -> bytes | None:
    """Return what is written as hex or as base64."""
    return _from_hex(text) or _from_base64(text)


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    encoded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (Base64Error, ValueError):
        return None
