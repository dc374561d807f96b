"""The integrations of data vendors that come with Baton, by name."""

from __future__ import annotations

from services.enricher.providers.integration import Integration
from shared.integrations.catalog import built_in_integrations

PRESETS = {name: folder.preset for name, folder in built_in_integrations().providers.items()}
INTEGRATIONS = {name: Integration(preset) for name, preset in PRESETS.items()}
