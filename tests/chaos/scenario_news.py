# SPDX-License-Identifier: Apache-2.0
"""petrel's own events: a victim dies right before and right after the change that one tells of. Told is what is done, no
more and no less: at that instant, not after somebody has repaired it."""

import signal
from dataclasses import dataclass
from threading import Event

from bench import Bench, Instance
from harness.receiver import Answer, Receiver
from harness.wait import wait_until

# A breaker opens with the first failure and is probed at once.
FLAGS = ("--breaker-failures", "1", "--breaker-probe", "100ms", "--instance-timeout", "1500ms")


class Stage:
    """One victim, one subscriber, one who asks for the news."""

    def __init__(self, bench, receiver, case, point):
        self.bench, self.receiver, self.client = bench, receiver, bench.client
        self.news, self.path, self.type = case.news, f"/{point}", f"news.{point}"
        self.id = self.subscribe(self.path, self.type, retry_schedule=case.schedule)
        self.watcher = self.subscribe("/watch", case.news)
        self.victim = Instance(bench, "dispatcher", (), point)

    def subscribe(self, path, type_, **fields):
        answer = self.bench.admin.call("POST", "/v1/subscriptions", {
            "url": self.receiver.url(path), "event_types": [type_], **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def close(self):
        for subscription in (self.id, self.watcher):
            self.bench.admin.call("DELETE", f"/v1/subscriptions/{subscription}")

    def publish(self):
        self.client.xadd("petrel:events", {"type": self.type, "data": "1"})

    def wait_death(self):
        wait_until(lambda: not self.victim.is_running(), 60, "the victim dies")
        assert self.victim.process.returncode == -signal.SIGKILL, self.victim.output()[-2000:]

    def told(self):
        """How often, of this subscription."""
        return sum(fields["type"] == self.news and self.id in fields["data"]
                   for _, fields in self.client.xrange("petrel:events"))

    def is_disabled(self):
        return self.bench.admin.call("GET", f"/v1/subscriptions/{self.id}").json()["state"] == "disabled"

    def is_breaker(self, state):
        return self.client.hget(f"petrel:health:{self.id}", "state") == state

    def dead_letters(self):
        return sum(letter.endswith(self.id) for letter in self.client.zrange("petrel:dead", 0, -1))


def _disabling(stage):
    stage.receiver.script(stage.path, [Answer(410)])
    stage.publish()
    stage.wait_death()
    return stage.is_disabled()


def _death(stage):
    stage.receiver.script(stage.path, [Answer(500)])
    stage.publish()
    stage.wait_death()
    return stage.dead_letters() == 1


def _recovery_by_probe(stage):
    """All that was parked arrives, and closes the breaker."""
    stage.receiver.script(stage.path, [Answer(500), Answer(200)])
    stage.publish()
    stage.wait_death()
    return stage.is_breaker(None)


def _recovery_by_success(stage):
    """One is still under way when the death of another opens the breaker."""
    arrived, gate = Event(), Event()

    def answer(number):
        arrived.set()
        return Answer(500) if number else Answer(200, gate=gate)

    stage.receiver.script(stage.path, answer)
    stage.publish()
    assert arrived.wait(30), "the first is under way"
    stage.publish()
    wait_until(lambda: stage.is_breaker("open"), 30, "the breaker is open")
    gate.set()
    stage.wait_death()
    return stage.is_breaker(None)


@dataclass
class Case:
    script: str
    news: str
    run: object  # until the victim is dead; whether what is to be told is done
    schedule: list


CASES = [
    Case("subscription_put", "petrel.subscription.disabled", _disabling, ["1s"]),
    Case("bury", "petrel.delivery.dead", _death, []),
    Case("finish", "petrel.subscription.recovered", _recovery_by_probe, ["200ms"]),
    Case("succeed", "petrel.subscription.recovered", _recovery_by_success, []),
]


def run_news(folder, seed):
    bench = Bench(folder, seed, FLAGS)
    receiver = Receiver()
    try:
        for case in CASES:
            for when in ("before_send", "after_reply"):
                point = f"{case.script}.{when}"
                print(f"point {point}", flush=True)
                stage = Stage(bench, receiver, case, point)
                is_done = case.run(stage)
                assert is_done == (when == "after_reply"), f"{point}: done: {is_done}"
                assert stage.told() == is_done, f"{point}: done: {is_done}, told {stage.told()} times"
                stage.close()
        runs = 2 * len(CASES)
        return {"runs": runs, "faults": runs, "events": runs, "lost": 0}
    finally:
        receiver.close()
        bench.close()
