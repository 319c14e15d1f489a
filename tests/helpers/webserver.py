"""A web server of our own for files that are read from URLs, with or without byte ranges and TLS.

It serves what it is given, and does harm where it is told to.
"""

import re
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

TLS = Path(__file__).parents[1] / "hostile" / "tls"
CA = TLS / "ca.pem"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class WebServer(ThreadingHTTPServer):
    """Serves `files`, by path. Of each it may send only so many bytes before it hangs up: `most`.

    `statuses` are those of paths that are refused, `asked` the ranges that were asked for.
    """

    daemon_threads = True

    def __init__(self, *, is_secure: bool, has_ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}
        self.asked: list[tuple[int, int]] = []
        self.has_ranges = has_ranges
        self.most: int | None = None
        self._scheme = "https" if is_secure else "http"
        if is_secure:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(TLS / "server.pem")
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def url(self, path: str) -> str:
        """Where a path is."""
        return f"{self._scheme}://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a client that hangs up, or trusts no certificate of ours, may do so."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one client; HEAD as GET, but without the content."""

    protocol_version = "HTTP/1.1"
    server: BaseServer

    def do_GET(self) -> None:  # pylint: disable=invalid-name # http.server calls it so
        """Sends a file or a part of it."""
        self._answer()

    def do_HEAD(self) -> None:  # pylint: disable=invalid-name # http.server calls it so
        """Tells what GET would send."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""  # pylint: disable=redefined-builtin # its name there

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, WebServer)
        path = self.path.partition("?")[0].removeprefix("/")
        data = server.files.get(path)
        status = server.statuses.get(path, 200 if data is not None else 404)
        if data is None or status != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, end = 0, len(data)
        found = _RANGE.fullmatch(self.headers.get("Range", "")) if server.has_ranges else None
        if found:
            start = int(found[1])
            end = min(int(found[2]) + 1, end) if found[2] else end
            status = 206
            self.send_response(status)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            server.asked.append((start, end))
        else:
            self.send_response(status)
        if server.has_ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{zlib.crc32(data):x}"')
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        if server.most is not None and end > server.most:
            self.wfile.write(data[start : server.most])
            self.close_connection = True
            return
        self.wfile.write(data[start:end])


@contextmanager
def serving(*, is_secure: bool, has_ranges: bool = True) -> Iterator[WebServer]:
    """A server that runs until the block ends."""
    with WebServer(is_secure=is_secure, has_ranges=has_ranges) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
