# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios: each in a process of its own, several at a time, with a seed made from the printed one.

    tests/chaos/run [--long] [--seed N] [--only TEXT] [--keep]

The last line is "N passed, N failed[, N skipped]". The table also goes to build/results/chaos/table.md.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/integration")]
RESULTS = ROOT / "build/results/chaos"


def run_one(name, seed, is_long, folder):
    """In the scenario's own process: its numbers as JSON into folder/result.json."""
    from scenarios import find

    result = {"scenario": name, "seed": seed}
    try:
        result.update(find(name, is_long).run(folder / "stage", seed, is_long))
        result["outcome"] = "passed"
    except Exception:
        traceback.print_exc()
        result["outcome"] = "failed"
    (folder / "result.json").write_text(json.dumps(result))
    return 0 if result["outcome"] == "passed" else 1


def launch(scenario, seed, is_long):
    """The scenario in a child process → its result."""
    folder = RESULTS / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.monotonic()
    result = {"scenario": scenario.name, "outcome": "failed", "why": "it left no result"}
    reason = scenario.why_not()
    if reason:
        result = {"scenario": scenario.name, "outcome": "skipped", "why": reason}
    else:
        own_seed = zlib.crc32(f"{seed} {scenario.name}".encode())
        command = [*scenario.wrap, sys.executable, str(HERE / "chaos.py"), "--one", scenario.name, "--seed",
                   str(own_seed), *(["--long"] if is_long else [])]
        with open(folder / "output", "wb") as output:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                     start_new_session=True)
            try:
                child.wait(1800 if is_long else 300)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)  # with all that it has started
                child.wait()
        if (folder / "result.json").exists():
            result = json.loads((folder / "result.json").read_text())
    result["seconds"] = round(time.monotonic() - begin, 1)
    report(result, folder)
    return result


def report(result, folder):
    numbers = ", ".join(f"{key} {result[key]}" for key in ("events", "lost", "repeats") if key in result)
    print(f"{result['outcome']:8}{result['scenario']:28}{result['seconds']:6.1f} s  {numbers}{result.get('why', '')}",
          flush=True)
    if result["outcome"] == "failed":
        text = (folder / "output").read_text(errors="replace") if (folder / "output").exists() else ""
        print("".join(f"    {line}\n" for line in text.splitlines()[-25:]), flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(results):
    """Markdown: one row per kind of fault."""
    from scenarios import KINDS

    lines = ["| fault | faults | runs | events | lost | repeats | recovery p50 | max |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    total = [0, 0, 0, 0, 0]
    for kind, title in KINDS.items():
        mine = [r for r in results if r["scenario"].split(" ")[0] == kind and r["outcome"] == "passed"]
        if not mine:
            continue
        counts = [sum(r.get("faults", 0) for r in mine), sum(r.get("runs", 1) for r in mine)]
        counts += [sum(r.get(key, 0) for r in mine) for key in ("events", "lost", "repeats")]
        total = [a + b for a, b in zip(total, counts)]
        times = [t for r in mine for t in r.get("recovery_s", [])]
        recovery = f"{percentile(times, 0.5):.1f} s | {max(times):.1f} s" if times else "|"
        lines.append(f"| {title} | " + " | ".join(f"{n:,}" for n in counts) + f" | {recovery} |")
    lines.append("| **all** | " + " | ".join(f"**{n:,}**" for n in total) + " | | |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="tests/chaos/run", description="Nothing accepted is lost, whatever dies.")
    parser.add_argument("--long", action="store_true", help="a million events, about half an hour")
    parser.add_argument("--seed", type=int, help="replays a run's schedule of faults")
    parser.add_argument("--only", help="scenarios whose name has this in it")
    parser.add_argument("--jobs", type=int, help="scenarios at a time")
    parser.add_argument("--list", action="store_true", help="the scenarios' names")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return run_one(arguments.one, arguments.seed, arguments.long, RESULTS / arguments.one)

    from scenarios import scenarios

    seed = arguments.seed if arguments.seed is not None else int.from_bytes(os.urandom(4), "little")
    chosen = [s for s in scenarios(arguments.long) if not arguments.only or arguments.only in s.name]
    if arguments.list:
        print("\n".join(s.name for s in chosen))
        return 0
    print(f"seed {seed}; the same schedule again: tests/chaos/run --seed {seed}{' --long' if arguments.long else ''}",
          flush=True)
    results = []
    with ThreadPoolExecutor(arguments.jobs or 4) as pool:
        results += pool.map(lambda s: launch(s, seed, arguments.long), [s for s in chosen if not s.is_timed])
    # What measures time has the machine for itself.
    results += [launch(s, seed, arguments.long) for s in chosen if s.is_timed]
    text = table(results)
    (RESULTS / "table.md").write_text(text + "\n")
    print("\n" + text + "\n")
    counts = {outcome: sum(r["outcome"] == outcome for r in results) for outcome in ("passed", "failed", "skipped")}
    last = f"{counts['passed']} passed, {counts['failed']} failed"
    print(last + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] or not results else 0


if __name__ == "__main__":
    sys.exit(main())
