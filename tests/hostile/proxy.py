"""A TCP proxy that speaks TLS to those who call, and keeps what they have said."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TLS = Path(__file__).parent / "tls"
_BLOCK_BYTES = 2**16


class Proxy:
    """Passes on what it is told to the server at a port of 127.0.0.1; `heard` is all of it."""

    def __init__(self, server: int) -> None:
        self.heard = bytearray()
        self.port = 0  # where it listens on 127.0.0.1
        self._server = server
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(TLS / "server.pem")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    async def run(self, listens: threading.Event) -> None:
        """Listens until it is stopped."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # who calls may not trust us
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = listener.sockets[0].getsockname()[1]
        listens.set()
        await self._end.wait()
        listener.close()

    def stop(self) -> None:
        """Ends all connections; for other threads."""
        assert self._loop is not None and self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self, hears: asyncio.StreamReader, tells: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # one side has hung up
            answers, server = await asyncio.open_connection("127.0.0.1", self._server)
            back = asyncio.create_task(_pass(answers, tells))
            await _pass(hears, server, self.heard)
            await back


async def _pass(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, heard: bytearray | None = None
) -> None:
    with suppress(OSError):  # as above
        while data := await source.read(_BLOCK_BYTES):
            if heard is not None:
                heard += data
            target.write(data)
            await target.drain()
    target.close()


@contextmanager
def tls_proxy_of(server: int) -> Iterator[Proxy]:
    """A proxy of the server at a port, in a thread of its own; all connections end afterwards."""
    proxy = Proxy(server)
    listens = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(proxy.run(listens)))
    thread.start()
    try:
        assert listens.wait(10)
        yield proxy
    finally:
        proxy.stop()
        thread.join()
