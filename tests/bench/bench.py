# SPDX-License-Identifier: Apache-2.0
"""What petrel costs and how fast it is, each number beside a bare libcurl loop's of the same run.

A scenario starts its own Redis (append-only), receiver and petrel, warms them up, keeps a backlog of events before petrel,
and takes the CPU of petrel and of Redis until the last one is settled. Then events come one by one at a part of the rate
that was reached, for the latency. Absolute numbers depend on the machine and on what else it does; the ratios don't,
much.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import scenarios
import scenarios_rivals
import scenarios_scale
import scenarios_store
from parts import ROOT, Bench
from tables import print_tables

ALL = {**scenarios.ALL, **scenarios_scale.ALL, **scenarios_store.ALL, **scenarios_rivals.ALL}

EXPECTED = Path(__file__).parent / "expected.json"
SECONDS_LEAST, SECONDS_MOST = 0.5, 600
GROSS = 2.0  # times as bad as recorded: noise of a shared machine stays below


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    version = subprocess.run([str(ROOT / "build/release/petrel"), "version"], capture_output=True, text=True).stdout
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "petrel": version.splitlines()[0]}


def judge(results):
    """(what, measured, recorded) of each number that is recorded, and whether it held."""
    expected = json.loads(EXPECTED.read_text())
    for name, numbers in expected.items():
        for key, recorded in numbers.items():
            if name in results and "error" not in results[name]:
                measured = results[name].get(key)
                yield f"{name} {key}", measured, recorded, measured is not None and measured <= recorded * GROSS


def run(name, options):
    """One scenario's numbers; {"error": …} when it couldn't be run: the others may still tell something."""
    began = time.monotonic()
    print(f"-- {name}: {ALL[name].__doc__.strip().splitlines()[0]}", flush=True)
    at = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "load_before": os.getloadavg()[0]}
    try:
        with Bench() as bench:
            bench.flags = [flag for flag in options.petrel.split(",") if flag]
            result = ALL[name](bench, options.seconds or (1.0 if options.quick else 4.0))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        result = {"error": f"{type(error).__name__}: {error}"}
        print(f"   {result['error']}", flush=True)
    return {**result, **at, "took_s": round(time.monotonic() - began, 1)}


def parse_seconds(text):
    seconds = float(text)
    if not SECONDS_LEAST <= seconds <= SECONDS_MOST:
        raise argparse.ArgumentTypeError(f"{text} is not within {SECONDS_LEAST} and {SECONDS_MOST}")
    return seconds


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the main scenarios, in less than a minute")
    parser.add_argument("--only", metavar="NAME,…", help=f"of {', '.join(ALL)}")
    parser.add_argument("--seconds", type=parse_seconds, help="about how long each measurement takes (1 with --quick, else 4)")
    parser.add_argument("--json", default=str(ROOT / "build/results/bench.json"), help="where the numbers go")
    parser.add_argument("--append", action="store_true", help="to what is there, so that a run can be done in pieces")
    parser.add_argument("--petrel", metavar="FLAG=VALUE,…", default="", help="flags for petrel, as --workers=1")
    options = parser.parse_args()
    options.names = scenarios.QUICK if options.quick else list(ALL)
    if options.only is not None:
        options.names = list(dict.fromkeys(options.only.split(",")))
    if unknown := [name for name in options.names if name not in ALL]:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are: {', '.join(ALL)}")
    return options


def main():
    options = parse_arguments()
    # What was started ends with us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    path = Path(options.json)
    try:
        known = path.read_text() if options.append and path.exists() else ""
        before = json.loads(known)["scenarios"] if known else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()  # better now than after the first scenario
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"--json {path}: {error}")
    results = {}
    for name in options.names:
        results[name] = run(name, options)
        known = {**before, **results}
        ordered = {name: known[name] for name in ALL if name in known}
        path.write_text(json.dumps({"machine": machine(), "scenarios": ordered}, indent=1) + "\n")
    print()
    print_tables(results)
    about = machine()
    loads = ", ".join(f"{result['load_before']:.1f}" for result in results.values())
    print(f"\n{about['cpu']}, {about['cores']} cores; load before each: {loads}; all numbers: {path}")
    passed, failed = 0, sum("error" in result for result in results.values())
    for what, measured, recorded, holds in judge(results):
        passed, failed = passed + holds, failed + (not holds)
        if not holds:
            print(f"FAIL {what}: {measured} is more than {GROSS} times the recorded {recorded}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
