"""Checks where webhooks of queues, reps and managers go."""

from __future__ import annotations

from typing import Any

from shared.policy.addresses import is_web_address
from shared.policy.models import Destination
from shared.policy.policy_file import PolicyFile
from shared.rules.findings import Path


def lint_destination(file: PolicyFile[Any], destination: Destination, path: Path) -> None:
    """Report a destination that is no web address, or that nobody could sign for."""
    if destination.url and not is_web_address(destination.url):
        file.error((*path, "url"), "should be an http or https address, or empty")
    if destination.url and not destination.secret_env:
        file.error(path, "secret_env should name the variable with the secret that signs the deliveries")
