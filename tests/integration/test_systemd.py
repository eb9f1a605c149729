# SPDX-License-Identifier: Apache-2.0
"""deploy/petrel.service: systemd takes it as it is, and it is as closed as docs/security.md says."""

import re
import shutil
import subprocess

import pytest

from harness.processes import BINARY, ROOT

UNIT = ROOT / "deploy/petrel.service"


@pytest.fixture
def analyze():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing (Debian: systemd)")

    def run(*arguments):
        return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False)

    return run


def installed(folder, text):
    """The unit with the binary under test in the place of the installed one."""
    unit = folder / "petrel.service"
    unit.write_text(text.replace("/usr/bin/petrel", BINARY))
    return unit


def exposure(analyze, unit):
    done = analyze("security", "--offline=true", "--no-pager", unit)
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[1])


def test_the_unit_parses(analyze, tmp_path):
    done = analyze("verify", "--man=no", installed(tmp_path, UNIT.read_text()))
    said = [line for line in done.stderr.splitlines() if "petrel.service" in line]
    assert done.returncode == 0 and not said, done.stderr


def test_the_lines_for_encryption_keys_parse(analyze, tmp_path):
    text = re.sub(r"^#(?=LoadCredential=|Environment=)", "", UNIT.read_text(), flags=re.M)
    assert "\nLoadCredential=" in text and "\nEnvironment=PETREL_ENCRYPTION_KEYS_FILE=" in text
    for wrong in (False, True):
        unit = installed(tmp_path, text.replace("LoadCredential", "LoadCredentials") if wrong else text)
        said = [line for line in analyze("verify", "--man=no", unit).stderr.splitlines() if "petrel.service" in line]
        assert bool(said) == wrong, said


def test_a_misspelt_setting_would_be_seen(analyze, tmp_path):
    done = analyze("verify", "--man=no", installed(tmp_path, UNIT.read_text().replace("NoNewPriv", "NoNewerPriv")))
    assert "NoNewerPrivileges" in done.stderr


def test_its_score_is_what_the_documentation_says(analyze, tmp_path):
    stated = re.search(r"exposure level is \*\*([0-9.]+)\*\*", (ROOT / "docs/security.md").read_text())[1]
    assert exposure(analyze, installed(tmp_path, UNIT.read_text())) <= float(stated)


def test_the_score_notices_what_is_opened(analyze, tmp_path):
    opened = UNIT.read_text().replace("PrivateDevices=yes", "").replace("RestrictNamespaces=yes", "")
    assert exposure(analyze, installed(tmp_path, opened)) > exposure(analyze, UNIT)


def test_the_unit_waits_longer_than_petrel_drains():
    text = UNIT.read_text()
    stop_s = int(re.search(r"TimeoutStopSec=(\d+)", text)[1])
    shown = subprocess.run([BINARY, "config"], capture_output=True, text=True, check=True).stdout
    drain_s = int(re.search(r"shutdown_timeout\s.*?(\d+)s", shown)[1])
    assert stop_s > drain_s
