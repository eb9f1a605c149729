# SPDX-License-Identifier: Apache-2.0
"""A receiver that writes whatever bytes it likes: a thread per connection, a function of the socket per path."""

import contextlib
import socket
import struct
import threading
import time

from .ports import listen


class RawReceiver:
    """handlers: {path: function(socket, request)}, called once the request's head is there; the socket is closed then.

    request is the bytes read so far: the head, and what came of the body with it.
    """

    def __init__(self, handlers):
        self.handlers = handlers
        self.connections = 0
        self.closing = threading.Event()
        self._server = listen()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # Whatever the other side does to the connection is its right.
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                part = connection.recv(65536)
                if not part:
                    return
                request += part
            path = request.split(b" ", 2)[1].decode()
            self.handlers[path](connection, request)

    def close(self):
        self.closing.set()
        # A blocked accept() doesn't notice that its socket is closed: it is woken by a last connection.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            self._server.close()


def say(data, hang_until=None):
    """Writes data, then closes; or stays silent until the event is set."""
    def handle(connection, _request):
        connection.sendall(data)
        if hang_until:
            hang_until.wait(60)
        else:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    return handle


def repeat(head, part, times=None):
    """Writes head, then part again and again until the other side has had enough."""
    def handle(connection, _request):
        connection.sendall(head)
        count = 0
        while times is None or count < times:
            connection.sendall(part)
            count += 1

    return handle


def trickle(head, data, pause_s, closing):
    """Writes head, then one byte of data each pause_s seconds."""
    def handle(connection, _request):
        connection.sendall(head)
        for byte in data:
            connection.sendall(bytes([byte]))
            if closing.wait(pause_s):
                return

    return handle


def reset(data=b"", after_s=0):
    """Writes data, waits so that it is read (a reset drops what isn't), then RST instead of FIN."""
    def handle(connection, _request):
        connection.sendall(data)
        time.sleep(after_s)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return handle
