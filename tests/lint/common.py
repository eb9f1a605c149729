# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the tree under test, findings, C text without comments and strings.

A check is a function of a Tree that returns findings; it never prints. Paths are relative to the tree's root, so that
the self-tests can put a small tree anywhere.
"""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from os import cpu_count
from pathlib import Path

C_FOLDERS = ("core", "dispatcher", "admin", "cli", "include", "tests/unit", "tests/fuzz")
LAYERS = ("core", "dispatcher", "admin", "cli")


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class CheckError(Exception):
    """The check couldn't be made: a tool or a build is missing. Counts as failed."""


class Tree:
    def __init__(self, root, files=None, build=None):
        self.root = Path(root)
        self.build = Path(build) if build else self.root / "build/release"
        self._files = files

    @cached_property
    def files(self):
        """What git tracks, and what it would: so that findings come before the commit."""
        if self._files is not None:
            return sorted(self._files)
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout
        return sorted({path for path in listed.split("\0") if path and (self.root / path).is_file()})

    @cached_property
    def c_files(self):
        return [path for path in self.files if path.endswith((".c", ".h")) and path.startswith(C_FOLDERS)]

    @cached_property
    def _commands(self):
        database = self.build / "compile_commands.json"
        if not database.is_file():
            raise CheckError(f"{database} is missing: build the release preset first")
        return {str(Path(entry["file"]).resolve()): entry["command"] for entry in json.loads(database.read_text())}

    def compile_command(self, path):
        """The compiler's command line for a .c file, or None if the build doesn't know it."""
        return self._commands.get(str((self.root / path).resolve()))

    def layer_command(self, layer):
        """Any command of the folder: its include paths and definitions hold for its headers too."""
        start = str((self.root / layer).resolve()) + "/"
        return next((command for path, command in self._commands.items() if path.startswith(start)), None)

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")


# In this order: a quote in a comment opens no string, and the other way round.
_TOKENS = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)


def blank(text, strings=True):
    """C without its comments, and without the insides of strings unless told; every line keeps its number."""

    def replace(match):
        found = match.group()
        if match.lastgroup == "string":
            return found[0] + " " * (len(found) - 2) + found[-1] if strings else found
        return re.sub(r"[^\n]", " ", found)

    return _TOKENS.sub(replace, text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)


def includes(text):
    """(line, header) of each #include; those in comments don't count."""
    code = blank(text, strings=False)
    return [(code.count("\n", 0, match.start(1)) + 1, match.group(1)) for match in _INCLUDE.finditer(code)]


def parallel(function, items):
    """function(item) → findings, on all processors; the findings of all."""
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return sorted(finding for found in pool.map(function, items) for finding in found)
