"""What a first visit of the console loads: bytes are counted, never seconds."""

from __future__ import annotations

import pytest

from services.gateway.console.static_files import STYLESHEET, static_files
from tests.support.console_pages import HTML_BYTES_MAX

FIRST_VISIT_BYTES_MAX = 140_000


def test_a_first_visit_loads_little():
    """What the inbox loads, with its page counted at the limit; the editor's bundle is not among it."""
    assets = static_files()
    loaded = [STYLESHEET, "icons.svg", "mark.svg", "fonts/inter.woff2", "fonts/jetbrains-mono.woff2"]
    loaded += [
        "vendor/htmx.min.js",
        *(f"js/{name}.js" for name in ("theme", "console", "live", "palette", "inbox", "lead_steps")),
    ]
    sizes = {name: len(assets.files[name].gzipped or assets.files[name].body) for name in loaded}
    assert sum(sizes.values()) + HTML_BYTES_MAX <= FIRST_VISIT_BYTES_MAX, sizes


@pytest.mark.parametrize("name", ["js/console.js", "js/inbox.js", "js/live.js"])
def test_own_scripts_stay_small(name: str):
    assert len(static_files().files[name].gzipped or b"") <= 4_000
