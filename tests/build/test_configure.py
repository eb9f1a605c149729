# SPDX-License-Identifier: Apache-2.0
"""What cmake says: to another compiler, and where packages are missing."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.processes import ROOT

PACKAGES = {  # pkg-config's name: Debian's
    "libcurl": "libcurl4-openssl-dev",
    "hiredis": "libhiredis-dev",
    "libcjson": "libcjson-dev",
    "openssl": "libssl-dev",
    "libuv": "libuv1-dev",
    "libmicrohttpd": "libmicrohttpd-dev",
    "inih": "libinih-dev",
}


def cmake(*words, **environment):
    return subprocess.run(["cmake", *words], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
                          timeout=600, check=False)


def test_clang_finds_nothing_to_warn_of():
    configured = cmake("--preset", "clang")
    assert configured.returncode == 0, configured.stderr
    built = cmake("--build", "--preset", "clang")
    assert built.returncode == 0, built.stdout[-5000:]
    assert "warning:" not in built.stdout, built.stdout[-5000:]


def copy_modules(folder, hidden=()):
    """Every .pc file that pkg-config finds now, but those."""
    folder.mkdir()
    path = subprocess.run(["pkg-config", "--variable=pc_path", "pkg-config"], capture_output=True, text=True, check=True)
    for source in reversed(path.stdout.strip().split(":")):
        for file in Path(source).glob("*.pc"):
            if file.stem not in hidden:
                (folder / file.name).write_bytes(file.read_bytes())
    return folder


def configure(tmp_path, modules, *more):
    done = cmake("--preset", "release", "-B", str(tmp_path / "build"), *more, PKG_CONFIG_LIBDIR=str(modules))
    return done.returncode, done.stderr


def missing(message):
    """Those in the command that the message tells to run."""
    found = re.search(r"^ *sudo apt-get install (.*)$", message, re.MULTILINE)
    return found[1].split() if found else None


@pytest.mark.parametrize("hidden", [["libuv"], ["hiredis", "inih"], list(PACKAGES)], ids=["one", "two", "all"])
def test_missing_packages_are_named_all_at_once(tmp_path, hidden):
    code, message = configure(tmp_path, copy_modules(tmp_path / "modules", hidden))
    assert code != 0
    assert missing(message) == [package for module, package in PACKAGES.items() if module in hidden]


def test_a_version_too_old_counts_as_missing(tmp_path):
    modules = copy_modules(tmp_path / "modules")
    old = (modules / "libcurl.pc").read_text()
    (modules / "libcurl.pc").write_text(re.sub(r"^Version:.*$", "Version: 7.74.0", old, flags=re.MULTILINE))
    code, message = configure(tmp_path, modules)
    assert code != 0 and missing(message) == ["libcurl4-openssl-dev"]


def test_a_header_without_a_module_is_looked_for(tmp_path):
    code, message = configure(tmp_path, copy_modules(tmp_path / "modules"), "-DCMAKE_IGNORE_PATH=/usr/include")
    assert code != 0 and missing(message) == ["uthash-dev"]


def test_with_all_of_them_it_configures(tmp_path):
    code, message = configure(tmp_path, copy_modules(tmp_path / "modules"))
    assert code == 0, message
