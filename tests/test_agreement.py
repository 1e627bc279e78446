"""One answer: interpreted, written out as source, as loops and compiled, on any threads."""

import errno
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

llvmlite = pytest.importorskip("llvmlite")  # the extra `train` brings it

import agreement  # noqa: E402
import network_runs  # noqa: E402
from agreement import DIFFERENTIABLE, DTYPES, MORE, WITHOUT_DERIVATIVE, compare  # noqa: E402

import clearprop as cp  # noqa: E402

EVERY = [*DIFFERENTIABLE, *WITHOUT_DERIVATIVE]
LAYERS = agreement.of_layers("float64")


@pytest.mark.parametrize("primitive", EVERY, ids=lambda p: p.name)
def test_a_primitive_is_one_answer(primitive):
    compare(agreement.of_primitive(primitive)[0], in_few=False)


@pytest.mark.parametrize("case", LAYERS, ids=lambda c: c.name)
def test_a_layer_is_one_answer(case):
    assert compare(case, in_few=False).loops


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_source_is_the_sweep_to_the_bit(primitive, monkeypatch):
    if not isinstance(primitive.numpy, np.ufunc):
        # SciPy's own erf runs once a program has called it; source holds the text of ours.
        monkeypatch.setattr(primitive, "implementation", primitive.function)
    assert agreement.compare_source(primitive)


@pytest.mark.slow
@pytest.mark.parametrize("more", [1, MORE])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("primitive", EVERY, ids=lambda p: p.name)
def test_every_case_of_a_primitive_is_one_answer(primitive, dtype, more):
    for case in agreement.of_primitive(primitive, dtype, more):
        compare(case)


@pytest.mark.slow
@pytest.mark.parametrize("more", [1, MORE])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layer_is_one_answer(dtype, more):
    for case in agreement.of_layers(dtype, more):
        assert compare(case).loops


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*network_runs.NETWORKS, *network_runs.FUNCTIONS])
def test_a_benchmark_is_one_answer(name, dtype):
    network_runs.compare(name, dtype)


def test_the_same_samples_are_cut_into_shards():
    (case,) = [c for c in agreement.of_layers("float32", MORE) if c.name == "Affine"]
    assert compare(case).shards > 1


def test_what_does_not_agree_is_found(monkeypatch):
    class Wrong(cp.compile(np.sin).__class__):
        def __call__(self, *args):
            y, *rest = super().__call__(*args)
            return (np.nextafter(y, np.inf) if self.off else y, *rest)

    case = agreement.Case("sine", lambda x: (np.sin(x), x * 2), (np.ones(3),), "float64")
    Wrong.off = True
    monkeypatch.setattr(cp, "compile", Wrong)
    assert not compare(case).same_bits
    monkeypatch.setattr(Wrong, "__call__", lambda self, x: (np.sin(x) + 1e-9, x * 2))
    with pytest.raises(AssertionError):
        compare(case)


def test_the_committed_table_has_the_cases_of_today():
    """``python tests/agreement.py`` compares them again, and writes the table."""
    text = agreement.TABLE.read_text(encoding="utf-8")
    assert "Disagreements: none." in text
    for name, cases in agreement.families():
        count = len(cases)
        assert f"| {name} | {count} | {count} |" in text, name
    for name in (*network_runs.NETWORKS, *network_runs.FUNCTIONS):
        for dtype in DTYPES:
            assert re.search(rf"\\| {name}, {dtype} \\| \\d+ \\| [\\d.e+-]+ \\|", text), name


# ---- whatever lies on disk ---------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="files have no owner there")
X = np.random.default_rng(0).normal(size=(20, 20))


def program(x):
    value, slope = cp.value_and_grad(lambda x: np.sum(np.tanh(x @ x) * x))(x)
    return value, slope


def right():
    """Compile it anew, and compare."""
    value, slope = cp.compile(program)(X)
    expected = program(X)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-11)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache in which the program has been kept."""
    from clearprop.compile.machine import cache

    folder = tmp_path / "cache"
    monkeypatch.setenv("CLEARPROP_CACHE", str(folder))
    monkeypatch.setattr(cache, "_warned", set())
    right()
    assert list(folder.glob("*.code"))
    return folder


def loaded(monkeypatch):
    """Whether the program is taken from disk as it is."""
    from clearprop.compile.machine import engine

    made = []
    code = engine.machine_code
    monkeypatch.setattr(engine, "machine_code", lambda *a: made.append(1) or code(*a))
    right()
    return not made


def test_what_is_kept_is_loaded(kept, monkeypatch):
    assert loaded(monkeypatch)


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "of another program"])
def test_a_corrupted_cache_gives_right_answers(kept, monkeypatch, how):
    other = b""
    if how == "of another program":
        before = set(kept.glob("*.code"))
        cp.compile(lambda x: np.exp(x) * 3.0)(X)
        (entry,) = set(kept.glob("*.code")) - before
        other = entry.read_bytes()
    for path in kept.glob("*.code"):
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 16
        broken = {"cut": whole[: len(whole) // 2], "flipped": whole}.get(how, other)
        path.write_bytes(bytes(broken))
    assert not loaded(monkeypatch)
    assert loaded(monkeypatch)  # it was made again


@posix
@pytest.mark.parametrize("what", ["entries", "the folder"])
def test_a_foreign_cache_is_not_loaded(kept, monkeypatch, what):
    paths = [kept] if what == "the folder" else list(kept.glob("*.code"))
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, 12345, 12345)
    else:  # nobody else can give a file away: say that they are another's
        _belong_to_another(paths, monkeypatch)
    with pytest.warns(RuntimeWarning, match="belongs to user 12345"):
        assert not loaded(monkeypatch)


def _belong_to_another(paths, monkeypatch):
    inodes, look = {path.stat().st_ino for path in paths}, os.fstat

    def another(descriptor):
        found = look(descriptor)
        fields = list(found)
        fields[4] = 12345 if found.st_ino in inodes else fields[4]
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", another)


@posix
def test_a_read_only_cache_is_read_and_warned_of_once(kept, monkeypatch):
    def refuse(whole):
        is_open = whole is os.open

        def refused(*arguments, **options):
            if is_open and not arguments[1] & os.O_CREAT:
                return whole(*arguments, **options)
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        return refused

    monkeypatch.setattr(os, "open", refuse(os.open))
    monkeypatch.setattr(os, "utime", refuse(os.utime))
    assert loaded(monkeypatch)
    with pytest.warns(RuntimeWarning, match="Read-only file system") as caught:
        np.testing.assert_allclose(cp.compile(lambda x: np.cosh(x) * 5.0)(X), np.cosh(X) * 5)
    assert len(caught) == 1


@posix
@pytest.mark.parametrize("where", ["while LLVM compiles", "while the file is written"])
def test_a_killed_compile_leaves_nothing_wrong(kept, monkeypatch, where):
    for path in kept.glob("*.code"):
        path.unlink()
    code = f"""
import os, signal
import test_agreement as here
from clearprop.compile.machine import engine
write = os.write
def killed(*given):
    if given and isinstance(given[0], int):
        write(given[0], bytes(given[1])[: len(given[1]) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
if {where!r} == "while LLVM compiles":
    engine.machine_code = killed
else:
    os.write = killed
here.right()
"""
    tests, source = os.path.dirname(__file__), os.path.dirname(os.path.dirname(cp.__file__))  # noqa: PTH120
    paths = {"PYTHONPATH": os.pathsep.join([tests, source])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    assert list(kept.glob("*.code")) == []
    assert not loaded(monkeypatch)
    assert loaded(monkeypatch)
