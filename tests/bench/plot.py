# SPDX-License-Identifier: Apache-2.0
"""Draws docs/benchmarks/<scenario>.svg, one for each scenario in the JSON of a run.

    python3 -m venv build/plot-venv && build/plot-venv/bin/pip install -r tests/bench/requirements.txt
    build/plot-venv/bin/python tests/bench/plot.py [build/results/bench.json]

Every plot is a row of panels of horizontal bars; a dashed line is the goal. Colours mean the same everywhere: petrel
blue (kernel time lighter), Redis orange, what it is compared with grey.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/benchmarks"
INK, SOFT, PALE, PETREL, KERNEL, REDIS, GOAL = (
    "#1f2933", "#9aa5b1", "#cbd2d9", "#2f6f9f", "#8fbbd9", "#d98e04", "#b3261e")
plt.rcParams.update({"font.size": 9, "svg.hashsalt": "petrel", "axes.spines.top": False, "axes.spines.right": False,
                     "axes.edgecolor": SOFT, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
                     "ytick.color": INK, "axes.titlesize": 9, "axes.titleweight": "bold", "axes.titlelocation": "left",
                     "figure.constrained_layout.use": True, "figure.facecolor": "white"})


def short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def panel(axes, title, rows, fewest=1, goal=None, log=False):
    """rows: (label, [(value, color), …]): parts of one bar; None is left out. Bars are as thick as for `fewest` rows."""
    rows = [(label, [(v, c) for v, c in parts if v is not None]) for label, parts in rows]
    rows = [(label, parts) for label, parts in rows if parts]
    for place, (label, parts) in enumerate(rows):
        left = 0.0
        for value, color in parts:
            axes.barh(place, value, 0.7, left=left, color=color)
            left += value
        axes.annotate(short(left), (left, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_ylim(max(len(rows), fewest) - 0.5, -0.5)
    axes.set_title(title)
    if log:
        axes.set_xscale("log")
    axes.margins(x=0.22)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3) if not log else matplotlib.ticker.LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:,.6g}"))
    if goal is not None:
        axes.axvline(goal, color=GOAL, linestyle="--", linewidth=1)


def draw(name, panels):
    """panels: (title, rows, {goal, log})."""
    tallest = max(3, *(len(rows) for _, rows, _ in panels))
    size = 3.4 * max(len(panels), 2) + 0.6, 0.25 * tallest + 0.8
    figure, all_axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    for axes, (title, rows, more) in zip(all_axes[0], panels):
        panel(axes, title, rows, min(tallest, 5), **more)
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def times(result, legend=""):
    return [(f"{legend}{label}", [(result[key] / 1000, color)])
            for label, key, color in (("p50", "p50_us", KERNEL), ("p99", "p99_us", PETREL), ("p99.9", "p999_us", INK))]


def costs(result):
    """CPU per delivery of those that took part."""
    goal = {}
    if result.get("bare_us"):
        goal = {"goal": result["bare_us"] * (2 if "in_flight" in result else 1.4)}
    rows = [
        ("wrk", [(result.get("wrk_us"), PALE)]),
        ("bare loop", [(result.get("bare_us"), SOFT)]),
        ("petrel", [(result.get("petrel_user_us"), PETREL), (result.get("petrel_system_us"), KERNEL)]),
        ("Redis", [(result.get("redis_us"), REDIS)]),
    ]
    return "CPU per delivery, µs", rows, goal


def rates(result):
    rows = [("wrk", [(result.get("wrk_per_second"), PALE)]), ("bare loop", [(result.get("bare_per_second"), SOFT)]),
            ("petrel", [(result["per_second"], PETREL)])]
    return "deliveries/s", rows, {}


def ordinary(name, result):
    panels = [costs(result), rates(result)]
    if "latency" in result:
        rows = [row for load, at in result["latency"].items() for row in times(at, f"{load}, ")]
        panels.append(("XADD → received, ms", rows, {"log": True}))
    draw(name, panels)


def idle(name, result):
    draw(name, [
        ("CPU, % of a core", [("petrel", [(result["cpu_percent"], PETREL)])], {"goal": 0.5}),
        ("Redis commands/s", [("all", [(result["commands_per_second"], REDIS)]),
                              ("from outside", [(result.get("calls_per_second"), REDIS)])], {"goal": 5}),
        ("single event, ms", [("p50", [(result["first_p50_us"] / 1000, KERNEL)]),
                              ("worst", [(result["first_max_us"] / 1000, PETREL)])], {"goal": 2}),
        ("RSS, MB", [("petrel", [(result["rss_mb"], PETREL)])], {"goal": 20}),
    ])


def workers(name, result):
    variants = result["variants"].items()
    bare_us = next(iter(result["variants"].values())).get("bare_us")
    yardstick = [("bare loop", [(bare_us, SOFT)])]
    draw(name, [
        ("deliveries/s", [(n, [(r["per_second"], PETREL)]) for n, r in variants], {}),
        ("CPU per delivery, µs", yardstick + [(n, [(r["petrel_user_us"], PETREL), (r["petrel_system_us"], KERNEL)])
                                              for n, r in variants], {"goal": bare_us * 1.4 if bare_us else None}),
    ])


def slow_receivers(name, result):
    draw(name, [
        ("attempts in flight", [("petrel", [(result["in_flight"], PETREL)])], {"goal": 10_000}),
        ("KiB per attempt in flight", [("petrel", [(result["bytes_per_attempt"] / 1024, PETREL)])], {"goal": 40_000 / 1024}),
        ("CPU per delivery, µs", [("petrel", [(result["petrel_us"], PETREL)])], {}),
    ])


def https_thousand(name, result):
    draw(name, [
        ("attempts on a kept connection, %", [("petrel", [(result["kept_percent"], PETREL)])], {"goal": 99}),
        costs(result), ("XADD → received, ms", times(result), {"log": True}),
    ])


def fan_out_ten_thousand(name, result):
    draw(name, [
        ("all 10,000 attempted within, s", [("petrel", [(result["all_attempted_s"], PETREL)])], {"goal": 2}),
        ("other events, XADD → received, ms", [
            ("before, worst", [(result["others_max_before_us"] / 1000, SOFT)]),
            ("meanwhile, p99", [(result["others_p99_us"] / 1000, KERNEL)]),
            ("meanwhile, worst", [(result["others_max_us"] / 1000, PETREL)])], {"goal": 100}),
    ])


def many_subscriptions(name, result):
    draw(name, [
        ("KB per subscription", [("petrel", [(result["bytes_per_subscription"] / 1000, PETREL)])], {"goal": 1.5}),
        ("seconds", [("load at the start", [(result["load_s"], PETREL)]),
                     ("a change is known", [(result["change_s"], KERNEL)])], {"goal": 2}),
        ("match of an event, µs", [("nobody wants it", [(result["match"]["none_ns"] / 1000, KERNEL)]),
                                   ("one does", [(result["match"]["one_ns"] / 1000, PETREL)]),
                                   ("a hundred do", [(result["match"]["hundred_ns"] / 1000, INK)])], {"goal": 3}),
    ])


def many_parked(name, result):
    draw(name, [
        ("Redis bytes beyond the body", [("per delivery", [(result["bytes_beyond_payload"], REDIS)])], {"goal": 250}),
        ("Redis's CPU per claim … settle, µs", [("1,000 parked", [(result["claim_redis_us_few"], SOFT)]),
                                                ("1,000,000 parked", [(result["claim_redis_us"], REDIS)])],
         {"goal": result["claim_redis_us_few"] * 1.2}),
        ("start → first attempt, s", [("petrel", [(result["first_attempt_s"], PETREL)])], {"goal": 1}),
    ])


def rivals(name, result):
    found = [(label, result[key]) for label, key in (("Python", "python"), ("Node", "node")) if key in result]
    found.append(("petrel", result))

    def rows(key, color):
        return [(label, [(numbers[key], color if label == "petrel" else SOFT)]) for label, numbers in found]

    draw(name, [("deliveries/s", rows("per_second", PETREL), {}), ("CPU per delivery, µs", rows("petrel_us", PETREL), {}),
                ("RSS, MB", rows("rss_mb", PETREL), {})])


SPECIAL = {function.__name__: function for function in (
    idle, workers, slow_receivers, https_thousand, fan_out_ten_thousand, many_subscriptions, many_parked, rivals)}


def main():
    report = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/results/bench.json").read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, result in report["scenarios"].items():
        if "error" not in result:
            SPECIAL.get(name, ordinary)(name, result)


if __name__ == "__main__":
    main()
