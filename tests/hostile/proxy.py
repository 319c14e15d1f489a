"""A TCP proxy that speaks TLS, or not, to those who call, and keeps what they have said."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TLS = Path(__file__).parent / "tls"


class Proxy:
    """Passes on what it is told to a server at a port of 127.0.0.1; `heard` is all of it."""

    def __init__(self, server: int, *, is_tls: bool) -> None:
        self.heard = bytearray()
        self._server = server
        self._context: ssl.SSLContext | None = None
        if is_tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(TLS / "server.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._is_closed = False
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Ends all connections."""
        self._is_closed = True
        # A thread that waits in accept() hears of close() only by a call.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._listener.close()
        for connection in list(self._open):
            _end(connection)

    def _listen(self) -> None:
        while not self._is_closed:
            caller, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        self._open.add(caller)
        try:
            if self._context is not None:
                caller = self._context.wrap_socket(caller, server_side=True)
                self._open.add(caller)
            with socket.create_connection(("127.0.0.1", self._server)) as server:
                self._open.add(server)
                answers = threading.Thread(target=self._pass, args=[server, caller], daemon=True)
                answers.start()
                self._pass(caller, server, self.heard)
                answers.join()
        except OSError:  # who called has hung up, or does not trust us
            pass
        finally:
            _end(caller)

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, heard: bytearray | None = None) -> None:
        try:
            while data := source.recv(65536):
                if heard is not None:
                    heard += data
                target.sendall(data)
        except OSError:  # the other side has hung up
            pass
        _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def proxy_of(server: int, *, is_tls: bool) -> Iterator[Proxy]:
    """A proxy of the server at a port, which is closed afterwards."""
    proxy = Proxy(server, is_tls=is_tls)
    try:
        yield proxy
    finally:
        proxy.close()
