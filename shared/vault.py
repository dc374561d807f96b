"""Encrypts secrets for storage in the database, with AES-256-GCM.

The key is derived from `BATON_SECRET_KEY`. The purpose of a sealed value is authenticated with it, so that a
value that is copied into another row cannot be opened there.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import BatonError

_PREFIX = "v1."
_KEY_BYTES = 32
_NONCE_BYTES = 12
_INFO = b"baton vault v1"


class VaultRefused(BatonError):
    """A sealed value cannot be opened: another `BATON_SECRET_KEY`, another purpose, or corrupt data."""


class Vault:
    """Seals and opens short texts. `random` returns that many cryptographically random bytes."""

    def __init__(self, secret: bytes, random: Callable[[int], bytes]) -> None:
        key = HKDF(SHA256(), _KEY_BYTES, salt=None, info=_INFO).derive(secret)
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, text: str, *, purpose: str) -> str:
        """Return `text` sealed for `purpose` (`subscription:<id>`), in printable ASCII."""
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())
        return _PREFIX + urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, *, purpose: str) -> str:
        """Return the text of a sealed value. Raises `VaultRefused`."""
        try:
            data = urlsafe_b64decode(sealed.removeprefix(_PREFIX))
            opened = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], purpose.encode())
        except (Base64Error, InvalidTag, ValueError) as wrong:
            raise VaultRefused("a sealed value does not open with this BATON_SECRET_KEY") from wrong
        return opened.decode()
