"""The pages of the console and the fragments that they load, for the tests that visit them all.

`tests/contract/test_console_pages.py` tells what is missing here. Names in braces are of things that a test has made.
"""

from __future__ import annotations

from typing import Final

HTML_BYTES_MAX: Final = 12_000
"""What the HTML of a page may weigh, compressed."""

CONSOLE_PAGES: Final = (
    "/",
    "/leads",
    "/leads/{lead}",
    "/accounts",
    "/accounts/{account}",
    "/report",
    "/flow",
    "/policy",
    "/policy/try",
    "/policy/preview",
    "/policy/versions",
    "/team",
    "/deliveries",
    "/dead-letters",
    "/providers",
    "/sources",
    "/sources/website",
    "/status",
    "/settings",
    "/settings/privacy",
    "/settings/audit",
)
CONSOLE_FRAGMENTS: Final = (
    "/nav",
    "/find?q=castellan",
    "/inbox/rows",
    "/inbox/leads/{lead}",
    "/bulk/snooze?lead={lead}",
    "/leads/{lead}/handoff",
    "/leads/{lead}/why",
    "/leads/{lead}/history",
    "/leads/{lead}/curve",
    "/flow/picture",
    "/flow/step?step=rule:fits",
    "/report/attention",
    "/report/given-back",
    "/policy/apply",
    "/team/rows",
    "/team/ae-1/away",
    "/deliveries/rows",
    "/deliveries/{delivery}",
    "/deliveries/retry?tab=failed",
    "/deliveries/endpoints/new",
)
