"""The way of a browser to the API of the sandbox.

``python -m tools.demo.door DESCRIPTOR`` runs where the API is. What comes to the socket that it is given, which listens
where the browser is, it hands on.
"""

import asyncio
import contextlib
import socket
import sys

from tests.support import rest


async def hand_on(listening: socket.socket) -> None:
    """Take connections for ever."""
    async with await asyncio.start_server(_connect, sock=listening) as server:
        await server.serve_forever()


async def _connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        reader_there, writer_there = await asyncio.open_connection("127.0.0.1", rest.PORT)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, writer_there), _copy(reader_there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(hand_on(socket.socket(fileno=int(sys.argv[1]))))
