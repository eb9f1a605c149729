#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the lint checks: tests/lint/lint.py [CHECK…]. Prints file:line: message, and `N passed, N failed` at the end.

It wants a built release preset (for compile_commands.json and petrel's own documentation). The first clang-tidy over
everything takes a minute or two; afterwards only what changed is looked at again (build/lint-cache).
"""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import attacks  # noqa: E402
import fault_points  # noqa: E402
import binary  # noqa: E402
import layers  # noqa: E402
import text  # noqa: E402
import tools  # noqa: E402
from common import CheckError, Tree  # noqa: E402

CHECKS = {
    "arrows": layers.check_arrows,
    "confinement": layers.check_confinement,
    "banned": text.check_banned,
    "licence": text.check_licence,
    "leftovers": text.check_leftovers,
    "machine": text.check_machine_paths,
    "scripts": text.check_scripts,
    "points": fault_points.check_fault_points,
    "attacks": attacks.check_attacks,
    "format": tools.check_format,
    "headers": tools.check_headers,
    "configuration": tools.check_configuration,
    "hardening": binary.check_hardening,
    "tidy": tools.check_tidy,
}


def run_check(tree, name):
    """Whether the tree passed."""
    begin = time.monotonic()
    try:
        findings = CHECKS[name](tree)
    except CheckError as error:
        print(f"FAILED {name}: {error}", flush=True)
        return False
    for finding in findings:
        print(finding)
    outcome = f"FAILED {name}: {len(findings)} finding(s)" if findings else f"ok     {name}"
    print(f"{outcome} ({time.monotonic() - begin:.1f} s)", flush=True)
    return not findings


def main(names):
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"no such check: {', '.join(unknown)}; there are: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    tree = Tree(Path(__file__).resolve().parents[2])
    results = [run_check(tree, name) for name in names or CHECKS]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
