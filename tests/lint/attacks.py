# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/security.md: each attack names the test that shows what petrel does about it, and it is there."""

import re

from common import Finding

PAGE = "docs/security.md"
_HEADER = re.compile(r"^\|\s*attack\s*\|\s*what petrel does\s*\|\s*test\s*\|$")
# `core/test_a` is a unit test, `test_b` an integration test, `fuzz/x` a path; then parts of tests' names.
_REFERENCE = re.compile(r"`([\w./-]+)`([^`]*)")
_TEST_NAME = re.compile(r"^(?:def |TEST\()(\w+)", re.MULTILINE)


def _rows(lines):
    """(line number, cells) of each row below such a header."""
    is_table = False
    for number, line in enumerate(lines, 1):
        if _HEADER.match(line):
            is_table = True
        elif not line.startswith("|"):
            is_table = False
        elif is_table and not line.startswith("|---"):
            yield number, [cell.strip() for cell in line.strip().strip("|").split("|")]


def _file_of(tree, reference):
    places = (f"tests/unit/{reference}.c", f"tests/integration/{reference}.py", f"tests/{reference}")
    return next((path for path in places if path in tree.files), None)


def _missing(tree, reference, words):
    """What of a reference isn't there; None if all is."""
    path = _file_of(tree, reference)
    if path is None:
        return reference
    names = _TEST_NAME.findall(tree.read(path))
    for word in re.split(r"[,\s]+", words.strip(" ,")):
        if word and not any(word in name for name in names):
            return f"{reference} {word}"
    return None


def check_attacks(tree):
    lines = tree.read(PAGE).splitlines() if PAGE in tree.files else []
    rows = list(_rows(lines))
    if not rows:
        return [Finding(PAGE, 1, "has no table of attacks")]
    findings = []
    for number, cells in rows:
        references = _REFERENCE.findall(cells[2]) if len(cells) == 3 else []
        missing = next(filter(None, (_missing(tree, *reference) for reference in references)), None)
        if not references:
            findings.append(Finding(PAGE, number, "names no test, as `test_guard` part_of_its_name"))
        elif missing:
            findings.append(Finding(PAGE, number, f"there is no test {missing}"))
    return findings
