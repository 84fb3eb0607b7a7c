"""tools/check-layers finds what it promises to find, and the tree itself is clean."""
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools/check-layers"

TABLE = """# Layers
```
src/
  -- pure
  base/      a
  wire/      b
  -- kernel
  sys/       c
  gateway/   d
tests/
```
"""


def check(root):
    done = subprocess.run([TOOL, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def tree(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        return tmp_path

    write("docs/architecture.md", TABLE)
    return write


@pytest.mark.parametrize("path, text", [
    ("src/wire/a.c", '#include "base/x.h"\n#include "wire/y.h"\n#include <string.h>\n'),
    ("src/sys/a.c", '#include "wire/y.h"\n#include <linux/if_tun.h>\n'),
    ("src/gateway/portal/a.c", '#include "gateway/portal/b.h"\n#include "gateway/common/c.h"\n#include "sys/x.h"\n'),
    ("src/wire/a_test.c", '#include "table.h"\n#include "wire/a.h"\n'),
])
def test_what_is_allowed(tree, path, text):
    assert check(tree(path, text)) == (0, [])


@pytest.mark.parametrize("path, text, told", [
    ("src/base/a.c", '#include "base/b.h"\n\n#include "wire/x.h"\n', "src/base/a.c:3: base/ includes wire/x.h"),
    ("src/wire/a.h", '  #  include "gateway/common/x.h"\n', "src/wire/a.h:1: wire/ includes gateway/common/x.h"),
    ("src/wire/a.c", "#include <linux/if.h>\n", "src/wire/a.c:1: <linux/if.h> belongs to sys/"),
    ("src/wire/a.c", '#include "a.h"\n', 'src/wire/a.c:1: "a.h" is not relative to src/'),
    ("src/gateway/portal/a.c", '#include "gateway/signer/b.h"\n', "the process portal includes"),
    ("src/other/a.c", "", "src/other/a.c:1: src/other is not in the table"),
    ("src/sys/a.c", '#include "gateway/common/x.h"\n', "src/sys/a.c:1: sys/ includes gateway/common/x.h"),
])
def test_what_is_found(tree, path, text, told):
    code, lines = check(tree(path, text))
    assert code == 1 and len(lines) == 1 and told in lines[0]


def test_a_document_without_a_table_is_an_error(tree):
    root = tree("docs/architecture.md", "no table here\n")
    assert check(root)[0] == 1
