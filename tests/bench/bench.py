# SPDX-License-Identifier: Apache-2.0
"""What petrel costs and how fast it is, each number beside a bare libcurl loop's of the same run.

A scenario starts its own Redis (append-only), receiver and petrel, warms them up, makes the events appear in the stream
at one moment, and takes the CPU of petrel and of Redis until the last one is settled. Then events come at a part of the
rate that was reached, for the latency. Absolute numbers depend on the machine and on what else it does; the ratios
don't, much.
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
from parts import ROOT, Bench

ALL = {**scenarios.ALL, **scenarios_scale.ALL, **scenarios_rivals.ALL}

EXPECTED = Path(__file__).parent / "expected.json"
GROSS = 2.0  # times as bad as recorded: noise of a shared machine stays below


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    version = subprocess.run([str(ROOT / "build/release/petrel"), "version"], capture_output=True, text=True).stdout
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "petrel": version.splitlines()[0],
            "load_before": os.getloadavg()[0], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def cell(value, digits=1):
    if value is None:
        return ""
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


COLUMNS = [  # heading, key, digits
    ("deliveries/s", "per_second", 0), ("petrel µs", "petrel_us", 1), ("user", "petrel_user_us", 1),
    ("bare µs", "bare_us", 1), ("× bare", "ratio", 2), ("Redis µs", "redis_us", 1), ("commands", "commands", 2),
    ("round trips", "round_trips", 3), ("conn/1000", "connections", 1), ("RSS MB", "rss_mb", 1),
]


def table(results):
    rows = [["scenario", *(heading for heading, _, _ in COLUMNS)]]
    for name, result in results.items():
        if "per_second" in result:
            rows.append([name, *(cell(result.get(key), digits) for _, key, digits in COLUMNS)])
    yield from align(rows)
    rows = [["latency, ms", "events/s", "p50", "p99", "p99.9", "max"]]
    for name, result in results.items():
        for load, at in result.get("latency", {}).items():
            rows.append([f"{name} {load}", cell(at["rate"]), *(cell(at[key] / 1000, 2) for key in
                                                               ("p50_us", "p99_us", "p999_us", "max_us"))])
    if len(rows) > 1:
        yield ""
        yield from align(rows)
    for name, result in results.items():
        for line in result.get("notes", []):
            yield f"{name}: {line}"


def align(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))])


def judge(results):
    """(what, measured, recorded) of each number that is recorded, and whether it held."""
    expected = json.loads(EXPECTED.read_text())
    for name, numbers in expected.items():
        for key, recorded in numbers.items():
            if name in results:
                measured = results[name].get(key)
                yield f"{name} {key}", measured, recorded, measured is not None and measured <= recorded * GROSS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the main scenarios, in less than a minute")
    parser.add_argument("--only", metavar="NAME,…", help=f"of {', '.join(ALL)}")
    parser.add_argument("--seconds", type=float, help="about how long each measurement takes (1 with --quick, else 4)")
    parser.add_argument("--json", default=str(ROOT / "build/results/bench.json"), help="where the numbers go")
    parser.add_argument("--petrel", metavar="FLAG=VALUE,…", default="", help="flags for petrel, as --workers=1")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else scenarios.QUICK if options.quick else list(ALL)
    seconds = options.seconds or (1.0 if options.quick else 4.0)
    flags = [flag for flag in options.petrel.split(",") if flag]

    # As for Ctrl-C: what was started ends with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = {"machine": machine(), "seconds": seconds, "scenarios": {}}
    for name in names:
        began = time.monotonic()
        print(f"-- {name}: {ALL[name].__doc__.strip().splitlines()[0]}", flush=True)
        with Bench() as bench:
            bench.flags = flags
            try:
                result = ALL[name](bench, seconds)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:  # the others may still tell something
                result = {"error": f"{type(error).__name__}: {error}"}
                print(f"   {result['error']}", flush=True)
        report["scenarios"][name] = {**result, "took_s": round(time.monotonic() - began, 1)}
    Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    print()
    print("\n".join(table(report["scenarios"])))
    print(f"\n{report['machine']['cpu']}, {report['machine']['cores']} cores; load before: "
          f"{report['machine']['load_before']:.1f}; all numbers: {options.json}")
    passed, failed = 0, sum("error" in result for result in report["scenarios"].values())
    for what, measured, recorded, holds in judge(report["scenarios"]):
        passed, failed = passed + holds, failed + (not holds)
        if not holds:
            print(f"FAIL {what}: {measured} is more than {GROSS} times the recorded {recorded}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
