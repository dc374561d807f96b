"""The integrations of data vendors, by the name that the policy uses (`integration`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.enricher.providers.apollo import APOLLO
from services.enricher.providers.clearbit import CLEARBIT
from services.enricher.providers.hunter import HUNTER
from services.enricher.providers.integration import Integration
from services.enricher.providers.peopledatalabs import PEOPLEDATALABS
from services.enricher.providers.zerobounce import ZEROBOUNCE

INTEGRATIONS: Final[Mapping[str, Integration]] = {
    integration.name: integration for integration in (PEOPLEDATALABS, APOLLO, CLEARBIT, HUNTER, ZEROBOUNCE)
}
