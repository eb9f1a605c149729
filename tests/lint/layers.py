# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: cli → {dispatcher, admin} → core, and a library's header only where the library is owned."""

import re
from fnmatch import fnmatch

from common import LAYERS, Finding, includes

MAY_SEE = {
    "core": {"core"},
    "dispatcher": {"dispatcher", "core"},
    "admin": {"admin", "core"},
    "cli": {"cli", "dispatcher", "admin", "core"},
}

# The public headers that are no part of core's face.
PUBLIC_OWNER = {"admin.h": "admin", "http_server.h": "admin", "dispatcher.h": "dispatcher"}

# Library, its headers, the files that own it. Unit tests are held to the arrows only.
CONFINED = (
    ("libcurl", r"curl/", ("dispatcher/sender*", "core/url.c")),
    ("hiredis", r"hiredis/|hiredis(_ssl)?\.h$", ("core/redis_*",)),
    ("libmicrohttpd", r"microhttpd\.h$", ("admin/server*",)),
    ("OpenSSL", r"openssl/", ("core/secret*", "core/seal*", "core/signature*", "core/random*", "core/digest*", "core/redis_tls*", "admin/auth*",
                             "dispatcher/sender_tls*")),
    ("libuv", r"uv\.h$|uv/", ("dispatcher/*", "core/redis_*", "cli/*")),
    ("inih", r"ini\.h$", ("core/config_*",)),
)


def layer_of(path):
    """The layer that a file belongs to, or None for what is outside (the unit tests' frame, say)."""
    parts = path.split("/")
    if parts[:2] == ["include", "petrel"]:
        return PUBLIC_OWNER.get(parts[-1], "core")
    if parts[:2] == ["tests", "unit"]:
        parts = parts[2:]
    return parts[0] if parts[0] in LAYERS else None


def _target(tree, path, header):
    """The file of the tree that an #include means, or None for a library's or a generated one."""
    beside = path.rsplit("/", 1)[0]
    for folder in (beside, f"{layer_of(path)}", "include", "tests/unit", "."):
        parts = []
        for part in f"{folder}/{header}".split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part != ".":
                parts.append(part)
        if "/".join(parts) in tree.c_files:
            return "/".join(parts)
    return None


def check_arrows(tree):
    findings = []
    for path in tree.c_files:
        layer = layer_of(path)
        for line, header in includes(tree.read(path)) if layer else ():
            target = _target(tree, path, header)
            owner = layer_of(target) if target else None
            if owner is None:
                continue
            if owner not in MAY_SEE[layer]:
                findings.append(Finding(path, line, f"{layer} may not include {header}, which belongs to {owner}"))
            elif owner != layer and not target.startswith("include/"):
                findings.append(Finding(path, line, f"{header} is {owner}'s own: only include/petrel/ is for others"))
    return findings


def check_confinement(tree):
    findings = []
    for path in tree.c_files:
        if path.startswith("tests/"):
            continue
        for line, header in includes(tree.read(path)):
            for library, pattern, owners in CONFINED:
                if re.match(pattern, header) and not any(fnmatch(path, owner) for owner in owners):
                    where = ", ".join(owners)
                    findings.append(Finding(path, line, f"{library}'s header {header} belongs to {where} only"))
    return findings
