# SPDX-License-Identifier: Apache-2.0
"""Every place where a process dies in the tests, and how a run gets there. tests/lint compares this with the sources:
a script, a writing command or a FAULT_POINT without a row here fails, and so does a row without its place.

Each command has two points: "<name>.before_send" and "<name>.after_reply".
"""

# What a victim is and does, by name (scenario_points.py):
#   load    a dispatcher under load
#   drain   the same, with SIGTERM after a moment
#   abort   the same, with attempts that outlast shutdown_timeout
#   admin   the admin process, while its API is used

# script or verb → (victim, the n-th pass is drawn from 1…n)
COMMANDS = {
    # scripts
    "seen": ("load", 20),
    "reject": ("load", 5),
    "park": ("load", 40),
    "park_many": ("load", 10),
    "due": ("load", 10),
    "claim": ("load", 20),
    "claim_ordered": ("load", 2),
    "succeed": ("load", 10),
    "tokens": ("load", 2),
    "lanes": ("load", 1),
    "renew": ("load", 3),
    "finish": ("load", 20),
    "retry": ("load", 20),
    "bury": ("load", 5),
    "note": ("load", 10),
    "wake": ("load", 1),
    "heartbeat": ("load", 5),
    "reap": ("load", 1),
    "trim": ("load", 2),
    "group": ("load", 1),
    "subscription_put": ("load", 1),
    "api_key_put": ("admin", 1),
    "redrive": ("admin", 1),
    "discard": ("admin", 1),
    "enqueue": ("admin", 1),
    "requeue": ("admin", 1),
    # commands
    "xreadgroup": ("load", 20),
    "xack": ("load", 40),
    "unlink": ("load", 10),
    "hincrby": ("load", 20),
    "xadd": ("load", 40),
    "hdel": ("load", 1),
    "zadd": ("load", 3),
    "zrem": ("admin", 1),
    "hset": ("admin", 1),
    "set": ("admin", 1),
    "del": ("admin", 1),
    "xdel": ("admin", 1),
}

# FAULT_POINT("…") → the same
PLACES = {
    "event.after_fan_out": ("load", 100),
    "attempt.before_send": ("load", 200),
    "attempt.after_send": ("load", 200),
    "attempt.after_answer": ("load", 200),
    "delivery.returned": ("load", 200),
    "drain.stopped_reading": ("drain", 2),
    "drain.parked_waiting": ("drain", 2),
    "drain.aborted_attempts": ("abort", 1),
    "drain.worker_drained": ("drain", 2),
    "drain.before_leaving": ("drain", 1),
    "drain.before_stopping": ("drain", 1),
}


def all_points():
    """[(name, victim, n)]"""
    made = []
    for command, (victim, passes) in COMMANDS.items():
        made.append((f"{command}.before_send", victim, passes))
        made.append((f"{command}.after_reply", victim, passes))
    return made + [(name, victim, passes) for name, (victim, passes) in PLACES.items()]
