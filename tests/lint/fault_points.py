# SPDX-License-Identifier: Apache-2.0
"""Every change of state has its fault points, and tests/chaos dies at each of them: the table of tests/chaos/points.py
against the sources."""

import re
import runpy

from common import LAYERS, CheckError, Finding, blank

TABLE = "tests/chaos/points.py"
SCRIPTS = "core/scripts.c"

# The commands of Redis that change something, as far as petrel could come to use them.
WRITES = frozenset("""
    APPEND COPY DECR DECRBY DEL EXPIRE EXPIREAT FLUSHALL FLUSHDB GETDEL GETEX GETSET HDEL HINCRBY HINCRBYFLOAT HMSET HSET
    HSETNX INCR INCRBY LPOP LPUSH LREM LSET LTRIM MSET MSETNX PERSIST PEXPIRE PEXPIREAT PSETEX RENAME RENAMENX RPOP RPUSH
    SADD SET SETEX SETNX SPOP SREM UNLINK XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XREADGROUP XSETID XTRIM ZADD ZINCRBY
    ZPOPMIN ZREM ZREMRANGEBYSCORE
""".split())

_ROW = re.compile(r'=\s*\{\s*"(\w+)"\s*,')
_LITERAL = re.compile(r'"([A-Z]+)"')
_PLACE = re.compile(r'\bFAULT_POINT\(\s*"([^"]*)"\s*\)')
_SENDS = re.compile(r"\bredis(?:Async|Append)?(?:Formatted)?(?:v)?Command(?:Argv)?\s*\(")
# Who hands a command to hiredis: each passes both points of every command.
_SENDERS = ("core/redis_link.c", "core/redis_client.c")
# These change nothing: the handshake, questions to sentinels.
_ASKERS = ("core/redis_link_connect.c", "core/redis_resolver.c", "core/redis_sentinel.c")
_MOMENTS = ("before_send", "after_reply")


def _sources(tree):
    for path in tree.c_files:
        if path.startswith(LAYERS):
            yield path, blank(tree.read(path), strings=False)


def _found(code, pattern):
    """(line, what) of each match."""
    return [(code.count("\n", 0, match.start()) + 1, match.group(1)) for match in pattern.finditer(code)]


def _transitions(tree):
    """script or command in small letters → (path, line) where it is used first."""
    places = {}
    for path, code in _sources(tree):
        if path == SCRIPTS:
            found = _found(code, _ROW)
        else:
            found = [(line, verb.lower()) for line, verb in _found(code, _LITERAL) if verb in WRITES]
        for line, name in found:
            places.setdefault(name, (path, line))
    return places


def _check_hooks(tree):
    findings = []
    for path, code in _sources(tree):
        if path in _SENDERS:
            findings += [Finding(path, 1, f'sends commands without FAULT_POINT_COMMAND(…, "{moment}")')
                         for moment in _MOMENTS
                         if not re.search(r'FAULT_POINT_COMMAND\([^;]*"' + moment + r'"\)', code)]
        elif path not in _ASKERS:
            findings += [Finding(path, code.count("\n", 0, match.start()) + 1, "sends a command past the fault points")
                         for match in _SENDS.finditer(code)]
    return findings


def check_fault_points(tree):
    if not (tree.root / TABLE).is_file():
        raise CheckError(f"{TABLE} is missing")
    table = runpy.run_path(str(tree.root / TABLE))
    used = _transitions(tree)
    placed = {name: (path, line) for path, code in _sources(tree) for line, name in _found(code, _PLACE)}
    findings = _check_hooks(tree)
    for kind, present, rows in (("change of state", used, table["COMMANDS"]), ("fault point", placed, table["PLACES"])):
        findings += [Finding(*present[name], f"{kind} {name}: no row in {TABLE}") for name in present.keys() - rows.keys()]
        findings += [Finding(TABLE, 1, f"{kind} {name}: not in the sources any more") for name in rows.keys() - present.keys()]
    return sorted(findings)
