"""tools/corpus-coverage counts what a corpus alone reaches, in the module's own files, and fails under 90 percent."""
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

HEADER = """static inline int small(int n)
{
    return n;
}
int kind(unsigned c);
"""
MODULE = """#include "x.h"
int kind(unsigned c)
{
    if (c == 'a') {
        int n = 1;
        n += 1;
        n += 2;
        return n;
    }
    return 0;
}
"""
FUZZ = """#include "x.h"
#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    return small(size > 0 ? kind(data[0]) : 0) < 0;
}
"""


@pytest.fixture
def tree(tmp_path):
    """A module with its fuzz target, built as Meson does it."""
    for path, text in {"src/wire/x.h": HEADER, "src/wire/x.c": MODULE, "src/wire/x_fuzz.c": FUZZ,
                       "tests/corpus/wire/x/other": "b"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "tools").mkdir()
    shutil.copy(TOP / "tools/corpus-coverage", tmp_path / "tools")
    build = tmp_path / "build"
    objects = {"src/libvc_wire.a.p/wire_x.c.o": "../src/wire/x.c",
               "src/wire_x_fuzz.p/wire_x_fuzz.c.o": "../src/wire/x_fuzz.c"}
    for made, source in objects.items():
        (build / made).parent.mkdir(parents=True)
        subprocess.run(["cc", "--coverage", "-c", source, "-o", made], cwd=build, check=True)
    subprocess.run(["cc", "--coverage", *objects, TOP / "tests/lib/replay.c", "-o", "src/wire_x_fuzz"], cwd=build, check=True)
    return tmp_path


def measure(tree, *words):
    done = subprocess.run([tree / "tools/corpus-coverage", *words, tree / "build"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_too_few_lines_fail_and_are_named(tree):
    code, lines, told = measure(tree, "-v")
    assert code == 1 and "under 90 %: wire/x" in told
    name, reached, _, total, *_ = lines[0].split()
    assert name == "wire/x" and int(reached) >= 5 and int(total) == int(reached) + 4
    assert [line.strip() for line in lines[1:]] == ["src/wire/x.c:5: int n = 1;", "src/wire/x.c:6: n += 1;",
                                                    "src/wire/x.c:7: n += 2;", "src/wire/x.c:8: return n;"]


def test_each_run_counts_for_itself(tree):
    (tree / "tests/corpus/wire/x/an-a").write_text("a")
    for _ in range(2):
        code, lines, told = measure(tree)
        assert (code, told) == (0, "") and lines[0].endswith("100.0 %")
    (tree / "tests/corpus/wire/x/an-a").unlink()
    assert measure(tree)[0] == 1


def test_a_build_that_counts_nothing(tree):
    for data in tree.glob("build/src/*/*.gcno"):
        data.unlink()
    subprocess.run(["cc", "-o", "build/src/wire_x_fuzz", "src/wire/x.c", "src/wire/x_fuzz.c", TOP / "tests/lib/replay.c"],
                   cwd=tree, check=True)
    code, _, told = measure(tree)
    assert code == 1 and "nothing was counted" in told
