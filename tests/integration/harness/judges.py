# SPDX-License-Identifier: Apache-2.0
"""The official Standard Webhooks libraries as judges of what was delivered.

Each judge takes a list of (secret, Request) and answers "ok" or an error for each. Those whose toolchain isn't on
this machine are absent from available(); the Python and the JavaScript one are always expected.
"""

import base64
import json
import os
import shutil
import subprocess

import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .processes import ROOT

BUILD = ROOT / "build/judges"
REQUIRED = ("python", "javascript")


def _lines(deliveries):
    return "".join(
        json.dumps(
            {
                "secret": secret,
                "id": request.headers["webhook-id"],
                "timestamp": request.headers["webhook-timestamp"],
                "signature": request.headers["webhook-signature"],
                "body_base64": base64.b64encode(request.body).decode(),
            }
        )
        + "\n"
        for secret, request in deliveries
    )


def _run(argv, deliveries):
    done = subprocess.run(argv, input=_lines(deliveries), capture_output=True, text=True, timeout=60)
    answers = done.stdout.splitlines()
    assert len(answers) == len(deliveries), f"{argv}: {done.stdout}{done.stderr}"
    return answers


def judge_python(deliveries):
    answers = []
    for secret, request in deliveries:
        try:
            standardwebhooks.Webhook(secret).verify(request.body, request.headers, json_parse=False)
            answers.append("ok")
        except Exception as error:  # whatever the library throws is its verdict
            answers.append(f"error: {error}")
    return answers


def judge_javascript(deliveries):
    return _run(["node", str(ROOT / "tests/judges/js/verify.mjs")], deliveries)


def _build_go():
    target = BUILD / "go-judge"
    source = ROOT / "tests/judges/go"
    if shutil.which("go") is None:
        return None
    done = subprocess.run(["go", "build", "-o", str(target), "."], cwd=source, capture_output=True, timeout=300)
    return target if done.returncode == 0 else None


def _build_rust():
    target = BUILD / "rust"
    if shutil.which("cargo") is None:
        return None
    done = subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--locked"], cwd=ROOT / "tests/judges/rust",
        env={**os.environ, "CARGO_TARGET_DIR": str(target)}, capture_output=True, timeout=600,
    )
    return target / "release/petrel-judge" if done.returncode == 0 else None


def available():
    """name → judge."""
    judges = {"python": judge_python}
    if shutil.which("node") and (ROOT / "tests/judges/js/node_modules/standardwebhooks").is_dir():
        judges["javascript"] = judge_javascript
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, build in (("go", _build_go), ("rust", _build_rust)):
        binary = build()
        if binary:
            judges[name] = lambda deliveries, argv=[str(binary)]: _run(argv, deliveries)
    return judges


def verify_ed25519(public_key, request):
    """Standard Webhooks v1a, which the official libraries don't know yet: judged with `cryptography`."""
    raw = base64.b64decode(public_key.removeprefix("whpk_"))
    headers = request.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    for signature in headers["webhook-signature"].split(" "):
        version, value = signature.split(",")
        if version == "v1a":
            Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(value), content)
            return
    raise AssertionError(f"no v1a signature in {headers['webhook-signature']}")
