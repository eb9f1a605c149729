# SPDX-License-Identifier: Apache-2.0
"""Draws docs/benchmarks/*.svg from the JSON of a full run.

    python3 -m venv build/plot-venv && build/plot-venv/bin/pip install -r tests/bench/requirements.txt
    build/plot-venv/bin/python tests/bench/plot.py [build/results/bench.json]
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/benchmarks"
INK, SOFT, ACCENT, THIRD = "#1f2933", "#9aa5b1", "#2f6f9f", "#d98e04"
plt.rcParams.update({"font.size": 10, "svg.hashsalt": "petrel", "axes.spines.top": False, "axes.spines.right": False,
                     "axes.edgecolor": SOFT, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK,
                     "ytick.color": INK, "figure.constrained_layout.use": True})


def save(figure, name):
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def bars(axes, labels, series):
    """series: [(legend, color, values)], side by side; a missing value leaves its place empty."""
    height = 0.8 / len(series)
    for number, (legend, color, values) in enumerate(series):
        places = [i + number * height for i in range(len(labels))]
        drawn = axes.barh(places, [v or 0 for v in values], height * 0.92, label=legend, color=color)
        axes.bar_label(drawn, [f"{v:,.1f}" if v and v < 100 else f"{v:,.0f}" if v else "" for v in values], padding=3,
                       fontsize=8)
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(labels))], labels)
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8)


def cpu(scenarios):
    names = [n for n in ("one", "hundred", "https", "fan_out", "failing", "ten_thousand") if n in scenarios]
    figure, axes = plt.subplots(figsize=(7.5, 0.9 * len(names) + 1))
    bars(axes, names, [
        ("bare libcurl loop", SOFT, [scenarios[n].get("bare_us") for n in names]),
        ("petrel", ACCENT, [scenarios[n].get("petrel_us") for n in names]),
        ("Redis", THIRD, [scenarios[n].get("redis_us") for n in names]),
    ])
    axes.set_xlabel("CPU per delivery, µs")
    save(figure, "cpu")


def rate(scenarios):
    found = scenarios.get("rivals")
    if not found:
        return
    rows = [("Python", "python"), ("Node", "node")]
    labels = [label for label, key in rows if f"{key}_us" in found] + ["petrel"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.2))
    for axes, key, what in ((left, "per_second", "deliveries/s"), (right, "us", "CPU per delivery, µs")):
        values = [found[f"{k}_{key}"] for _, k in rows if f"{k}_us" in found]
        values.append(found["per_second"] if key == "per_second" else found["petrel_us"])
        drawn = axes.barh(labels, values, color=[SOFT] * (len(labels) - 1) + [ACCENT])
        axes.bar_label(drawn, [f"{v:,.0f}" for v in values], padding=3, fontsize=8)
        axes.set_xlabel(what)
        axes.margins(x=0.2)
        axes.invert_yaxis()
    save(figure, "rivals")


def latency(scenarios):
    for name in ("one", "hundred"):
        found = scenarios.get(name, {}).get("latency")
        if not found:
            continue
        figure, axes = plt.subplots(figsize=(7.5, 2.6))
        bars(axes, [f"{load} ({at['rate']:,}/s)" for load, at in found.items()], [
            (legend, color, [at[key] / 1000 for at in found.values()])
            for legend, color, key in (("p50", SOFT, "p50_us"), ("p99", ACCENT, "p99_us"), ("p99.9", THIRD, "p999_us"))])
        axes.set_xscale("log")
        axes.set_xlabel("XADD → request received, ms")
        save(figure, f"latency-{name}")


def main():
    report = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/results/bench.json").read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    for draw in (cpu, rate, latency):
        draw(report["scenarios"])


main()
