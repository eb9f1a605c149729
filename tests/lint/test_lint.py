#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each check of lint.py can fail: small trees, each with one fault, and the same without it.

The last line is "N passed, N failed".
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from common import CheckError, Tree, blank  # noqa: E402
from lint import CHECKS  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: Apache-2.0"


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="petrel-lint-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()

    def write(self, files):
        """files: path → text. The tree of them, with a compile_commands.json for the .c files."""
        for path, text in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        sources = [path for path in files if path.endswith(".c")]
        build = self.root / "build/release"
        build.mkdir(parents=True, exist_ok=True)
        commands = [
            {
                "directory": str(self.root),
                "command": f"cc -std=gnu17 -I{self.root}/include -I{self.root}/{path.split('/')[0]} -c {path}",
                "file": str(self.root / path),
            }
            for path in sources
        ]
        (build / "compile_commands.json").write_text(json.dumps(commands))
        settings = [path.name for path in self.root.glob(".clang-*")]
        return Tree(self.root, files=[*files, *settings])

    def found(self, check, files):
        """[(path, line)] of the check's findings."""
        return [(finding.path, finding.line) for finding in CHECKS[check](self.write(files))]

    def assert_fails(self, check, path, text, line=1, **others):
        files = {name.replace("__", "/").replace("_dot_", "."): body for name, body in others.items()}
        self.assertEqual(self.found(check, {**files, path: text}), [(path, line)])

    def assert_passes(self, check, path, text):
        self.assertEqual(self.found(check, {path: text}), [])


class Arrows(LintTest):
    def includes(self, path, header, target):
        return self.found("arrows", {path: f'#include "{header}"\n', target: "\n"})

    def test_against_the_arrows(self):
        for path, header, target in (
            ("core/store.c", "petrel/dispatcher.h", "include/petrel/dispatcher.h"),
            ("core/store.c", "petrel/admin.h", "include/petrel/admin.h"),
            ("core/store.c", "petrel/http_server.h", "include/petrel/http_server.h"),
            ("core/store.c", "../cli/table.h", "cli/table.h"),
            ("include/petrel/store.h", "petrel/dispatcher.h", "include/petrel/dispatcher.h"),
            ("dispatcher/worker.c", "petrel/admin.h", "include/petrel/admin.h"),
            ("dispatcher/worker.c", "../admin/auth.h", "admin/auth.h"),
            ("dispatcher/worker.c", "../cli/table.h", "cli/table.h"),
            ("admin/server.c", "petrel/dispatcher.h", "include/petrel/dispatcher.h"),
            ("admin/server.c", "dispatcher/worker.h", "dispatcher/worker.h"),
            ("admin/server.c", "../core/store_internal.h", "core/store_internal.h"),
            ("cli/main.c", "../dispatcher/worker.h", "dispatcher/worker.h"),
            ("tests/unit/core/test_store.c", "petrel/dispatcher.h", "include/petrel/dispatcher.h"),
        ):
            with self.subTest(path=path, header=header):
                self.assertEqual(self.includes(path, header, target), [(path, 1)])
                for file in (path, target):
                    (self.root / file).unlink()

    def test_along_the_arrows(self):
        for path, header, target in (
            ("core/store.c", "store_internal.h", "core/store_internal.h"),
            ("dispatcher/worker.c", "petrel/store.h", "include/petrel/store.h"),
            ("admin/server.c", "petrel/http_server.h", "include/petrel/http_server.h"),
            ("cli/main.c", "petrel/dispatcher.h", "include/petrel/dispatcher.h"),
            ("cli/main.c", "petrel/admin.h", "include/petrel/admin.h"),
            ("tests/unit/dispatcher/test_worker.c", "worker.h", "dispatcher/worker.h"),
        ):
            with self.subTest(path=path, header=header):
                self.assertEqual(self.includes(path, header, target), [])

    def test_in_a_comment(self):
        text = '/*\n#include "petrel/admin.h"\n*/\n// #include "petrel/admin.h"\n'
        self.assertEqual(self.found("arrows", {"core/a.c": text, "include/petrel/admin.h": ""}), [])


