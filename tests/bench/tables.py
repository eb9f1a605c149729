# SPDX-License-Identifier: Apache-2.0
"""The bench's numbers as tables: aligned for a terminal, or in Markdown for docs/benchmarks.md.

    tests/bench/tables.py [build/results/bench.json]      # Markdown
"""

import json
import sys
from pathlib import Path

COLUMNS = [  # heading, key, digits
    ("deliveries/s", "per_second", 0), ("petrel µs", "petrel_us", 1), ("user", "petrel_user_us", 1),
    ("system", "petrel_system_us", 1), ("bare µs", "bare_us", 1), ("× bare", "ratio", 2), ("bare/s", "bare_per_second", 0),
    ("wrk µs", "wrk_us", 1), ("wrk/s", "wrk_per_second", 0), ("Redis µs", "redis_us", 1), ("commands", "commands", 2),
    ("round trips", "round_trips", 3), ("conn/1000", "connections", 1), ("RSS MB", "rss_mb", 1),
]
LATENCY = [("events/s", "rate", 0, 1), ("p50", "p50_us", 2, 1000), ("p99", "p99_us", 2, 1000),
           ("p99.9", "p999_us", 2, 1000), ("max", "max_us", 2, 1000),
           ("driver late", "late_us", 2, 1000), ("petrel µs", "petrel_us", 1, 1),
           ("Redis µs", "redis_us", 1, 1), ("commands", "commands", 2, 1)]


def cell(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def cost_rows(results):
    yield ["CPU per delivery", *(heading for heading, _, _ in COLUMNS)]
    for name, result in results.items():
        variants = result.get("variants", {name: result})
        for variant, numbers in variants.items():
            if "per_second" in numbers:
                label = variant
                yield [label, *(cell(numbers.get(key), digits) for _, key, digits in COLUMNS)]


def latency_rows(results):
    yield ["latency, ms", *(heading for heading, *_ in LATENCY)]
    for name, result in results.items():
        for load, numbers in result.get("latency", {}).items():
            yield [f"{name}, {load}", *(cell(numbers[key] / by, digits) for _, key, digits, by in LATENCY)]


def align(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))])


def markdown(rows):
    yield f"| {' | '.join(rows[0])} |"
    yield "|---|" + "---:|" * (len(rows[0]) - 1)
    for row in rows[1:]:
        yield f"| {' | '.join(row)} |"


def print_tables(results, form=align):
    for rows in (list(cost_rows(results)), list(latency_rows(results))):
        if len(rows) > 1:
            print("\n".join(form(rows)), end="\n\n")
    for name, result in results.items():
        for line in [*result.get("notes", []), *([result["error"]] if "error" in result else [])]:
            print(f"{name}: {line}")


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2] / "build/results/bench.json"
    print_tables(json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else default).read_text())["scenarios"], markdown)
