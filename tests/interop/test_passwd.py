"""varcoctl passwd beside Debian's ocpasswd: the same arguments, input and file give the same exit code and, hashes
aside, the same file. VARCO_BUILD names the build folder (default build/)."""
import os
import pathlib
import re
import shutil
import subprocess
import warnings

import pytest

from harness.terminal import on_terminal

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VARCO_BUILD", "build"))
OURS = [str((BUILD if BUILD.is_absolute() else ROOT / BUILD) / "varcoctl"), "passwd"]
THEIRS = ["ocpasswd"]
OLD = "ann:Staff,Guests:$5$aa$h1\nbob:*:!$5$bb$h2\neve:Staff:$5$cc$h3\n"
TWICE = "ann:a:$5$aa$h1\nbob:*:$5$bb$h2\nann:b:$5$cc$h3\n"

needs_ocpasswd = pytest.mark.skipif(
    not shutil.which("ocpasswd") and "interop" not in os.environ.get("VARCO_REQUIRE", ""), reason="ocpasswd is missing"
)


def run(tool, file, *args, stdin=b"", name="-c"):
    where = [name, str(file)] if name else []
    done = subprocess.run([*tool, *where, *args], input=stdin, capture_output=True, timeout=30, cwd=file.parent)
    assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr
    return done


def normal(text):
    """With every hash that a tool made replaced by one word; those of OLD and TWICE are short and stay."""
    return re.sub(r"\$(5|y)\$[^:\n]{40,}", "HASH", text)


def hash_of(file, user):
    return next(line.split(":")[2] for line in file.read_text().splitlines() if line.startswith(user + ":"))


SAME = [
    ("set the first", None, ["ann"], b"pw\n"),
    ("set, no line end", None, ["ann"], b"pw"),
    ("set, two lines", None, ["ann"], b"pw\nother\n"),
    ("set with groups", None, ["-g", "Staff,Guests", "ann"], b"pw\n"),
    ("set with a blank group list", None, ["-g", "", "ann"], b"pw\n"),
    ("set, long options", None, ["--groupname=Staff", "ann"], b"pw\n"),
    ("set another", OLD, ["zoe"], b"pw\n"),
    ("set again loses the groups", OLD, ["ann"], b"pw\n"),
    ("set unlocks", OLD, ["bob"], b"pw\n"),
    ("set a user who is there twice", TWICE, ["ann"], b"pw\n"),
    ("option behind the name", OLD, ["zoe", "-g", "Staff"], b"pw\n"),
    ("name behind --", OLD, ["--", "-zoe"], b"pw\n"),
    ("blanks and UTF-8", OLD, ["zoë m"], b"pw\n"),
    ("empty password", OLD, ["ann"], b"\n"),
    ("delete", OLD, ["-d", "ann"], b""),
    ("delete the last of all", "ann:*:h\n", ["-d", "ann"], b""),
    ("delete a user who is there twice", TWICE, ["-d", "ann"], b""),
    ("delete nobody", OLD, ["-d", "zoe"], b""),
    ("delete in no file", None, ["-d", "ann"], b""),
    ("lock", OLD, ["-l", "ann"], b""),
    ("lock, long", OLD, ["--lock", "ann"], b""),
    ("lock the locked", OLD, ["-l", "bob"], b""),
    ("lock nobody", OLD, ["-l", "zoe"], b""),
    ("lock a part of a name", OLD, ["-l", "an"], b""),
    ("lock in no file", None, ["-l", "ann"], b""),
    ("unlock", OLD, ["-u", "bob"], b""),
    ("unlock the open", OLD, ["-u", "ann"], b""),
    ("unlock nobody", OLD, ["-u", "zoe"], b""),
    ("unlock in no file", None, ["-u", "ann"], b""),
    ("no name", OLD, [], b""),
    ("two names", OLD, ["ann", "bob"], b"pw\n"),
    ("unknown option", OLD, ["-x"], b""),
    ("delete and lock", OLD, ["-d", "-l", "ann"], b""),
    ("delete and unlock", OLD, ["-d", "-u", "ann"], b""),
    ("option twice", OLD, ["-g", "a", "-g", "b", "ann"], b"pw\n"),
    ("help", OLD, ["-h"], b""),
    ("version", OLD, ["--version"], b""),
]


