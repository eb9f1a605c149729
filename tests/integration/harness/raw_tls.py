# SPDX-License-Identifier: Apache-2.0
"""A server that speaks TLS 1.3 and, once the handshake is over, writes whatever records it likes: a thread per connection."""

import contextlib
import socket
import ssl
import struct
import threading

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .ports import listen

HANDSHAKE, DATA = 22, 23
KEY_UPDATE = b"\x18\x00\x00\x01\x00"
HELLO_REQUEST = bytes(4)


def ticket(number):
    """A NewSessionTicket (RFC 8446 §4.6.1) of the fewest bytes."""
    body = struct.pack(">II", 7200, number) + b"\x01\x00" + b"\x00\x01x" + b"\x00\x00"
    return b"\x04" + len(body).to_bytes(3, "big") + body


def plain(kind, content):
    """A record as they are before there are keys."""
    return struct.pack(">BHH", kind, 0x0303, len(content)) + content


def expand(secret, label, size):
    """HKDF-Expand-Label (RFC 8446 §7.1) with an empty context."""
    name = b"tls13 " + label
    return HKDFExpand(hashes.SHA384(), size, struct.pack(">HB", size, len(name)) + name + b"\0").derive(secret)


class Records:
    """Seals what the server says (RFC 8446 §5.2, AES-256-GCM)."""

    def __init__(self, secret):
        self.secret, self.number = secret, 0
        self.iv = int.from_bytes(expand(secret, b"iv", 12), "big")
        self.cipher = AESGCM(expand(secret, b"key", 32))

    def seal(self, kind, content):
        head = struct.pack(">BHH", 23, 0x0303, len(content) + 17)
        nonce = (self.iv ^ self.number).to_bytes(12, "big")
        self.number += 1
        return head + self.cipher.encrypt(nonce, content + bytes([kind]), head)

    def update(self):
        """What comes next is under new keys (§7.2), as KEY_UPDATE has said."""
        self.__init__(expand(self.secret, b"traffic upd", 48))


class RawTlsReceiver:
    """handler(socket, records) is called once the handshake is over; the request is never read. Without a context it is
    called instead of a handshake, with no records, when the client has begun one."""

    def __init__(self, context, keylog, handler):
        if context:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.num_tickets = 0
            context.keylog_filename = str(keylog)
        self.context, self.keylog, self.handler = context, keylog, handler
        self._server = listen()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host="localhost"):
        return f"https://{host}:{self.port}/"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            if not self.context:
                connection.recv(65536)
                self.handler(connection, None)
                return
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = self.context.wrap_bio(incoming, outgoing, server_side=True)
            while True:
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65536))
            connection.sendall(outgoing.read())
            assert session.cipher()[0] == "TLS_AES_256_GCM_SHA384"
            lines = self.keylog.read_text().splitlines()
            secret = [line.split()[2] for line in lines if line.startswith("SERVER_TRAFFIC_SECRET_0 ")][-1]
            self.handler(connection, Records(bytes.fromhex(secret)))

    def close(self):
        # A blocked accept() doesn't notice that its socket is closed: it is woken by a last connection.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            self._server.close()
