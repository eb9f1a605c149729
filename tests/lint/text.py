# SPDX-License-Identifier: Apache-2.0
"""Checks of plain text: banned functions, licence lines, leftovers, one machine's paths, the table of Lua scripts."""

import re

from common import CheckError, Finding, blank

# function: what to use instead
BANNED = {
    **dict.fromkeys(("strcpy", "stpcpy", "strcat", "strncat", "strncpy", "sprintf", "vsprintf", "gets"),
                    "a bounded one: snprintf, struct text, memcpy with a known size"),
    **dict.fromkeys(("strtok",), "span_next, or strtok_r"),
    **dict.fromkeys(("atoi", "atol", "atoll", "atof"), "strtoll and the like, with their errors looked at"),
    **dict.fromkeys(("scanf", "fscanf"), "fgets and a parser"),
    **dict.fromkeys(("rand", "srand", "rand_r", "random", "srandom", "drand48"), "core/random"),
    **dict.fromkeys(("localtime", "gmtime", "ctime", "asctime", "ctime_r", "asctime_r"), "gmtime_r, core/timestamp"),
    "strerror": "strerror_r",
    **dict.fromkeys(("tmpnam", "tempnam", "mktemp"), "mkstemp, mkdtemp"),
    **dict.fromkeys(("system", "popen"), "posix_spawn or execve, without a shell"),
    **dict.fromkeys(("memchr", "memrchr", "rawmemchr", "memmem"), "span_find and its kind, which an empty span doesn't harm"),
    **dict.fromkeys(("alloca", "setjmp", "longjmp"), "something that unwinds by itself"),
}
# Who may: it is what the others use instead.
_OWNERS = {"core/text.c": ("memchr", "memrchr", "memmem")}
# A call: not a member (x.random(), x->random()), not part of a longer name. Casts and returns may stand before it.
_CALL = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(BANNED) + r")\s*\(")

_SPDX = "SPDX-License-Identifier: Apache-2.0"
_LICENSED = (".c", ".h", ".lua", ".py", ".sh", ".cmake", "CMakeLists.txt", ".go", ".rs", ".js", ".mjs", ".css")

# Put together, so that these lines don't find themselves.
_LEFTOVER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
_MACHINE = re.compile(r"(?<![\w.$}])/(?:" + "|".join(("ro" + "ot", "wo" + "rk", "ho" + "me")) + r")/|\bfa" + r"rm-")
_OTHERS = ("LICENSE", "go.sum", "Cargo.lock", "package-lock.json")


def check_banned(tree):
    findings = []
    for path in tree.c_files:
        for number, line in enumerate(blank(tree.read(path)).splitlines(), 1):
            for match in _CALL.finditer(line):
                name = match.group(1)
                if name in _OWNERS.get(path, ()):
                    continue
                findings.append(Finding(path, number, f"{name} is banned; instead: {BANNED[name]}"))
    return findings


def check_licence(tree):
    """The first line, or the second under a #!."""
    findings = []
    for path in tree.files:
        lines = _lines(tree, path)
        script = bool(lines) and lines[0].startswith("#!")
        if not script and not path.endswith(_LICENSED):
            continue
        place = 1 if script else 0
        if _SPDX not in "".join(lines[place : place + 1]):
            findings.append(Finding(path, place + 1, f"must say {_SPDX}"))
    return findings


def check_leftovers(tree):
    return _grep(tree, _LEFTOVER, "is unfinished work: finish it, or say why it is so")


def check_machine_paths(tree):
    return _grep(tree, _MACHINE, "belongs to one machine, not to the project")


def _grep(tree, pattern, message):
    findings = []
    for path in tree.files:
        if path.endswith(_OTHERS):
            continue
        for number, line in enumerate(_lines(tree, path), 1):
            match = pattern.search(line)
            if match:
                findings.append(Finding(path, number, f"{match.group().strip()} {message}"))
    return findings


def _lines(tree, path):
    """None of a binary file."""
    data = (tree.root / path).read_bytes()
    return [] if b"\0" in data[:8192] else data.decode("utf-8", "replace").splitlines()


_SCRIPT_ROW = re.compile(r'=\s*\{\s*"(\w+)"\s*,\s*(?:script_source_)?(\w+)\s*\}')


def check_scripts(tree):
    """Each core/lua/x.lua has its row in core/scripts.c, {"x", script_source_x}, and each row its script. What several
    scripts use (core/lua/lib) is no script."""
    path = "core/scripts.c"
    if path not in tree.files:
        raise CheckError(f"{path} is missing")
    code = blank(tree.read(path), strings=False)
    rows = [(code.count("\n", 0, match.start()) + 1, *match.groups()) for match in _SCRIPT_ROW.finditer(code)]
    scripts = {file[len("core/lua/") : -len(".lua")]: file for file in tree.files
               if re.fullmatch(r"core/lua/[^/]+\.lua", file)}
    named = {name for _, name, _ in rows}
    findings = [Finding(file, 1, f"has no row in {path}") for script, file in scripts.items() if script not in named]
    for line, name, source in rows:
        if name not in scripts:
            findings.append(Finding(path, line, f"there is no core/lua/{name}.lua"))
        if name != source:
            findings.append(Finding(path, line, f"{name} has the source of {source}"))
    return findings
