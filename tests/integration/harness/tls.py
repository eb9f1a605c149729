# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of our own, and the server contexts it vouches for."""

import base64
import random
import ssl
import warnings
from datetime import datetime, timedelta, timezone

import trustme


def der(kind, content):
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([kind]) + length + content


class Authority:
    def __init__(self, folder):
        self._ca = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def dh_context(self, *names, folder, bits):
        """For TLS 1.2 with Diffie-Hellman over a modulus of the server's own, of so many bits; no prime: who'd check?"""
        modulus = (3 << (bits - 2)) | random.Random(bits).getrandbits(bits - 2) | 1
        numbers = b"".join(der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (modulus, 2))
        path = folder / f"dh{bits}.pem"
        path.write_bytes(b"-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(der(0x30, numbers))
                         + b"-----END DH PARAMETERS-----\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, key_type=trustme.KeyType.RSA).configure_cert(context)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES256-GCM-SHA384")
        context.load_dh_params(str(path))
        return context

    def context(self, *names, alpn=("http/1.1",), has_expired=False, newest=None):
        """An SSLContext of a server that is called `names` (host names or addresses)."""
        day = timedelta(days=1)
        now = datetime.now(timezone.utc)
        certificate = self._ca.issue_cert(
            *names, not_before=now - 10 * day, not_after=now - day if has_expired else now + day
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        if newest:  # older than Python likes
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.maximum_version = newest
        return context
