# SPDX-License-Identifier: Apache-2.0
"""Checks that ask a tool: clang-format, clang-tidy, the compiler, petrel itself."""

import hashlib
import re
import shlex
import shutil
import subprocess

from common import LAYERS, CheckError, Finding, includes, parallel

FORMAT = "clang-format-14"
TIDY = "clang-tidy-14"
_MESSAGE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):\d+: (?:error|warning|fatal error): (?P<message>.*)$",
                      re.MULTILINE)


def _need(tool):
    if shutil.which(tool) is None:
        raise CheckError(f"{tool} is not installed (./tests/run installs it)")


def _run(tree, command):
    return subprocess.run(command, cwd=tree.root, capture_output=True, text=True, errors="replace", check=False)


def _messages(tree, output):
    """The findings in a compiler's output, each once; paths outside the tree stay absolute."""
    root = f"{tree.root.resolve()}/"
    return {
        Finding(match["path"].removeprefix(root), int(match["line"]), match["message"])
        for match in _MESSAGE.finditer(output)
    }


def check_format(tree):
    """Each file's first difference from .clang-format."""
    _need(FORMAT)

    def check(path):
        done = _run(tree, [FORMAT, "--dry-run", "-Werror", "--ferror-limit=1", path])
        if done.returncode == 0:
            return []
        found = min(_messages(tree, done.stderr), default=Finding(path, 1, ""))
        return [Finding(path, found.line, f"not as {FORMAT} writes it; run {FORMAT} -i {path}")]

    return parallel(check, tree.c_files)


def check_tidy(tree):
    """clang-tidy on every .c file; a clean result is remembered until the file, one of its headers, the command that
    compiles it, .clang-tidy or the tool changes."""
    _need(TIDY)
    cache = tree.root / "build/lint-cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = _run(tree, [TIDY, "--version"]).stdout
    configuration = version + "".join(tree.read(file) for file in tree.files if file.endswith(".clang-tidy"))

    def check(path):
        command = tree.compile_command(path)
        if command is None:
            return [Finding(path, 1, "is not part of the build: configure the release preset again")]
        clean = cache / _digest(tree, path, configuration + command.replace(str(tree.root), "."))
        if clean.exists():
            return []
        done = _run(tree, [TIDY, "-p", str(tree.build), "--quiet", path])
        found = _messages(tree, done.stdout + done.stderr)
        if done.returncode == 0 and not found:
            clean.touch()
        elif not found:
            found = {Finding(path, 1, f"{TIDY} failed: {done.stderr.strip()[-300:]}")}
        return found

    return sorted(set(parallel(check, [path for path in tree.c_files if path.endswith(".c")])))


def _digest(tree, path, more):
    """Of a file and of all that it includes, as far as it is petrel's."""
    digest = hashlib.sha256(more.encode())
    folders = [tree.root / "include", tree.root / "tests/unit", tree.build / "generated"]
    folders += [tree.root / layer for layer in LAYERS]
    pending, seen = [tree.root / path], set()
    while pending:
        file = pending.pop().resolve()
        if file in seen:
            continue
        seen.add(file)
        text = file.read_text(encoding="utf-8", errors="replace")
        digest.update(f"{file}\0{len(text)}\0{text}".encode("utf-8", "replace"))
        for _, header in includes(text):
            # A name found in two folders counts twice: a miss too many, never a hit too many.
            pending += [found for folder in (file.parent, *folders) if (found := folder / header).is_file()]
    return digest.hexdigest()


def check_headers(tree):
    """Every header compiles alone, with the flags of its folder."""

    def check(path):
        folder = path.split("/")[0] if not path.startswith("tests/") else "/".join(path.split("/")[:3])
        command = tree.layer_command(folder) or tree.layer_command("core")
        if command is None:
            raise CheckError("compile_commands.json has no command for core")
        words = shlex.split(command)
        flags = [word for at, word in enumerate(words) if word.startswith(("-I", "-D", "-std=")) or
                 word == "-isystem" or words[at - 1] == "-isystem"]
        # As a file that includes it: a header's own statics may stay unused.
        once = f'#include "{tree.root.resolve() / path}"\n'
        done = subprocess.run([words[0], "-fsyntax-only", "-Wall", "-Wno-unused", "-Werror", *flags, "-x", "c", "-"],
                              input=once, cwd=tree.root, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            return []
        found = min(_messages(tree, done.stderr), default=Finding(path, 1, done.stderr[-300:]))
        return [Finding(path, found.line, f"doesn't compile alone: {found.message}")]

    return parallel(check, [path for path in tree.c_files if path.endswith(".h")])


def check_configuration(tree):
    """docs/configuration.md is what petrel prints."""
    petrel = tree.build / "petrel"
    if not petrel.is_file():
        raise CheckError(f"{petrel} is missing: build the release preset first")
    done = _run(tree, [str(petrel), "config", "--markdown"])
    if done.returncode != 0:
        raise CheckError(f"petrel config --markdown: {done.stderr.strip()[-300:]}")
    path = "docs/configuration.md"
    expected, actual = done.stdout.splitlines(), tree.read(path).splitlines()
    for number in range(1, max(len(expected), len(actual)) + 1):
        if expected[number - 1 : number] != actual[number - 1 : number]:
            return [Finding(path, number, f"differs from `petrel config --markdown`: write its output to {path}")]
    return []
