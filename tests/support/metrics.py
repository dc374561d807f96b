"""`make metrics`: the figures of the code and of one form's way through it, each beside its aim."""

from __future__ import annotations

import asyncio

from tests.support.code_metrics import code_figures
from tests.support.path_metrics import path_figures


def main() -> None:
    for figure in (*code_figures(), *asyncio.run(path_figures())):
        print(figure)


if __name__ == "__main__":
    main()
