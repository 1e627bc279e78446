"""Machine code on disk: never one that others could write, never a part of one, never too much."""

import errno
import itertools
import os
import signal
import stat
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")  # the extra `train` brings it

from clearprop.compile.machine import cache
from clearprop.compile.machine import folder as folder_module
from clearprop.compile.machine.cache import load_or_make
from clearprop.compile.machine.engine import Library, machine_code, this_processor

posix = pytest.mark.skipif(os.name != "posix", reason="files have no owner and mode there")
CODE = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("CLEARPROP_CACHE", str(path))
    monkeypatch.setattr(cache, "_warned", set())
    return path


def made(text="text", code=CODE, **options):
    """Load or make; give whether it had to be made."""
    calls = []

    def make():
        calls.append(text)
        return code

    assert load_or_make(text, make, **options) == code
    return bool(calls)


def entries(folder):
    return sorted(path for path in folder.iterdir() if path.suffix == ".code")


def entry(folder):
    [path] = entries(folder)
    return path


# ---- what it is for -----------------------------------------------------------------------------


def test_code_is_made_once(folder):
    assert made()
    assert not made()
    assert made("other", b"")
    assert not made("other", b"")
    assert not made(b"text")


def test_real_code_runs_after_it_was_kept(folder):
    text = "define i64 @answer() {\n ret i64 42\n}\n"
    for _ in range(2):
        code = load_or_make(text, lambda: machine_code(text))
        assert Library(code).address("answer")
    assert len(entries(folder)) == 1


