# SPDX-License-Identifier: Apache-2.0
"""petrel verify."""

import json

import pytest

from harness.cli import SECRET, SIGNED, one_line, run

def verify(*arguments, secret=SECRET, body=SIGNED["body"], **changed):
    signed = {**SIGNED, **changed}
    return run("verify", "--secret", secret, "--id", signed["id"], "--timestamp", signed["timestamp"],
               "--signature", signed["signature"], *arguments, stdin=body)


def test_verify_accepts_the_specifications_example():
    done = verify("--no-time-check")
    assert done.returncode == 0 and done.stdout.startswith("verified: ")


@pytest.mark.parametrize("changed, why", [
    ({"body": SIGNED["body"] + "\n"}, "no signature was made with this secret"),
    ({"id": "msg_other"}, "no signature was made with this secret"),
    ({"signature": "v2,AAAA"}, "no signature of this secret's kind"),
    ({"signature": "nonsense"}, "no list of"),
    ({"timestamp": "soon"}, "isn't a number"),
])
def test_verify_says_why_not(changed, why):
    done = verify("--no-time-check", **changed)
    assert done.returncode == 1
    assert done.stdout.startswith("not verified: ") and why in done.stdout and done.stdout.count("\n") == 1


def test_verify_looks_at_the_clock():
    done = verify()
    assert done.returncode == 1 and "too old" in done.stdout


def test_verify_tries_every_secret(tmp_path):
    (tmp_path / "secrets").write_text(f"# old\nwhsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n{SECRET}\n")
    done = run("verify", "--secret-file", tmp_path / "secrets", "--no-time-check", "--id", SIGNED["id"], "--timestamp",
               SIGNED["timestamp"], "--signature", SIGNED["signature"], "--json", stdin=SIGNED["body"])
    assert done.returncode == 0 and json.loads(done.stdout)["verified"] is True


@pytest.mark.parametrize("arguments, message", [
    ([], "--id is missing"),
    (["--id", "a", "--timestamp", "1", "--signature", "v1,x"], "no secret"),
    (["--secret", "hunter2"], "secret 1:"),
    (["--secret-file", "/nowhere"], "can't read /nowhere"),
])
def test_verify_needs_everything(arguments, message):
    done = run("verify", *arguments)
    assert done.returncode == 2 and message in one_line(done.stderr) and "hunter2" not in done.stderr