class Confinement(LintTest):
    def test_each_library(self):
        for header, owner, stranger in (
            ("curl/curl.h", "dispatcher/sender.c", "dispatcher/worker.c"),
            ("curl/curl.h", "core/url.c", "core/text.c"),
            ("hiredis/hiredis.h", "core/redis_client.c", "core/store.c"),
            ("microhttpd.h", "admin/server.c", "admin/router.c"),
            ("openssl/evp.h", "core/digest.c", "core/text.c"),
            ("openssl/crypto.h", "admin/auth.c", "admin/server.c"),
            ("uv.h", "dispatcher/worker.c", "core/store.c"),
            ("uv.h", "core/redis_adapter.c", "admin/server.c"),
            ("ini.h", "core/config_file.c", "cli/main.c"),
        ):
            with self.subTest(header=header, stranger=stranger):
                self.assert_fails("confinement", stranger, f"\n  # include <{header}>\n", 2)
                self.assert_passes("confinement", owner, f"#include <{header}>\n")

    def test_in_a_header(self):
        self.assert_fails("confinement", "include/petrel/url.h", "#include <curl/curl.h>\n")


class Banned(LintTest):
    def test_calls(self):
        for name in ("strcpy strcat sprintf vsprintf strtok atoi atol atof gets rand srand localtime gmtime ctime asctime "
                     "strerror tmpnam mktemp system memchr memrchr rawmemchr memmem").split():
            with self.subTest(name=name):
                self.assert_fails("banned", "core/a.c", f"int f(void)\n{{\n    return (int){name} (1);\n}}\n", 3)

    def test_the_owner(self):
        text = "int f(void)\n{\n    return memchr(a, b, c) != memrchr(a, b, c);\n}\n"
        self.assert_passes("banned", "core/text.c", text)
        self.assert_fails("banned", "core/text.c", "int x = atoi(a);\n")
        self.assertEqual(self.found("banned", {"tests/fuzz/target_a.c": text}), [("tests/fuzz/target_a.c", 3)] * 2)

    def test_what_only_looks_like_one(self):
        self.assert_passes("banned", "core/a.c", """
            // strcpy(a, b), and a quote: "
            /* system("x") */
            const char *text = "strcpy(a, b) // \\" strcat(a, b)";
            char c = '"'; int y = snprintf(a, 1, "x"); my_system(1); strtok_r(a, b, &c); op->system(1); op.rand(2);
            int system = 3, gmtime_result = (system);
        """)

    def test_after_a_comment_and_a_string(self):
        self.assert_fails("banned", "core/a.c", "/* a\n b */ x(\"/*\"); system(c); // */\n", 2)


class Licence(LintTest):
    def test_without(self):
        for path in ("core/a.c", "core/a.h", "core/lua/a.lua", "tests/a.py", "cmake/A.cmake", "tests/a.sh", "CMakeLists.txt"):
            with self.subTest(path=path):
                self.assert_fails("licence", path, "x\ny\n")
                self.assert_fails("licence", path, f"x\ny\n{SPDX}\n")
                self.assert_passes("licence", path, f"// {SPDX}\n")

    def test_empty(self):
        self.assert_fails("licence", "core/a.c", "")

    def test_scripts_without_an_extension(self):
        self.assert_fails("licence", "tests/run", "#!/usr/bin/env bash\necho\n", 2)
        self.assert_passes("licence", "tests/run", f"#!/usr/bin/env bash\n# {SPDX}\n")
        self.assert_passes("licence", "README.md", "# petrel\n")


