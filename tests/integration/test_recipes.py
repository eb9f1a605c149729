# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/producers.md, run as they stand there: each in a small program (tests/recipes) that connects to
the test's Redis. Languages whose toolchain or library isn't on this machine are skipped."""

import json
import os
import re
import shutil
import subprocess

import pytest
from harness.processes import ADMIN_KEY, ROOT
from harness.wait import wait_until

PROGRAMS = ROOT / "tests/recipes"
BUILD = ROOT / "build/recipes"
SHELL = 'set -euo pipefail\nredis-cli() { command redis-cli -p "$REDIS_PORT" "$@"; }\n'
PYTHON = """
class Invoice:
    id = 7
    def as_dict(self):
        return {"id": "in_1"}
invoices = [Invoice()]
"""


def blocks(heading):
    """The code blocks below it."""
    page = (ROOT / "docs/producers.md").read_text()
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##)", page, re.M | re.S)[1]
    return re.findall(r"^```\w+\n(.*?)^```", section, re.M | re.S)


def recipe(heading, number=0):
    """Of several, between empty lines, one."""
    return blocks(heading)[0].strip().split("\n\n")[number]


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine")


def fill(name, text, target):
    """A program of tests/recipes with the recipe in its place."""
    source = (PROGRAMS / name).read_text()
    assert len(re.findall(r"^.*RECIPE$", source, re.M)) == 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(re.sub(r"^.*RECIPE$", lambda _: text, source, flags=re.M))


def run(argv, env=None, cwd=None, timeout=60):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def has_run(argv, **options):
    """Whether a library can be had: where there is no network it can't."""
    return subprocess.run(argv, capture_output=True, timeout=300, check=False, **options).returncode == 0


@pytest.fixture
def arrives(start, receiver, redis_server):
    """arrives(argv, count=1): the program runs, and so many events of the recipes' kind arrive."""
    petrel = start()
    petrel.api.subscribe(receiver.url("/"), ["invoice.paid"])

    def check(argv, count=1, env=None, **options):
        environment = {"REDIS_PORT": str(redis_server.port), "PETREL_URL": petrel.url, "PETREL_KEY": ADMIN_KEY}
        run(argv, env={**environment, **(env or {})}, **options)
        wait_until(lambda: receiver.count("/") >= count, 10, "the event arrives")
        for request in receiver.at("/"):
            body = json.loads(request.body)
            assert body["type"] == "invoice.paid" and body["data"] == {"id": "in_1"}
        assert receiver.count("/") == count

    return check


def test_redis_cli(arrives):
    arrives(["bash", "-c", SHELL + recipe("redis-cli")])


def test_http(arrives):
    text = recipe("Without Redis: HTTP")
    assert "http://127.0.0.1:8080" in text
    arrives(["bash", "-c", SHELL + text.replace("http://127.0.0.1:8080", "$PETREL_URL")])


def test_python(arrives):
    text = blocks("Python (redis-py)")[0]
    assert text.count("redis.Redis()") == 1
    text = text.replace("redis.Redis()", 'redis.Redis(port=int(__import__("os").environ["REDIS_PORT"]))')
    arrives([ROOT / "build/venv/bin/python", "-c", PYTHON + text], count=2)


@pytest.mark.parametrize("number, connect", [(0, "createClient()"), (1, "new Redis()")], ids=["node-redis", "ioredis"])
def test_javascript(arrives, number, connect):
    need("node")
    if not (PROGRAMS / "js/node_modules/redis").is_dir():
        pytest.skip("tests/recipes/js has no node_modules")
    text = recipe("JavaScript and TypeScript", number)
    url = '"redis://127.0.0.1:" + process.env.REDIS_PORT'
    assert text.count(connect) == 1
    text = text.replace(connect, connect[:-1] + (f"{{ url: {url} }}" if number == 0 else url) + ")")
    target = PROGRAMS / f"js/node_modules/recipe{number}.mjs"  # where its imports are found
    fill("js/main.mjs.in", text, target)
    arrives(["node", target])


def test_c(arrives, tmp_path):
    need("cc", "pkg-config")
    fill("c/main.c.in", recipe("C (hiredis)"), tmp_path / "main.c")
    flags = run(["pkg-config", "--cflags", "--libs", "hiredis"]).split()
    run(["cc", "-Wall", "-Werror", "-o", tmp_path / "recipe", tmp_path / "main.c", *flags])
    arrives([tmp_path / "recipe"])