@needs_ocpasswd
@pytest.mark.parametrize("before,args,stdin", [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_same(tmp_path, before, args, stdin):
    seen = []
    for tool, folder in ((THEIRS, "theirs"), (OURS, "ours")):
        file = tmp_path / folder / "ocpasswd"
        file.parent.mkdir()
        if before is not None:
            file.write_text(before)
        done = run(tool, file, *args, stdin=stdin)
        if done.returncode:
            assert done.stderr, "a failure without a word"
        seen.append((done.returncode, normal(file.read_text()) if file.exists() else None,
                     sorted(p.name for p in file.parent.iterdir())))
    assert seen[0] == seen[1]


@needs_ocpasswd
def test_same_lock_and_rights(tmp_path):
    for tool, folder in ((THEIRS, "theirs"), (OURS, "ours")):
        file = tmp_path / folder / "ocpasswd"
        file.parent.mkdir()
        assert run(tool, file, "ann", stdin=b"pw\n").returncode == 0
        assert file.stat().st_mode & 0o777 == 0o600
        before = file.read_text()
        lock = file.with_suffix(".tmp")
        lock.write_text("")
        done = run(tool, file, "ann", stdin=b"pw\n")
        assert done.returncode == 1 and b"is locked" in done.stderr
        assert file.read_text() == before and lock.exists()
        lock.unlink()
        assert run(tool, file, "-c", str(file), "ann", stdin=b"pw\n").returncode == 1  # -c twice
        assert run(tool, file, "-c", "no/such/folder", "ann", stdin=b"pw\n", name=None).returncode == 1


def test_hash(tmp_path):
    file = tmp_path / "ocpasswd"
    for password in (b"pw", b" p:w! ", "pässwörd".encode(), b"p" * 511):
        assert run(OURS, file, "ann", stdin=password + b"\n").returncode == 0
        made = hash_of(file, "ann")
        assert made.startswith("$y$")
        assert crypt.crypt(os.fsdecode(password), made) == made
        assert crypt.crypt("pw2", made) != made
    first = hash_of(file, "ann")
    assert run(OURS, file, "ann", stdin=b"p" * 511 + b"\n").returncode == 0
    assert hash_of(file, "ann") != first  # a new salt each time
    assert run(OURS, file, "-l", "ann").returncode == 0 and hash_of(file, "ann").startswith("!$y$")


@needs_ocpasswd
def test_one_file_for_both(tmp_path):
    file = tmp_path / "ocpasswd"
    assert run(OURS, file, "-g", "Staff", "ann", stdin=b"pw\n").returncode == 0
    ours = hash_of(file, "ann")
    assert run(THEIRS, file, "-l", "ann").returncode == 0 and hash_of(file, "ann") == "!" + ours
    assert run(OURS, file, "-u", "ann").returncode == 0 and hash_of(file, "ann") == ours
    assert run(THEIRS, file, "bob", stdin=b"pw\n").returncode == 0
    theirs = hash_of(file, "bob")
    assert run(OURS, file, "-l", "bob").returncode == 0 and hash_of(file, "bob") == "!" + theirs
    assert run(THEIRS, file, "-u", "bob").returncode == 0 and hash_of(file, "bob") == theirs


def test_where_we_differ(tmp_path):
    """On purpose: ocpasswd loses lines that it does not understand, glues a new line to one without an end, drops owner
    and mode, and writes lines that no reader takes."""
    file = tmp_path / "ocpasswd"
    file.write_bytes(b"# by hand\n\nbroken\r\nann:Staff , QA:h1\r\neve:*:h4")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1, 2)
    assert run(OURS, file, "-l", "ann").returncode == 0
    assert file.read_bytes() == b"# by hand\n\nbroken\r\nann:Staff , QA:!h1\r\neve:*:h4"
    assert run(OURS, file, "zoe", stdin=b"pw\n").returncode == 0
    assert normal(file.read_bytes().decode()).endswith("eve:*:h4\nzoe:*:HASH\n")
    assert file.stat().st_mode & 0o777 == 0o640
    if os.geteuid() == 0:
        assert (file.stat().st_uid, file.stat().st_gid) == (1, 2)

    before = file.read_bytes()
    for args, stdin in (
        (["a:b"], b"pw\n"), (["a\nroot:*:x"], b"pw\n"), ([""], b"pw\n"), (["#ann"], b"pw\n"), ([" ann"], b"pw\n"),
        (["-g", "a:b", "ann"], b"pw\n"), (["-g", "a\nb", "ann"], b"pw\n"), (["n" * 500], b"pw\n"),
        (["a\u202eb"], b"pw\n"), (["a\x9b31m"], b"pw\n"), (["a\u200bb"], b"pw\n"), (["-g", "\u2066", "ann"], b"pw\n"),
        (["-x", "ann"], b"pw\n"), (["ann"], b""), (["ann"], b"p\0w\n"), (["ann"], b"p" * 512 + b"\n"),
    ):
        done = run(OURS, file, *args, stdin=stdin)
        assert done.returncode == 1 and done.stderr.startswith(b"varcoctl passwd: "), (args, stdin)
        assert file.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == ["ocpasswd"]
    assert b"note: there is no user" in run(OURS, file, "-d", "nobody").stderr


def test_a_link_stays_a_link(tmp_path):
    """ocpasswd puts a file in its place, and what the link led to is as it was."""
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "users", tmp_path / "ocpasswd"
    file.write_text(OLD)
    link.symlink_to("there/users")
    assert run(OURS, link, "zoe", stdin=b"pw\n").returncode == 0
    assert link.is_symlink() and normal(file.read_text()) == OLD + "zoe:*:HASH\n"
    lock = tmp_path / "there" / "users.tmp"
    lock.write_text("")
    assert b"is locked" in run(OURS, link, "-l", "zoe").stderr
    lock.unlink()
    file.unlink()
    done = run(OURS, link, "zoe", stdin=b"pw\n")
    assert done.returncode == 1 and b"leads nowhere" in done.stderr
    assert link.is_symlink() and not list(file.parent.iterdir())


def test_a_limit_on_file_sizes(tmp_path):
    file = tmp_path / "ocpasswd"
    file.write_text(OLD)
    done = run(["prlimit", "--fsize=8", "--", *OURS], file, "ann", stdin=b"pw\n")
    assert done.returncode == 1 and b"File too large" in done.stderr
    assert file.read_text() == OLD and list(tmp_path.iterdir()) == [file]


def test_odd_files(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    big = tmp_path / "big"
    with open(big, "wb") as f:
        f.truncate(17 << 20)
    for odd in (folder, fifo, big):
        done = run(OURS, odd, "-l", "ann")
        assert done.returncode == 1 and str(odd).encode() in done.stderr
        assert not pathlib.Path(str(odd) + ".tmp").exists()
    os.symlink("/etc/hostname", tmp_path / "trap.tmp")  # the lock's name, planted
    assert run(OURS, tmp_path / "trap", "ann", stdin=b"pw\n").returncode == 1
    assert (tmp_path / "trap.tmp").is_symlink()


@needs_ocpasswd
def test_terminal(tmp_path):
    file = tmp_path / "ocpasswd"
    for answers, want in (([b"pw1\n", b"pw1\n"], 0), ([b"pw1\n", b"pw2\n"], 1)):
        results = []
        for tool in (THEIRS, OURS):
            shown, rc = on_terminal([*tool, "-c", str(file), "ann"], answers)
            assert rc == want, shown
            assert b"pw1" not in shown and b"pw2" not in shown
            results.append(shown.split(b"\n")[:2])
        assert results[0] == results[1]
    made = hash_of(file, "ann")
    assert made.startswith("$y$") and crypt.crypt("pw1", made) == made


def test_terminal_cancelled(tmp_path):
    file = tmp_path / "ocpasswd"
    for answers in ([b"pw\x03"], [b"pw1\n", b"\x03"], [b"\n"], [b"\x04"]):
        shown, rc = on_terminal([*OURS, "-c", str(file), "ann"], answers)
        assert rc == 1 and b"varcoctl passwd: " in shown, shown
        assert list(tmp_path.iterdir()) == []
