# SPDX-License-Identifier: Apache-2.0
"""petrel listen."""

import urllib.error
import urllib.request

import pytest

from harness.cli import SECRET, SIGNED, Listen, one_line, run
from harness.wait import wait_until

def post(port, body, headers=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/hooks", data=body.encode(), headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


SIGNED_HEADERS = {"webhook-id": SIGNED["id"], "webhook-timestamp": SIGNED["timestamp"],
                  "webhook-signature": SIGNED["signature"], "webhook-attempt": "2"}


def test_listen_verifies_and_counts(tmp_path):
    with Listen(tmp_path, "--json", "--no-time-check", "--exit-after", "3", secret=SECRET) as process:
        assert post(process.port, SIGNED["body"], SIGNED_HEADERS) == 200
        assert post(process.port, SIGNED["body"] + " ", SIGNED_HEADERS) == 401
        assert post(process.port, "{}") == 401
        assert process.process.wait(20) == 0
        lines = process.deliveries()
        assert [x["verified"] for x in lines] == [True, False, False]
        assert (lines[0]["id"], lines[0]["attempt"], lines[0]["body"]) == (SIGNED["id"], 2, SIGNED["body"])
        assert "is missing" in lines[2]["why"]
        assert "3 requests: 1 verified, 2 NOT VERIFIED; 1 webhook-id, 1 repeat" in process.errors()


def test_listen_fails_on_demand(tmp_path):
    with Listen(tmp_path, "--json", "--fail-first", "2", "--status", "204") as process:
        statuses = [post(process.port, "{}", {"webhook-id": name}) for name in ("a", "b", "a", "a", "b", "b")]
        assert statuses == [500, 500, 500, 204, 500, 204]
    with Listen(tmp_path, "--json", "--drop", name="drop") as process:
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            post(process.port, "{}")
        assert process.terminate() == 0 and "1 dropped" in process.errors()


def test_listen_without_a_secret_says_unverified(tmp_path):
    with Listen(tmp_path) as process:
        wait_until(lambda: "unverified: no secret given" in process.errors(), 20, "the warning")
        assert post(process.port, '{"type":"a.b","data":"\x1b[31m"}', {"webhook-id": "msg_1"}) == 200
        text = wait_until(lambda: "msg_1" in process.output() and process.output(), 20, "the delivery")
        assert "unverified" in text and "a.b" in text and "\x1b" not in text
        assert process.terminate() == 0


def test_listen_ends_when_nobody_takes_what_it_prints(tmp_path):
    (tmp_path / "full.out").symlink_to("/dev/full")
    with Listen(tmp_path, name="full") as process:
        post(process.port, "{}")
        assert process.process.wait(20) == 1
        assert "can't write the result" in process.errors()


@pytest.mark.parametrize("arguments, code, message", [
    (["--listen", "nonsense"], 2, "--listen"), (["--status", "99"], 2, "--status"), (["--delay", "5"], 2, "--delay"),
    (["--fail-first", "-1"], 2, "--fail-first"), (["--secret", "hunter2"], 2, "secret 1"),
    (["--listen", "192.0.2.1:9000"], 1, "192.0.2.1"),
])
def test_listen_refuses(arguments, code, message):
    done = run("listen", *arguments)
    assert done.returncode == code and message in one_line(done.stderr) and "hunter2" not in done.stderr


def test_listen_names_a_port_in_use(tmp_path):
    with Listen(tmp_path) as process:
        done = run("listen", "--listen", f"127.0.0.1:{process.port}")
        assert done.returncode == 1 and "in use" in one_line(done.stderr)