def test_everything_that_matters_is_in_the_key(folder, monkeypatch):
    assert made()
    host = this_processor()
    assert not made(processor=host)
    assert made(processor=replace(host, name="other"))
    assert made(processor=replace(host, features=host.features + ",+other"))
    for where, name, value in [
        (cache.llvmlite, "__version__", "0.0"),
        (cache.llvm, "llvm_version_info", (1, 2, 3)),
        (cache.platform, "machine", lambda: "other"),
        (cache.platform, "system", lambda: "other"),
        (cache.struct, "calcsize", lambda _: 4),
        (cache.sys, "byteorder", "other"),
        (sys.modules["clearprop"], "__version__", "0.0"),
        (cache, "_FORMAT", 99),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            assert made(), name
    assert not made()


def test_parts_of_a_key_do_not_run_together(folder):
    host = this_processor()
    one, other = replace(host, name="ab", features="c"), replace(host, name="a", features="bc")
    assert made(processor=one)
    assert made(processor=other)


def test_off_keeps_nothing(folder, monkeypatch):
    monkeypatch.setenv("CLEARPROP_CACHE", "OFF")
    assert made()
    assert made()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, "home/.cache"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "home/Library/Caches"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
        ("win32", {}, "home/AppData/Local"),
    ],
)
def test_the_users_folder_for_caches(monkeypatch, system, variables, expected):
    for name in ("CLEARPROP_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(folder_module.sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert folder_module.cache_path() == Path(expected, "clearprop", "machine-code")


def test_the_variable_names_a_folder(monkeypatch):
    monkeypatch.setenv("CLEARPROP_CACHE", "~/kept")
    assert folder_module.cache_path() == Path("~/kept").expanduser()
    monkeypatch.setenv("CLEARPROP_CACHE", "kept")
    assert folder_module.cache_path() == Path.cwd() / "kept"


def test_a_user_without_a_home_has_no_cache(folder, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory")

    for name in ("CLEARPROP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(folder_module.sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.warns(RuntimeWarning, match="not kept on disk"):
        assert made()
    assert made()  # and warns once


# ---- what others could have written ------------------------------------------------------------


@posix
def test_what_is_made_is_for_this_user_alone(folder):
    before = os.umask(0)
    try:
        made()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry(folder).stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(folder, mode):
    made()
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match="others may write to it") as caught:
        assert made()
    assert f"{folder} is not used" in str(caught[0].message)
    assert f"chmod go-w {folder}" in str(caught[0].message)
    assert made("other")  # without a second warning
    folder.chmod(0o755)
    assert not made()
    assert len(entries(folder)) == 1


@posix
def test_an_entry_that_others_may_write_to_is_made_again(folder):
    made()
    entry(folder).chmod(0o666)
    with pytest.warns(RuntimeWarning, match="mode is 666") as caught:
        assert made()
    assert str(entry(folder)) in str(caught[0].message)
    assert stat.S_IMODE(entry(folder).stat().st_mode) == 0o600
    assert not made()


def foreign(monkeypatch, path):
    """Let a file belong to another user: truly, where we are root; else say so."""
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
        return
    inode, look = path.stat().st_ino, os.fstat

    def another(descriptor):
        found = look(descriptor)
        if found.st_ino != inode:
            return found
        fields = list(found)
        fields[stat.ST_UID] = 12345
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", another)


@posix
def test_a_folder_of_another_user_is_not_used(folder, monkeypatch):
    made()
    foreign(monkeypatch, folder)
    with pytest.warns(RuntimeWarning, match="belongs to user 12345"):
        assert made()


@posix
def test_an_entry_of_another_user_is_made_again(folder, monkeypatch):
    made()
    foreign(monkeypatch, entry(folder))
    with pytest.warns(RuntimeWarning, match="belongs to user 12345"):
        assert made()
    assert not made()


@posix
def test_an_entry_that_is_a_link_is_not_followed(folder, tmp_path):
    made()
    elsewhere = tmp_path / "elsewhere"
    entry(folder).rename(elsewhere)
    before = elsewhere.read_bytes()
    [name] = [f"{cache._key('text', this_processor()).hex()}.code"]
    (folder / name).symlink_to(elsewhere)
    with pytest.warns(RuntimeWarning, match="symbolic link"):
        assert made()
    assert not entry(folder).is_symlink()  # the link was replaced,
    assert elsewhere.read_bytes() == before  # not what it led to
    assert not made()


@posix
def test_a_folder_that_is_a_link_is_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(RuntimeWarning, match="symbolic link"):
        assert made()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@posix
def test_a_pipe_or_a_folder_in_the_place_of_an_entry_does_not_hang(folder):
    made()
    path = entry(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(RuntimeWarning, match="it is no file"):
        assert made()
    assert not made()
    path.unlink()
    path.mkdir()
    cache._warned.clear()
    with pytest.warns(RuntimeWarning) as caught:
        assert made()
    assert "it is no file" in str(caught[0].message)


# ---- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 83, 84, 85, 84 + len(CODE) - 1])
def test_a_truncated_entry_is_made_again(folder, length):
    made()
    whole = entry(folder).read_bytes()
    assert len(whole) == 84 + len(CODE)
    entry(folder).write_bytes(whole[:length])
    assert made()
    assert entry(folder).read_bytes() == whole
    assert not made()


@pytest.mark.parametrize("at", [0, 8, 12, 43, 44, 52, 83, 84, 5000, 84 + len(CODE) - 1])
def test_an_entry_with_another_bit_is_made_again(folder, at):
    made()
    whole = entry(folder).read_bytes()
    damaged = bytearray(whole)
    damaged[at] ^= 1 << at % 8
    entry(folder).write_bytes(damaged)
    assert made()
    assert entry(folder).read_bytes() == whole


def test_an_entry_that_goes_on_or_belongs_to_another_text_is_made_again(folder):
    made()
    whole = entry(folder).read_bytes()
    entry(folder).write_bytes(whole + b"more")
    assert made()
    made("other", b"other")
    for path in entries(folder):
        path.write_bytes(whole)
    assert not made()
    assert made("other", b"other")


# ---- processes ----------------------------------------------------------------------------------

_PROCESS = """
import random, sys
from pathlib import Path
from clearprop.compile.machine.cache import load_or_make
seed, rounds = int(sys.argv[1]), int(sys.argv[2])
Path(sys.argv[3], str(seed)).touch()
while len(list(Path(sys.argv[3]).iterdir())) < 8:
    pass
random.seed(seed)
made = 0
for _ in range(rounds):
    text = random.choice("abcde")
    code = text.encode() * 300_000
    def make():
        global made
        made += 1
        return code
    assert load_or_make(text, make) == code
    if random.random() < 0.1:  # somebody damages or removes it
        for path in Path(sys.argv[4]).glob("*.code"):
            try:
                path.unlink() if random.random() < 0.5 else path.write_bytes(b"damaged")
            except FileNotFoundError:
                pass
print(made)
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_processes_at_once(folder, tmp_path):
    ready = tmp_path / "ready"
    ready.mkdir()
    running = [start(_PROCESS, seed, 60, ready, folder) for seed in range(8)]
    ends = [(*process.communicate(timeout=200), process.returncode) for process in running]
    assert [(error, status) for _, error, status in ends] == [("", 0)] * 8
    assert all(0 < int(output) < 60 for output, _, _ in ends)
    assert [path for path in folder.iterdir() if path.suffix != ".code"] == []


_KILLED = """
import os, signal
from clearprop.compile.machine.cache import load_or_make
write, replace = os.write, os.replace
def killed(*arguments, **options):
    if WHERE == "make":
        os.kill(os.getpid(), signal.SIGKILL)
    if WHERE == "write":
        write(arguments[0], bytes(arguments[1])[:len(arguments[1]) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
if WHERE == "write":
    os.write = killed
if WHERE == "replace":
    os.replace = killed
load_or_make("text", killed if WHERE == "make" else lambda: b"x" * 10**6)
"""


@posix
@pytest.mark.parametrize("where", ["make", "write", "replace"])
def test_what_a_killed_process_left_is_not_used_and_goes(folder, where):
    process = start(f"WHERE = {where!r}\n{_KILLED}")
    _, error = process.communicate(timeout=100)
    assert (process.returncode, error) == (-signal.SIGKILL, "")
    left = list(folder.iterdir())
    assert [path.suffix for path in left] == ([] if where == "make" else [".tmp"])
    assert made()
    assert all(path.exists() for path in left)  # who wrote it may be alive
    for path in left:
        os.utime(path, (0, 0))
    assert made("other")
    assert [path for path in folder.iterdir() if path.suffix != ".code"] == []


def test_an_interrupted_write_leaves_nothing(folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made()
    assert list(folder.iterdir()) == []


def test_an_error_while_making_is_the_callers(folder):
    def fail():
        raise ValueError("no such instruction")

    with pytest.raises(ValueError, match="no such instruction"):
        load_or_make("text", fail)
    assert list(folder.iterdir()) == []


# ---- disks --------------------------------------------------------------------------------------


def refusing(number, whole):
    """Make a function that does as another, but fails for files that are written."""

    is_open = whole is os.open

    def refuse(*arguments, **options):
        if is_open and not arguments[1] & os.O_CREAT:
            return whole(*arguments, **options)
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_read_only_folder_is_read(folder, monkeypatch):
    made()
    monkeypatch.setattr(os, "open", refusing(errno.EROFS, os.open))
    monkeypatch.setattr(os, "utime", refusing(errno.EROFS, os.utime))
    assert not made()
    with pytest.warns(RuntimeWarning, match="Read-only file system") as caught:
        assert made("other")
    assert len(caught) == 1
    assert made("other")
    assert made("third")


def test_a_folder_that_cannot_be_made(folder):
    folder.parent.joinpath("file").write_text("no folder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARPROP_CACHE", str(folder.parent / "file" / "cache"))
        with pytest.warns(RuntimeWarning, match="not kept on disk") as caught:
            assert made()
        assert "CLEARPROP_CACHE=off" in str(caught[0].message)
        assert made()


@pytest.mark.parametrize("function", ["write", "fsync", "replace"])
def test_a_full_disk(folder, monkeypatch, function):
    made()
    with monkeypatch.context() as patch:
        patch.setattr(os, function, refusing(errno.ENOSPC, getattr(os, function)))
        with pytest.warns(RuntimeWarning, match="No space left on device"):
            assert made("other")
        assert made("third")
    assert [path.suffix for path in folder.iterdir()] == [".code"]
    assert not made()
    assert made("other")
    assert not made("other")


@pytest.fixture
def small_disk(folder):
    """A file system of 64 kB, where root may mount one."""
    folder.mkdir()
    try:
        mount(folder, "size=64k,mode=700")
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mount(folder, options):
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        check=True,
        capture_output=True,
    )


def test_a_disk_that_is_truly_full(small_disk):
    assert made("small", b"x" * 1000)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert made("large", b"x" * 100_000)
    assert not made("small", b"x" * 1000)
    assert len(list(small_disk.iterdir())) == 1


def test_a_disk_that_is_truly_read_only(small_disk):
    made()
    mount(small_disk, "remount,ro")
    assert not made()
    with pytest.warns(RuntimeWarning, match="Read-only file system"):
        assert made("other")
    assert made("other")


def test_a_write_that_takes_several_calls(folder, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:1000]))
    assert made()
    assert not made()


# ---- size ---------------------------------------------------------------------------------------


def test_the_least_recently_used_go_first(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * (84 + len(CODE)))
    for time, text in enumerate("abc", 1):
        made(text)
        [newest] = [path for path in entries(folder) if path.stat().st_mtime > 1000]
        os.utime(newest, (time, time))
    assert not made("a")  # used just now
    assert made("d")
    assert len(entries(folder)) == 3
    assert [text for text in "acd" if made(text)] == []
    assert made("b")


def test_what_is_larger_than_all_may_be_is_not_kept(folder, monkeypatch):
    made()
    monkeypatch.setattr(cache, "MOST_BYTES", len(CODE) + 84)
    assert made("large", CODE * 2)
    assert made("large", CODE * 2)
    assert not made()


def test_other_files_stay(folder):
    folder.mkdir(mode=0o700)
    other = folder / "notes.txt"
    other.write_text("mine")
    os.utime(other, (0, 0))
    made()
    assert other.read_text() == "mine"


def test_nothing_stays_open(folder):
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not list open files")

    def opened():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text, mode in itertools.product("ab", [0o700, 0o777]):
            made(text)
            made(text)
            folder.chmod(mode)
    assert opened() == before


def test_machine_code_is_made_whatever_is_asked_first():
    code = """
from clearprop.compile.machine.engine import Library, Processor, machine_code
import llvmlite.binding as llvm
triple = llvm.get_default_triple()
machine = machine_code("define i64 @f() {\\n ret i64 42\\n}\\n", Processor("", "", 16, 16))
assert Library(machine).address("f")
"""
    process = start(code)
    assert (*process.communicate(timeout=100), process.returncode) == ("", "", 0)
