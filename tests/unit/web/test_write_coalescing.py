"""An answer goes out as one piece, and nothing that was written is kept back."""

from __future__ import annotations

import asyncio

from shared.web.write_coalescing import CoalescingTransport


class Wire(asyncio.Transport):
    """Records what reaches the wire, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes | str] = []

    def write(self, data) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.pieces.append("closed")


def joining() -> tuple[CoalescingTransport, Wire]:
    wire = Wire()
    return CoalescingTransport(wire, asyncio.get_running_loop()), wire


async def test_head_and_body_are_one_piece():
    transport, wire = joining()
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.pieces == [b"head body"]
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body"]


async def test_a_head_whose_body_comes_later_goes_out_with_the_turn():
    transport, wire = joining()
    transport.write(b"head")
    await asyncio.sleep(0)
    transport.write(b"event")
    await asyncio.sleep(0)
    assert wire.pieces == [b"head", b"event"]


async def test_closing_sends_what_was_held():
    transport, wire = joining()
    transport.write(b"head")
    transport.close()
    await asyncio.sleep(0)
    assert wire.pieces == [b"head", "closed"]


async def test_many_writes_of_one_turn_keep_their_order():
    transport, wire = joining()
    written = [f"{number},".encode() for number in range(7)]
    for piece in written:
        transport.write(piece)
    await asyncio.sleep(0)
    assert b"".join(piece for piece in wire.pieces if isinstance(piece, bytes)) == b"".join(written)
