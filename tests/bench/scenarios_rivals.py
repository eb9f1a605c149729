# SPDX-License-Identifier: Apache-2.0
"""What one would write by hand instead, on the same events and the same receiver."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from parts import ROOT, Process, Receiver, run_json
from scenarios import BODY, addresses, measure, wait_settled

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


def rivals(bench, seconds):
    """a worker in Node (undici, ioredis) and one in Python (aiohttp, redis-py) on 100 destinations, then petrel"""
    receiver, result = bench.start(Receiver()), {"notes": []}
    log = Path(bench.folder) / "worker.log"
    for name, prepare in (("node", prepare_node), ("python", prepare_python)):
        try:
            command = prepare()
        except (OSError, subprocess.CalledProcessError) as error:
            result["notes"].append(f"{name} couldn't be installed: {error}")
            continue
        worker = bench.start(Worker(command, bench.redis, receiver, 100, log))
        # A probe for how much is enough, then the measurement.
        receiver.ask("reset")
        run_json("driver", "--redis-port", bench.redis.port, "--events", 2000, "--bytes", BODY, "--types", 100, "--atomic", 1)
        wait_settled(bench, receiver, 2000)
        seen = receiver.ask()
        events = max(int(2000 / ((seen["last_ns"] - seen["first_ns"]) / 1e9) * seconds), 2000)
        measured = measure(bench, worker, receiver, events, types=100, warm_up=0)
        worker.stop()
        bench.redis.call("DEL", "petrel:events")
        result[f"{name}_per_second"], result[f"{name}_us"] = measured["per_second"], measured["petrel_us"]
        result["notes"].append(f"{name}: {measured['per_second']:,.0f} deliveries/s, {measured['petrel_us']:.0f} µs CPU and "
                               f"{measured['redis_us']:.0f} µs of Redis each, RSS {measured['rss_mb']:.0f} MB")
    petrel = bench.petrel(*bench.flags)
    bench.subscribe(petrel, addresses(100, receiver.port))
    receiver.ask("reset")
    measured = measure(bench, petrel, receiver, int(8000 * seconds), types=100)
    result.update(measured)
    for name in ("node", "python"):
        if f"{name}_per_second" in result:
            ratio = measured["per_second"] / result[f"{name}_per_second"]
            result[f"times_{name}"] = ratio
            result["notes"].append(f"petrel delivers {ratio:.1f} times as many as {name}, for "
                                   f"{result[f'{name}_us'] / measured['petrel_us']:.1f} times less CPU each")
    return result


ALL = {"rivals": rivals}