def test_go(arrives):
    need("go")
    shutil.copytree(PROGRAMS / "go", BUILD / "go", dirs_exist_ok=True)
    if not has_run(["go", "mod", "download"], cwd=BUILD / "go"):
        pytest.skip("go-redis can't be had")
    fill("go/main.go.in", recipe("Go (go-redis)"), BUILD / "go/main.go")
    run(["go", "build", "-o", "recipe", "."], cwd=BUILD / "go", timeout=300)
    arrives([BUILD / "go/recipe"])


def test_rust(arrives):
    need("cargo")
    shutil.copytree(PROGRAMS / "rust", BUILD / "rust", dirs_exist_ok=True)
    if not has_run(["cargo", "fetch", "--locked", "--quiet"], cwd=BUILD / "rust"):
        pytest.skip("redis-rs can't be had")
    fill("rust/main.rs.in", recipe("Rust (redis-rs)"), BUILD / "rust/main.rs")
    run(["cargo", "build", "--locked", "--quiet"], cwd=BUILD / "rust", timeout=300)
    arrives([BUILD / "rust/target/debug/recipe"])


@pytest.mark.parametrize("number, name", [(0, "Jedis"), (1, "Lettuce")], ids=["Jedis", "Lettuce"])
def test_java(arrives, number, name):
    need("java", "javac", "mvn")
    folder = BUILD / f"java/{name}"
    fill(f"java/{name}.java.in", recipe("Java (Jedis; Lettuce)", number), folder / "Recipe.java")
    if not has_run(["mvn", "-q", "-f", PROGRAMS / "java/pom.xml", "dependency:build-classpath",
                    f"-Dmdep.outputFile={folder}/classpath"]):
        pytest.skip(f"{name} can't be had")
    classpath = (folder / "classpath").read_text().strip() + f":{folder}"
    run(["javac", "-cp", classpath, folder / "Recipe.java"])
    arrives(["java", "-cp", classpath, "Recipe"])


def test_ruby(arrives, tmp_path):
    need("ruby")
    if not has_run(["ruby", "-e", 'require "redis"']):
        pytest.skip("no redis-rb on this machine")
    fill("ruby/main.rb.in", recipe("Ruby (redis-rb)"), tmp_path / "main.rb")
    arrives(["ruby", tmp_path / "main.rb"])


@pytest.mark.parametrize("number, name, there", [
    (0, "phpredis", "extension_loaded('redis')"), (1, "predis", "is_file((string)getenv('PREDIS_AUTOLOAD'))")],
    ids=["phpredis", "Predis"])
def test_php(arrives, tmp_path, number, name, there):
    need("php")
    if not has_run(["php", "-r", f"exit({there} ? 0 : 1);"]):
        pytest.skip(f"no {name} on this machine")
    fill(f"php/{name}.php.in", recipe("PHP (phpredis; Predis 2 or newer)", number), tmp_path / "main.php")
    arrives(["php", tmp_path / "main.php"])


def test_every_recipe_is_run():
    page = (ROOT / "docs/producers.md").read_text()
    recipes = set(re.findall(r"^### (.+)$", page.split("\n## Recipes\n")[1].split("\n## ")[0], re.M))
    source = re.sub(r"def test_every_recipe.*", "", open(__file__).read(), flags=re.S)
    elsewhere = {"C# (StackExchange.Redis)", "Elixir (Redix)"}  # their packages come from their own registries only
    assert {name for name in recipes if f'"{name}"' not in source} == elsewhere


def test_the_readme_says_the_same():
    def without_spaces(text):
        return re.sub(r"\s|,(?=\s*})", "", text)

    page = without_spaces((ROOT / "docs/producers.md").read_text())
    readme = (ROOT / "README.md").read_text().split("## Push an event")[1].split("\n## ")[0]
    snippets = re.findall(r"^```\w+\n(.*?)^```", readme, re.M | re.S)
    assert len(snippets) >= 5
    for snippet in snippets:
        code = "".join(line for line in snippet.splitlines() if not re.match(r"(#|//) ", line))
        assert without_spaces(code) in page, code
