"""What the policy may name of the installed integrations. Pure."""

from __future__ import annotations

from shared.integrations.catalog import Integrations
from shared.integrations.given_fields import fields_given
from shared.policy.integrations import KnownIntegrations


def known_integrations(integrations: Integrations) -> KnownIntegrations:
    """Return the installed integrations as the checks of a policy need them."""
    return KnownIntegrations(
        providers={
            name: {subject: fields_given(folder.preset, subject) for subject in folder.preset.ask}
            for name, folder in integrations.providers.items()
        },
        forms=frozenset(integrations.forms),
        signals=frozenset(integrations.signals),
        polled={
            name: folder.preset.poll.provider
            for name, folder in integrations.signals.items()
            if folder.preset.poll is not None
        },
        fetched={
            name: fetched
            for folders in (integrations.forms, integrations.signals)
            for name, folder in folders.items()
            if (
                fetched := frozenset(
                    one.provider for one in folder.preset.outcomes if one.provider is not None
                )
            )
        },
        signing=frozenset(
            name
            for folders in (integrations.forms, integrations.signals)
            for name, folder in folders.items()
            if folder.preset.signature is not None
        ),
    )
