# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for time alone."""

import time


def wait_until(condition, deadline_s, what):
    """Returns the first truthy value of condition(); fails with `what` after deadline_s seconds."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline_s} s: {what} (last: {value!r})")
        time.sleep(0.01)


def stays(condition, for_s, what):
    """Fails as soon as condition() is false during for_s seconds."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"did not stay so for {for_s} s: {what}")
        time.sleep(0.02)
