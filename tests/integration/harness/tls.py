# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of our own, and the server contexts it vouches for."""

import ssl
import warnings
from datetime import datetime, timedelta, timezone

import trustme


class Authority:
    def __init__(self, folder):
        self._ca = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

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
