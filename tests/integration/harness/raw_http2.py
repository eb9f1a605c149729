# SPDX-License-Identifier: Apache-2.0
"""A receiver that writes whatever HTTP/2 frames it likes: a thread per connection, a function of it per path."""

import contextlib
import socket
import struct
import threading

from hpack import Decoder

from .ports import listen

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"  # of HPACK's static table


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header of HPACK that enters no table: both shorter than 127 bytes, or the value up to 16 KiB."""
    def string(text):
        if len(text) < 127:
            return bytes([len(text)]) + text
        rest, out = len(text) - 127, b"\x7f"
        while rest >= 128:
            out, rest = out + bytes([rest % 128 + 128]), rest // 128
        return out + bytes([rest]) + text

    return b"\x00" + string(name) + string(value)


def answer(stream, *headers, status=STATUS_200, flags=END_HEADERS):
    return frame(HEADERS, flags, stream, status + b"".join(headers))


class Connection:
    """After the preface and a request's head: stream and path are its."""

    def __init__(self, tls, closing):
        self.tls, self.closing = tls, closing
        self.stream, self.path = None, None
        self._buffer = b""

    def _exactly(self, size):
        while len(self._buffer) < size:
            part = self.tls.recv(65536)
            if not part:
                raise ConnectionError("the other side is gone")
            self._buffer += part
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    def read_request(self):
        assert self._exactly(len(PREFACE)) == PREFACE
        while True:
            head = self._exactly(9)
            payload = self._exactly(int.from_bytes(head[:3], "big"))
            if head[3] == HEADERS:
                self.stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
                self.path = dict(Decoder().decode(payload))[":path"]
                return

    def send(self, *frames):
        self.tls.sendall(b"".join(frames))

    def hang(self):
        self.closing.wait(60)

    def listen(self):
        while self.tls.recv(65536):
            pass


class RawHttp2Receiver:
    """handlers: {path: function(Connection)}. Its settings are sent first."""

    def __init__(self, context, handlers):
        self.handlers = handlers
        self.settings = frame(SETTINGS)
        self.requests = {}
        self.closing = threading.Event()
        self.context = context
        self._server = listen()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path):
        return f"https://localhost:{self.port}{path}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain):
        # Whatever the other side does to the connection is its right.
        with plain, contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as tls:
            assert tls.selected_alpn_protocol() == "h2"
            connection = Connection(tls, self.closing)
            tls.sendall(self.settings)
            connection.read_request()
            self.requests[connection.path] = self.requests.get(connection.path, 0) + 1
            self.handlers[connection.path](connection)

    def close(self):
        self.closing.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            self._server.close()
