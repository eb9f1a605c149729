# SPDX-License-Identifier: Apache-2.0
"""A network that loses and delays packets, without the kernel's netem: a tun device whose other end is here. A packet to
`far_address` comes back as one from it: source and destination change places, which leaves every checksum right. So what
listens on all addresses of this namespace is reached over a bad link.

Needs a network namespace of its own (unshare -n) in which this process is root.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class LossyLink:
    near_address, far_address = "10.77.0.1", "10.77.0.2"

    def __init__(self, seed, loss, delay_s):
        self.random = random.Random(seed)
        self.loss, self.delay_s = loss, delay_s
        self.lost = self.passed = 0
        self.is_closed = False

    def __enter__(self):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", b"lossy", IFF_TUN | IFF_NO_PI))
        for command in ("ip link set lo up", f"ip addr add {self.near_address}/24 dev lossy",
                        "ip link set lossy mtu 1500 txqueuelen 4000 up"):
            subprocess.run(command.split(), check=True)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_closed = True
        self.thread.join(10)
        os.close(self.fd)

    def _run(self):
        waiting, number = [], 0
        while not self.is_closed:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                os.write(self.fd, heapq.heappop(waiting)[2])
            patience = max(0.0, waiting[0][0] - now) if waiting else 0.2
            if not select.select([self.fd], [], [], patience)[0]:
                continue
            for _ in range(64):
                try:
                    packet = os.read(self.fd, 2048)
                except BlockingIOError:
                    break
                if packet[0] >> 4 != 4:
                    continue
                if self.random.random() < self.loss:
                    self.lost += 1
                    continue
                number += 1
                turned = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
                heapq.heappush(waiting, (now + self.random.uniform(*self.delay_s), number, turned))
