# SPDX-License-Identifier: Apache-2.0
"""petrel as a command: run to its end, or as a receiver that goes on."""

import json
import re
import subprocess

from .processes import BINARY, Child, clean_environment
from .wait import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = {  # the specification's example
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": "1614265330",
    "body": '{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def run(*arguments, stdin="", cwd="/", env=None, deadline_s=60):
    """Runs petrel to its end: returncode, stdout, stderr (text)."""
    return subprocess.run(
        [BINARY, *map(str, arguments)], input=stdin, capture_output=True, encoding="utf-8", errors="replace",
        timeout=deadline_s, cwd=cwd, env=clean_environment(env), check=False,
    )


def succeed(*arguments, **options):
    """What it printed; it must have ended with 0."""
    done = run(*arguments, **options)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def succeed_json(*arguments, **options):
    return json.loads(succeed(*arguments, "--json", **options))


def one_line(text):
    assert text.count("\n") == 1 and text.startswith("petrel: "), text
    return text


class Listen(Child):
    """`petrel listen` on a free port unless told, listening when this returns: what it prints in output(), its messages in errors()."""

    def __init__(self, folder, *arguments, port=0, secret=None, name="listen"):
        given = ["--secret", secret] if secret else []
        argv = [BINARY, "listen", "--listen", f"127.0.0.1:{port}", *given, *map(str, arguments)]
        self.error_path = folder / f"{name}.err"
        super().__init__(argv, folder / f"{name}.out", env=clean_environment(), cwd=folder, error_path=self.error_path)
        self.port = int(wait_until(self._listening, 20, "petrel listen")[1])

    def _listening(self):
        assert self.is_running(), self.errors()
        return re.search(r"^listening on http://[^ ]*:(\d+)$", self.errors(), re.MULTILINE)

    def errors(self):
        return self.error_path.read_text(errors="replace")

    def deliveries(self):
        """With --json: what came, in order."""
        return [json.loads(line) for line in self.output().splitlines(keepends=True) if line.endswith("\n")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
