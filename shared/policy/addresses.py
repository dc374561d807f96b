"""Addresses as a policy may name them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def is_web_address(text: str) -> bool:
    """Tell whether a text is an absolute http or https URL with a host, and without credentials."""
    parts = _split(text)
    return parts is not None and parts.fragment == ""


def is_origin(text: str) -> bool:
    """Tell whether a text is what a browser sends as `Origin`: scheme, host and port only."""
    parts = _split(text)
    return parts is not None and f"{parts.scheme}://{parts.netloc}" == text.casefold()


def _split(text: str) -> SplitResult | None:
    if not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        fine = parts.port is None or parts.port > 0  # reading the port checks it
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        return None
    return parts if fine else None
