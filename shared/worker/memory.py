"""Lets the process give memory back to the system as soon as a large record is done."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 512 * 1024


def return_large_blocks() -> None:
    """Let malloc map blocks of 512 KiB and more, so that each is unmapped when it is freed.

    By default glibc raises that threshold up to 32 MiB whenever such a block is freed. From then on records
    of some megabytes come from the heap, where a small block behind them keeps their memory. Other C
    libraries, which have no `mallopt`, are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
