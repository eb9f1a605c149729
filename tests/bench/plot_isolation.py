# SPDX-License-Identifier: Apache-2.0
"""Draws docs/isolation/*.svg from what isolation.py and dead_subscriber.py have written.

    build/plot-venv/bin/python tests/bench/plot_isolation.py ISOLATION.json… DEAD.json

The environment: see plot.py."""

import json
import sys
from pathlib import Path

from plot import GOAL, PETREL, ROOT, SOFT, plt

FOLDER = ROOT / "docs/isolation"
KINDS = {"hang": "never answer", "slow": "answer after 10 s", "refuse": "refuse connections"}


def save(figure, name):
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def latency(rows):
    """Per kind one panel: p50 and p99 of the healthy, by the share of the sick, without them and with."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
    for axes, (kind, meaning) in zip(panels, KINDS.items()):
        found = sorted((row for row in rows if row["kind"] == kind), key=lambda row: row["share"])
        places = range(len(found))
        for key, style in (("p99_us", "-"), ("p50_us", ":")):
            for which, color, legend in (("without", SOFT, "without the sick"), ("with", PETREL, "beside them")):
                axes.plot(places, [row[which][key] for row in found], style, color=color, marker="o", markersize=4,
                          label=f"{key[:3]} {legend}")
        axes.set_xticks(places, [f"{row['share']:.0%}" for row in found])
        axes.set_title(f"they {meaning}")
        axes.set_xlabel("sick subscriptions")
        axes.set_yscale("log")
    panels[0].set_ylabel("XADD → request received, ms")
    panels[0].legend(frameon=False, fontsize=8)
    save(figure, "latency")


def recovery(back):
    """Requests in each second after the first success, and what the slow start allows."""
    figure, axes = plt.subplots(figsize=(7.5, 2.6))
    counts = back["per_second"]
    drawn = axes.bar(range(len(counts)), counts, color=PETREL, label="requests received")
    axes.bar_label(drawn, counts, padding=2, fontsize=8)
    axes.step([-0.5, *[n + 0.5 for n in range(len(counts))]], [1, *[2 ** n for n in range(len(counts))]], color=GOAL,
              where="pre", label="allowed by the slow start")
    axes.set_yscale("log", base=2)
    axes.set_xlabel("second after the first success")
    axes.legend(frameon=False, fontsize=8)
    save(figure, "recovery")


def main():
    reports = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    rows = [row for report in reports for row in report.get("rows", [])]
    if rows:
        latency(rows)
    for report in reports:
        if "back" in report:
            recovery(report["back"])


if __name__ == "__main__":
    main()
