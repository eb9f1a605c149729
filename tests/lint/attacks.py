# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/security.md: each attack names the test that shows what petrel does about it, and it is there."""

import re

from common import Finding

PAGE = "docs/security.md"
_HEADER = re.compile(r"^\|\s*attack\s*\|\s*what petrel does\s*\|\s*test\s*\|$")
_REFERENCE = re.compile(r"`((?:unit|integration|chaos|fuzz|ui|bench|lint)/[^`:]+)(?:::([^`]+))?`")


def _rows(lines):
    """(line number, cells) of each row below such a header."""
    is_table = False
    for number, line in enumerate(lines, 1):
        if _HEADER.match(line):
            is_table = True
        elif not line.startswith("|"):
            is_table = False
        elif is_table and not line.startswith("|---"):
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def _has(tree, path, name):
    if path not in tree.files:
        return False
    return not name or re.search(rf"\b(?:def {re.escape(name)}|TEST\({re.escape(name)}\))", tree.read(path)) is not None


def check_attacks(tree):
    findings = []
    lines = tree.read(PAGE).splitlines() if PAGE in tree.files else []
    rows = list(_rows(lines))
    if not rows:
        return [Finding(PAGE, 1, "has no table of attacks")]
    for number, cells in rows:
        references = _REFERENCE.findall(cells[2]) if len(cells) == 3 else []
        if not references:
            findings.append(Finding(PAGE, number, "names no test, as `integration/test_x.py::test_y`"))
        for path, name in references:
            if not _has(tree, f"tests/{path}", name):
                findings.append(Finding(PAGE, number, f"there is no test {path}{'::' + name if name else ''}"))
    return findings
