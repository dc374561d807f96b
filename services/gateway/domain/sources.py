"""Where forms come from: who may post, from which pages, and what a form of theirs says by default. Pure."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from msgspec import Struct

_URL_LENGTH_MAX: Final = 2048
_UNFIT = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]|/\.\.?(?:[/?#]|\Z)|%2[eE]")


class FormSource(Struct, frozen=True):
    """One source of forms.

    `origins` are the pages whose scripts may post (`*`: all). `redirects` are the URLs that a browser may be
    sent to afterwards; one that ends in `/` stands for all below it.
    """

    name: str
    public: bool = False
    channel: str = "website"
    origins: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()

    def allowed_origin(self, origin: str) -> str | None:
        """Return the value of Access-Control-Allow-Origin for a page, None when it may not read answers."""
        if "*" in self.origins:
            return "*"
        return origin if origin in self.origins else None

    def may_redirect(self, url: str) -> bool:
        """Tell whether a browser may be sent to `url`."""
        if len(url) > _URL_LENGTH_MAX or _UNFIT.search(url):
            return False
        return any(
            url == allowed or (allowed.endswith("/") and url.startswith(allowed))
            for allowed in self.redirects
        )


WEBSITE: Final = FormSource("website", public=True, origins=("*",), redirects=("https://www.example.com/",))
BUILT_IN: Final = MappingProxyType({WEBSITE.name: WEBSITE})
