# SPDX-License-Identifier: Apache-2.0
"""What one would write by hand instead, on the same events and the same receiver."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import addresses, measure, warm_up
from parts import ROOT, Process

HERE = Path(__file__).parent / "baselines"


def prepare_node():
    folder = ROOT / "build/bench-node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "worker.mjs"):
        shutil.copy(HERE / name, folder)
    if not (folder / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return ["node", folder / "worker.mjs"]


def prepare_python():
    folder = ROOT / "build/bench-venv"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "-q", "install", "-r", HERE / "requirements.txt"], check=True)
        (folder / "installed").touch()
    return [folder / "bin/python", HERE / "worker.py"]


class Worker(Process):
    def __init__(self, command, redis, receiver, destinations, log):
        super().__init__([*command, redis.port, receiver.port, destinations], stdout=subprocess.PIPE,
                         env={**os.environ, "NODE_ENV": "production"}, log=log)
        assert self.child.stdout.readline().strip() == "ready"


class Team:
    """Several processes that share the group, seen as one."""

    def __init__(self, members):
        self.members = members

    def cpu_us(self):
        return tuple(map(sum, zip(*(member.cpu_us() for member in self.members))))

    def rss_bytes(self, which="VmRSS"):
        return sum(member.rss_bytes(which) for member in self.members)

    def stop(self):
        for member in self.members:
            member.stop()


def at_its_best(bench, team, receiver, seconds):
    """The best of three rounds, each of them all events there at once; how many is by what a first round shows."""
    warm_up(bench, receiver, 2000, types=100)
    rate = measure(bench, team, receiver, 3000, types=100, load="atomic")["per_second"]
    events = max(int(rate * seconds / 2), 2000)
    rounds = [measure(bench, team, receiver, events, types=100, load="atomic") for _ in range(3)]
    return max(rounds, key=lambda r: r["per_second"])


def rivals(bench, seconds):
    """a worker in Node (undici, ioredis) and one in Python (aiohttp, redis-py) on 100 destinations, then petrel"""
    receiver, found, notes = bench.receiver(), {}, []
    log = Path(bench.folder) / "worker.log"
    for name, prepare in (("node", prepare_node), ("python", prepare_python)):
        try:
            command = prepare()
        except (OSError, subprocess.CalledProcessError) as error:
            notes.append(f"{name} couldn't be installed: {error}")
            continue
        for processes in (1, 2):  # with two cores: whichever is better
            team = Team([bench.start(Worker(command, bench.redis, receiver, 100, log)) for _ in range(processes)])
            measured = {**at_its_best(bench, team, receiver, seconds), "processes": processes}
            team.stop()
            bench.redis.call("DEL", "petrel:events")
            notes.append(f"{name}, {processes} process{'es' * (processes - 1)}: {measured['per_second']:,.0f} deliveries/s, "
                         f"{measured['petrel_us']:.0f} µs CPU and {measured['redis_us']:.0f} µs of Redis each, "
                         f"RSS {measured['rss_mb']:.0f} MB")
            if name not in found or measured["per_second"] > found[name]["per_second"]:
                found[name] = measured
    petrel = bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    result = at_its_best(bench, petrel, receiver, seconds)
    for name, measured in found.items():
        result[name] = {key: measured[key] for key in ("per_second", "petrel_us", "redis_us", "rss_mb", "processes")}
        result[f"times_{name}"] = result["per_second"] / measured["per_second"]
        notes.append(f"petrel delivers {result[f'times_{name}']:.1f} times as many as {name}, for "
                     f"{measured['petrel_us'] / result['petrel_us']:.1f} times less CPU each")
    return {**result, "notes": notes}


ALL = {"rivals": rivals}
