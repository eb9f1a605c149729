# SPDX-License-Identifier: Apache-2.0
"""How the built binary is hardened, read from itself with readelf, and from the commands that compiled it."""

import re
import shutil
import subprocess

from common import LAYERS, CheckError, Finding

PETREL = "build/release/petrel"
_FORTIFY = re.compile(r"-D_FORTIFY_SOURCE=3\b")


def _readelf(tree, *options):
    done = subprocess.run(["readelf", "--wide", *options, str(tree.build / "petrel")], capture_output=True, text=True,
                          env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False)
    if done.returncode != 0:
        raise CheckError(f"readelf: {done.stderr.strip()[-300:]}")
    return done.stdout


def _segments(text):
    """(type, flags) of each program header."""
    return re.findall(r"^\s+([A-Z_]+)\s+0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([RWE ]{3}) ", text, re.MULTILINE)


def _faults(tree):
    segments = _segments(_readelf(tree, "--program-headers"))
    dynamic = _readelf(tree, "--dynamic")
    symbols = _readelf(tree, "--dyn-syms")
    if not re.search(r"\(FLAGS_1\).*\bPIE\b", dynamic):
        yield "is no position-independent executable (PIE)"
    if not any(kind == "GNU_RELRO" for kind, _ in segments):
        yield "has no segment that is read-only after relocation (RELRO)"
    if not re.search(r"\(FLAGS(_1)?\).*\b(BIND_)?NOW\b", dynamic):
        yield "binds symbols lazily: RELRO isn't full (-z now)"
    stack = [flags for kind, flags in segments if kind == "GNU_STACK"]
    if not stack or "E" in stack[0]:
        yield "has an executable stack"
    if any("W" in flags and "E" in flags for kind, flags in segments if kind == "LOAD"):
        yield "has a segment that is writable and executable"
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        yield "names folders of its own for libraries (RPATH)"
    if "__stack_chk_fail" not in symbols:
        yield "has no stack protector"
    if not re.search(r"__(memcpy|snprintf|vsnprintf|read)_chk\b", symbols):
        yield "has no fortified functions (_FORTIFY_SOURCE)"


def check_hardening(tree):
    if shutil.which("readelf") is None:
        raise CheckError("readelf is missing (binutils)")
    if not (tree.build / "petrel").is_file():
        raise CheckError(f"{tree.build / 'petrel'} is missing: build the release preset first")
    findings = [Finding(PETREL, 0, fault) for fault in _faults(tree)]
    for layer in LAYERS:
        command = tree.layer_command(layer)
        if command is not None and not _FORTIFY.search(command):
            findings.append(Finding(layer, 0, "is compiled without -D_FORTIFY_SOURCE=3"))
    return findings
