# SPDX-License-Identifier: Apache-2.0
"""All scenarios with their size, short and long. `run(folder, seed, is_long)` gives the numbers of the table or raises."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field

import faults
import points
import scenario_news
import scenario_points
import timed

# The first word of a scenario's name → how the table calls it.
KINDS = {
    "points": "death at every fault point",
    "news": "death around what an event of petrel's own tells of",
    "storm": "kill -9 of one of three dispatchers, every second",
    "redis-always": "Redis killed, append-only file fsynced always",
    "redis-everysec": "Redis stopped, append-only file fsynced every second",
    "cut": "connections to Redis cut in the middle of a reply",
    "lossy": "network that loses 1 % and delays by 5 to 25 ms",
    "frozen": "a dispatcher that stands still (SIGSTOP), then goes on",
    "recovery": "kill -9 of one of two dispatchers, default settings",
    "alone": "kill -9 of the only dispatcher, started again, default settings",
    "drain": "SIGTERM under load",
    "rolling": "rolling restarts of two dispatchers",
}


@dataclass
class Scenario:
    name: str
    function: object
    short: dict
    long: dict
    wrap: list = field(default_factory=list)
    is_timed: bool = False  # measures time: runs alone
    needs_network_namespace: bool = False

    def run(self, folder, seed, is_long):
        return self.function(folder, seed, **(self.long if is_long else self.short))

    def why_not(self):
        if not self.needs_network_namespace:
            return None
        if not shutil.which("unshare") or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
            return "no unshare, ip or /dev/net/tun here"
        tried = subprocess.run([*self.wrap, "ip", "tuntap", "add", "dev", "t0", "mode", "tun"], capture_output=True)
        return None if tried.returncode == 0 else "network namespaces are not permitted here"


def _point_scenarios(is_long):
    """Several points to a run: each death is the next one's beginning."""
    every = points.all_points()
    size = 3 if is_long else 6
    count = -(-len(every) // size)
    for number in range(count):
        # Dealt out like cards, so that a run has different kinds.
        mine = every[number::count]
        yield Scenario(f"points {number + 1}", scenario_points.run_points,
                       {"points": mine, "events": 1500}, {"points": mine, "events": 20000, "rate": 900})


def scenarios(is_long):
    made = list(_point_scenarios(is_long))
    made += [
        Scenario("news", scenario_news.run_news, {}, {}),
        Scenario("storm", faults.storm, {"kills": 15, "rate": 400}, {"kills": 60, "rate": 1200}),
        Scenario("redis-always", faults.restart_redis, {"restarts": 4, "rate": 300, "aof": "always"},
                 {"restarts": 20, "rate": 900, "aof": "always"}),
        Scenario("redis-everysec", faults.restart_redis, {"restarts": 4, "rate": 300, "aof": "everysec"},
                 {"restarts": 20, "rate": 900, "aof": "everysec"}),
        Scenario("cut", faults.cut_connections, {"cuts": 30, "rate": 300}, {"cuts": 300, "rate": 900}),
        Scenario("lossy", faults.lossy_network, {"seconds": 10, "rate": 150}, {"seconds": 90, "rate": 200},
                 wrap=["unshare", "-n"], needs_network_namespace=True),
        Scenario("frozen", faults.freeze, {"still_s": 10, "rate": 300}, {"still_s": 60, "rate": 800}),
        Scenario("drain", timed.drain, {"rounds": 2, "rate": 300}, {"rounds": 8, "rate": 900}, is_timed=True),
        Scenario("rolling", timed.rolling_restart, {"restarts": 4, "rate": 300}, {"restarts": 30, "rate": 900},
                 is_timed=True),
        Scenario("recovery", timed.recovery, {"rounds": 2, "rate": 200}, {"rounds": 8, "rate": 600}, is_timed=True),
        Scenario("alone", timed.alone, {"rounds": 1, "rate": 200}, {"rounds": 5, "rate": 600}, is_timed=True),
    ]
    if is_long:
        storm = next(s for s in made if s.name == "storm")
        made += [Scenario(f"storm {n}", storm.function, storm.short, storm.long) for n in range(2, 5)]
    return made


def find(name, is_long):
    return next(scenario for scenario in scenarios(is_long) if scenario.name == name)