class Leftovers(LintTest):
    def test_words(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
            with self.subTest(word=word):
                self.assert_fails("leftovers", "docs/a.md", f"a\n{word}: later\n", 2)
        self.assert_passes("leftovers", "core/a.c", "mktemp: " + "X" * 6 + "\n")


class MachinePaths(LintTest):
    def test_paths(self):
        for folder in ("ro" + "ot", "ho" + "me", "wo" + "rk"):
            with self.subTest(folder=folder):
                self.assert_fails("machine", "docs/a.md", f"see /{folder}/me/petrel\n")
        self.assert_fails("machine", "docs/a.md", "a\nsee fa" + "rm-notes\n", 2)
        self.assert_passes("machine", "docs/a.md", "run/" + "work/ and " + "home/\n")


class Scripts(LintTest):
    def table(self, name, source):
        return f'static const struct t scripts[] = {{\n    [A] = {{"{name}", script_source_{source}}},\n}};\n'

    def test_listed(self):
        files = {"core/lua/park.lua": "", "core/scripts.c": self.table("park", "park")}
        self.assertEqual(self.found("scripts", files), [])

    def test_not_listed(self):
        files = {"core/lua/park.lua": "", "core/lua/due.lua": "", "core/scripts.c": self.table("park", "park")}
        self.assertEqual(self.found("scripts", files), [("core/lua/due.lua", 1)])

    def test_listed_in_a_comment_only(self):
        files = {"core/lua/park.lua": "", "core/scripts.c": "/*\n" + self.table("park", "park") + "*/\n"}
        self.assertEqual(self.found("scripts", files), [("core/lua/park.lua", 1)])

    def test_no_such_script(self):
        self.assertEqual(self.found("scripts", {"core/scripts.c": self.table("park", "park")}), [("core/scripts.c", 2)])

    def test_another_ones_source(self):
        files = {"core/lua/park.lua": "", "core/lua/due.lua": "", "core/scripts.c": self.table("park", "due")}
        self.assertEqual(self.found("scripts", files), [("core/lua/due.lua", 1), ("core/scripts.c", 2)])

    def test_no_table(self):
        with self.assertRaises(CheckError):
            self.found("scripts", {"core/lua/park.lua": ""})


class FaultPoints(LintTest):
    HOOKED = 'FAULT_POINT_COMMAND(c, "before_send");\nredisAsyncCommandArgv(c);\nFAULT_POINT_COMMAND(c, "after_reply");\n'

    def files(self, **more):
        files = {
            "core/scripts.c": '[A] = {"park", script_source_park},\n',
            "core/redis_link.c": self.HOOKED,
            "dispatcher/worker.c": 'FAULT_POINT("drain.begun");\ncreate("XACK"); create("HGET"); /* "XADD" */\n',
            "tests/chaos/points.py": "COMMANDS = {'park': 1, 'xack': 1}\nPLACES = {'drain.begun': 1}\n",
        }
        return {**files, **{name.replace("__", "/") + ".c": text for name, text in more.items()}}

    def test_all_listed(self):
        self.assertEqual(self.found("points", self.files()), [])

    def test_a_script_without_a_row(self):
        text = '[A] = {"park", script_source_park},\n[B] = {"bury", script_source_bury},\n'
        self.assertEqual(self.found("points", self.files(core__scripts=text)), [("core/scripts.c", 2)])

    def test_a_writing_command_without_a_row(self):
        self.assertEqual(self.found("points", self.files(admin__keys='\ncreate("HDEL");\n')), [("admin/keys.c", 2)])

    def test_a_place_without_a_row(self):
        self.assertEqual(self.found("points", self.files(admin__keys='FAULT_POINT("new");\n')), [("admin/keys.c", 1)])

    def test_rows_without_their_place(self):
        found = self.found("points", self.files(dispatcher__worker="\n"))
        self.assertEqual(found, [("tests/chaos/points.py", 1)] * 2)

    def test_a_sender_without_its_points(self):
        text = self.HOOKED.replace("after_reply", "other")
        self.assertEqual(self.found("points", self.files(core__redis_link=text)), [("core/redis_link.c", 1)])

    def test_a_command_past_the_points(self):
        text = "\nredisCommand(c);\n"
        self.assertEqual(self.found("points", self.files(core__store=text)), [("core/store.c", 2)])
        self.assertEqual(self.found("points", self.files(core__redis_link_connect=text)), [])

    def test_no_table(self):
        with self.assertRaises(CheckError):
            self.found("points", {"core/scripts.c": ""})


class Attacks(LintTest):
    HEAD = "| attack | what petrel does | test |\n|---|---|---|\n"
    TESTS = {"tests/unit/core/test_a.c": "TEST(one)\n", "tests/integration/test_b.py": "def test_two(start):\n",
             "tests/fuzz/x": ""}

    def page(self, *rows):
        return {"docs/security.md": self.HEAD + "".join(f"| x | y | {row} |\n" for row in rows), **self.TESTS}

    def test_rows(self):
        good = ["`core/test_a`", "`core/test_a` one, `test_b` two", "`fuzz/x`"]
        self.assertEqual(self.found("attacks", self.page(*good)), [])
        for bad in ("", "by hand", "`core/test_c`", "`core/test_a` three", "`test_b` two, three",
                    "`core/test_a` one, `test_b` one", "`fuzz/y`"):
            with self.subTest(row=bad):
                self.assertEqual(self.found("attacks", self.page(good[0], bad)), [("docs/security.md", 4)])

    def test_no_table(self):
        self.assert_fails("attacks", "docs/security.md", "| attack | test |\n|---|---|\n| a | b |\n")
        self.assertEqual(self.found("attacks", self.TESTS), [("docs/security.md", 1)])


class Format(LintTest):
    def setUp(self):
        super().setUp()
        (self.root / ".clang-format").write_text((TOP / ".clang-format").read_text())

    def test_format(self):
        good = "int f(int a)\n{\n    return a;\n}\n"
        self.assert_passes("format", "core/a.c", good)
        # clang-format names the end of the line before wrong white space.
        self.assert_fails("format", "core/a.c", good.replace("    ret", "\tret"), 2)
        self.assert_fails("format", "include/petrel/a.h", "int* f(void);\n")


class Headers(LintTest):
    def test_alone(self):
        source = {"core__a_dot_c": "int x;\n"}
        self.assert_fails("headers", "include/petrel/a.h", "#include <stdint.h>\nint f(uint8_t a);\nFILE *g(void);\n", 3,
                          **source)
        self.assertEqual(self.found("headers", {"core/a.c": "", "core/a.h": "#include <stdio.h>\nFILE *g(void);\n"}), [])

    def test_with_its_neighbours(self):
        files = {"core/a.c": "", "core/a.h": '#include "b.h"\n#include "petrel/c.h"\nstruct b x(struct c);\n',
                 "core/b.h": "struct b { int x; };\n", "include/petrel/c.h": "struct c { int x; };\n"}
        self.assertEqual(self.found("headers", files), [])

    def test_without_a_build(self):
        tree = self.write({"core/a.h": "int x;\n"})
        (self.root / "build/release/compile_commands.json").unlink()
        with self.assertRaises(CheckError):
            CHECKS["headers"](tree)


class Tidy(LintTest):
    GOOD = '#include "a.h"\nint f(void)\n{\n    return LIMIT;\n}\n'

    def setUp(self):
        super().setUp()
        (self.root / ".clang-tidy").write_text((TOP / ".clang-tidy").read_text())

    def test_finding(self):
        bad = "int f(int *p)\n{\n    int x = 1;\n    p = 0;\n    return *p + x;\n}\n"
        self.assertIn(("core/a.c", 5), self.found("tidy", {"core/a.c": bad}))

    def test_size(self):
        body = "".join(f"    a += {n};\n" for n in range(1, 90))
        self.assertEqual(self.found("tidy", {"core/a.c": f"int f(int a)\n{{\n{body}    return a;\n}}\n"})[:1],
                         [("core/a.c", 1)])

    def test_clean_results_are_remembered_until_a_header_changes(self):
        files = {"core/a.c": self.GOOD, "core/a.h": "enum { LIMIT = 1 };\n"}
        cache = self.root / "build/lint-cache"
        self.assertEqual(self.found("tidy", files), [])
        self.assertEqual(len(list(cache.iterdir())), 1)
        self.assertEqual(self.found("tidy", files), [])
        self.assertEqual(len(list(cache.iterdir())), 1)
        # 1 / 0 by way of the header
        files["core/a.h"] = "#define LIMIT (1 / (int)(sizeof(char) - 1))\n"
        self.assertNotEqual(self.found("tidy", files), [])
        self.assertEqual(len(list(cache.iterdir())), 1)

    def test_clean_results_are_forgotten_with_other_settings(self):
        bad = "int f(int *p)\n{\n    p = 0;\n    return *p;\n}\n"
        settings = self.root / ".clang-tidy"
        strict = settings.read_text()
        settings.write_text("Checks: '-*,cert-dcl16-c'\n")
        self.assertEqual(self.found("tidy", {"core/a.c": bad}), [])
        settings.write_text(strict)
        self.assertNotEqual(self.found("tidy", {"core/a.c": bad}), [])

    def test_not_built(self):
        tree = self.write({"core/a.c": "int x;\n"})
        (self.root / "build/release/compile_commands.json").write_text("[]")
        self.assertEqual([finding.path for finding in CHECKS["tidy"](tree)], ["core/a.c"])


class Configuration(LintTest):
    def petrel(self, text):
        tree = self.write({"docs/configuration.md": "# Configuration\n\nworkers\n"})
        binary = self.root / "build/release/petrel"
        binary.write_text(f"#!/bin/sh\nprintf '{text}'\n")
        binary.chmod(0o755)
        return [(finding.path, finding.line) for finding in CHECKS["configuration"](tree)]

    def test_configuration(self):
        self.assertEqual(self.petrel("# Configuration\\n\\nworkers\\n"), [])
        self.assertEqual(self.petrel("# Configuration\\n\\nlanes\\n"), [("docs/configuration.md", 3)])
        self.assertEqual(self.petrel("# Configuration\\n\\nworkers\\nmore\\n"), [("docs/configuration.md", 4)])
        self.assertEqual(self.petrel("# Configuration\\n"), [("docs/configuration.md", 2)])

    def test_without_petrel(self):
        with self.assertRaises(CheckError):
            CHECKS["configuration"](self.write({"docs/configuration.md": ""}))


class Hardening(LintTest):
    GOOD = ("-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-Wl,-z,relro",
            "-Wl,-z,now", "-Wl,-z,noexecstack")
    PROGRAM = """#include <string.h>
    int main(int argc, char **argv) { char a[64]; memcpy(a, argv[0], argc); return a[argc]; }
    """

    def faults(self, *flags, more=""):
        tree = self.write({"core/a.c": self.PROGRAM + more})
        command = ["cc", *self.GOOD, *flags, "core/a.c", "-o", "build/release/petrel"]
        subprocess.run(command, cwd=self.root, check=True, stderr=subprocess.DEVNULL)
        commands = [{"directory": str(self.root), "command": " ".join(command), "file": str(self.root / "core/a.c")}]
        (self.root / "build/release/compile_commands.json").write_text(json.dumps(commands))
        return [finding.message for finding in CHECKS["hardening"](tree)]

    def assert_one(self, message, *flags, more=""):
        found = self.faults(*flags, more=more)
        self.assertEqual(len(found), 1, found)
        self.assertIn(message, found[0])

    def test_each_fault(self):
        self.assertEqual(self.faults(), [])
        self.assert_one("PIE", "-fno-pie", "-no-pie")
        self.assert_one("RELRO isn't full", "-Wl,-z,lazy")
        self.assert_one("executable stack", "-Wl,-z,execstack")
        self.assert_one("RPATH", "-Wl,-rpath,/opt")
        self.assert_one("stack protector", "-fno-stack-protector")
        self.assert_one("writable and executable",
                        more='__asm__(".section .wx,\\"awx\\",@progbits\\n.byte 0\\n.previous");\n')
        found = self.faults("-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0")
        self.assertTrue(any("fortified" in message for message in found), found)
        self.assertIn("has no segment", self.faults("-Wl,-z,norelro")[0])

    def test_without_fortify_in_the_command(self):
        tree = self.write({"core/a.c": self.PROGRAM})
        subprocess.run(["cc", *self.GOOD, "core/a.c", "-o", "build/release/petrel"], cwd=self.root, check=True)
        self.assertEqual([finding.path for finding in CHECKS["hardening"](tree)], ["core"])

    def test_not_built(self):
        with self.assertRaises(CheckError):
            CHECKS["hardening"](self.write({"core/a.c": ""}))


class Rest(unittest.TestCase):
    def test_blank_keeps_lines(self):
        text = 'a("b\\"c" /* d\n e */); // f\n\'"\' g\n'
        self.assertEqual(blank(text), 'a("    "     \n     );     \n\' \' g\n')

    def test_every_check_is_tested(self):
        tested = {"arrows": Arrows, "confinement": Confinement, "banned": Banned, "licence": Licence,
                  "leftovers": Leftovers, "machine": MachinePaths, "scripts": Scripts, "points": FaultPoints, "attacks": Attacks,
                  "format": Format, "headers": Headers, "configuration": Configuration, "hardening": Hardening,
                  "tidy": Tidy}
        self.assertEqual(tested.keys(), CHECKS.keys())


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=1)
    failures = len({id(test) for test, _ in program.result.failures + program.result.errors})
    sys.stderr.flush()
    print(f"{program.result.testsRun - failures} passed, {failures} failed", flush=True)
    sys.exit(0 if failures == 0 else 1)
