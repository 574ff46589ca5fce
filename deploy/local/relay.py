"""Passes TCP connections on, so that they can be cut: relay.py PORT TARGET-PORT, both on 127.0.0.1.

Stopped by SIGSTOP it is a network that swallows everything: connections stay, new ones are made by the kernel,
and no byte arrives. SIGCONT heals it. SIGUSR1 cuts one way only, that to the target, SIGUSR2 the way back;
the same signal again heals that.
"""

import asyncio
import contextlib
import signal
import sys


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event
) -> None:
    """One direction, until either side ends."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(256 * 1024):
            await is_open.wait()
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        writer.close()


async def relay(port: int, target: int) -> None:
    """For ever."""
    there, back = asyncio.Event(), asyncio.Event()
    for way, number in ((there, signal.SIGUSR1), (back, signal.SIGUSR2)):
        way.set()
        asyncio.get_running_loop().add_signal_handler(
            number, lambda way=way: way.clear() if way.is_set() else way.set()
        )

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, far_writer, there), pass_on(far_reader, writer, back))

    server = await asyncio.start_server(accepted, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), int(sys.argv[2])))
