"""Programs that nobody wrote, compiled against the same text in NumPy."""

import contextlib
import ctypes
import mmap
import os

import numpy as np
import pytest

import clearprop as cp
from clearprop.trees import tree_leaves

SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65, 130, 1000]
SMALL = [1, 2, 3, 7, 8, 9, 17]
MOST = 6000
SIGNS = ["{a} + {b}", "{a} * {b}", "np.maximum({a}, {b})", "{a} / ({b} * {b} + 1)", "{a} - {b}"]
FUNCTIONS = ["np.tanh({a})", "np.sin({a})", "np.exp(-{a} * {a})", "np.where({a} > 0, {a}, 0.1)"]
WHOLE = ["{a} // 3", "{a} % {b}", "np.signbit({a})", "{a} < {b}", "np.rint({a})"]


class Writer:
    """Writes the lines of a program, and runs each so that shapes are known."""

    def __init__(self, seed, whole):
        self.draw = np.random.default_rng(seed)
        self.signs = SIGNS + whole * WHOLE
        self.lines, self.values, self.arguments = [], {}, []
        self.dtype = self.one_of(["f4", "f8"])
        self.argument(self.shape())

    def one_of(self, choices):
        return choices[self.draw.integers(len(choices))]

    def shape(self):
        while True:
            rank = int(self.draw.integers(1, 5))
            shape = tuple(self.one_of(SMALL if rank > 2 else SIZES) for _ in range(rank))
            if np.prod(shape) <= MOST:
                return shape

    def argument(self, shape, whole_below=0):
        name = f"a{len(self.arguments)}"
        made = self.draw.standard_normal(shape).astype(self.dtype)
        if whole_below:
            made = self.draw.integers(-whole_below, whole_below, shape)
        self.arguments.append(made)
        if not whole_below:
            self.values[name] = made
        return name

    def add(self, text, before="", also=None):
        name = f"v{len(self.lines)}"
        line = (
            f"{before.replace('NEW', name)}{name} = {text}" if text else before.replace("NEW", name)
        )
        known = {**self.values, **(also or {}), "np": np}
        with np.errstate(all="ignore"):
            exec(line, known)
        if np.size(known[name]) <= MOST and np.asarray(known[name]).dtype != np.float16:
            self.values[name] = known[name]
            self.lines.append(line)

    def line(self):
        names = [n for n in self.values if np.ndim(self.values[n])]
        x = names[-1 - min(int(self.draw.exponential(2)), len(names) - 1)]
        shape = self.values[x].shape
        axis = int(self.draw.integers(-len(shape), len(shape)))
        what = self.draw.integers(11)
        if what == 0:
            self.add(self.one_of(FUNCTIONS).format(a=x))
        elif what <= 2:
            other = tuple(n if self.draw.random() < 0.7 else 1 for n in shape)
            other = other[self.draw.integers(len(other) + 1) :]
            self.add(self.one_of(self.signs).format(a=x, b=self.argument(other)))
        elif what == 3:
            name = self.one_of(["sum", "mean", "max", "min", "var"])
            keep = bool(self.draw.integers(2))
            self.add(f"np.{name}({x}, axis={self.one_of([axis, None])}, keepdims={keep})")
        elif what == 4:
            columns = self.argument((shape[-1], self.one_of(SMALL)))
            self.add(f"{x} @ {columns}")
        elif what == 5:
            order = tuple(int(k) for k in self.draw.permutation(len(shape)))
            self.add(self.one_of([f"np.transpose({x}, {order})", f"np.flip({x}, {axis})"]))
        elif what == 6:
            n = int(np.prod(shape))
            first = self.one_of([k for k in range(1, min(n, 40) + 1) if n % k == 0])
            self.add(f"np.reshape({x}, {self.one_of([(first, -1), (-1, first), (-1,)])})")
        elif what == 7:
            self.add(f"{x}[{self.index(shape)}]")
        elif what == 8:
            value = self.one_of([f"{x}[INDEX] * 2", "0.5"]).replace("INDEX", self.index(shape))
            index = value[len(x) + 1 : -5] if "*" in value else self.index(shape)
            self.add("", f"NEW = {x} * 1; NEW[{index}] {self.one_of(['=', '+='])} {value}")
        elif what == 9:
            ways = ["np.concatenate([{x}, {x} * 2], axis={k})", "np.stack([{x}, {x}], axis={k})"]
            ways += ["np.pad({x}, 1)", "np.cumsum({x}, axis={k})", "np.sort({x}, axis={k})"]
            self.add(self.one_of(ways).format(x=x, k=axis))
        else:
            rows = self.argument(self.one_of([(1,), (17,), (2, 3)]), whole_below=shape[0])
            self.add(f"{x}[{rows}]", also={rows: self.arguments[-1]})

    def index(self, shape):
        parts = []
        for n in shape[: self.draw.integers(1, len(shape) + 1)]:
            step = self.one_of([1, 2, -1, -2])
            start = int(self.draw.integers(n))
            parts.append(self.one_of([str(start - n), f"::{step}", f"{start}:", "None, :"]))
        return ", ".join(parts)

    def text(self, count):
        for _ in range(count):
            self.line()
        names = ", ".join(f"a{k}" for k in range(len(self.arguments)))
        floats = [n for n in self.values if np.asarray(self.values[n]).dtype.kind == "f"]
        loss = " + ".join(f"np.sum(np.tanh({n}))" for n in floats)
        head = "".join(f"    {line}\n" for line in self.lines)
        made = "".join(f"{n}, " for n in self.values if n[0] == "v")
        return (
            f"def values({names}):\n{head}    return ({made})\n"
            f"def loss({names}):\n{head}    return {loss}\n"
        )


def functions(seed, whole):
    """Give the functions of a program, and its arguments."""
    writer = Writer(seed, whole)
    text = writer.text(2 + seed % 7)
    made = {"np": np}
    exec(text, made)
    return made["values"], made["loss"], writer.arguments, text


def agree(f, arguments, text):
    """Compare with NumPy; twice, and on other numbers of threads, to the bit."""
    before = [a.copy() for a in arguments]
    with np.errstate(all="ignore"):
        wanted = [np.asarray(v) for _, v in tree_leaves(f(*arguments))]
        compiled = cp.compile(f)
        found = [np.asarray(v) for _, v in tree_leaves(compiled(*arguments))]
        for a, b in zip(found, wanted, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), text
            kind = a.dtype.kind == "f"
            size = np.max(np.abs(b[np.isfinite(b)]), initial=1) if kind else 0
            narrow = any(v.dtype == np.float32 for v in (*wanted, *arguments))
            close = (2e-4 if narrow else 1e-11) if kind else 0
            np.testing.assert_allclose(a, b, rtol=close, atol=close * size, err_msg=text)
        kept = [a.tobytes() for a in found]
        for threads in (1, 3):
            with threads_are(threads):
                again = [np.asarray(v) for _, v in tree_leaves(compiled(*arguments))]
            assert [a.tobytes() for a in again] == kept, f"{threads} threads: {text}"
    assert [a.tobytes() for a in found] == kept, f"a result was written to: {text}"
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=text)
    for k, a in enumerate(found):
        assert not any(np.shares_memory(a, b) for b in (*arguments, *found[:k])), text


@contextlib.contextmanager
def threads_are(count):
    before = cp.get_threads()
    cp.set_threads(count)
    yield
    cp.set_threads(before)


@pytest.mark.parametrize("seed", range(20))
def test_values_are_numpys(seed):
    f, _, arguments, text = functions(seed, whole=True)
    agree(f, arguments, text)


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("seed", range(100, 108))
def test_gradients_are_the_interpreted_ones(seed):
    _, loss, arguments, text = functions(seed, whole=False)
    places = tuple(k for k, a in enumerate(arguments) if a.dtype.kind == "f")
    agree(cp.value_and_grad(loss, places), arguments, text)


# ---- what such programs have found -----------------------------------------------------------


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]])
def test_what_is_written_the_other_way_round_stays(index):
    def written(x, z):
        y = x * 1
        y[index] = z
        return y

    agree(written, [np.zeros((20, 30)), np.arange(600.0).reshape(20, 30)], "written")


def test_work_that_is_not_cut_waits_for_what_it_reads():
    def chained(v):
        wide = np.pad(v, [(3, 2), (0, 0)])
        return np.concatenate([wide, wide], axis=None)

    agree(chained, [np.random.default_rng(0).standard_normal((2, 5000))], "chained")


def test_the_first_call_runs_each_phase_before_its_operands_are_gone():
    def mixed(a, b):
        order = np.argsort(a)  # a NumPy call: what follows is a segment of its own
        e = np.exp(b - np.max(b))
        return order, e / np.sum(e)

    draw = np.random.default_rng(0)
    agree(mixed, [draw.standard_normal(5000), draw.standard_normal(70000)], "mixed")


def test_what_a_numpy_call_gives_has_memory_of_its_own():
    half = np.ones((3, 4), np.float16)

    def views(x):
        turned = x.T
        return turned, turned.T, turned.reshape(2, 6), x[:1], x.reshape(-1), x

    agree(views, [half], "views of halves")

    def diagonal(v):
        return np.sum(np.tanh(np.diagonal(v)))

    twice = cp.grad(lambda v: np.sum(np.sin(cp.grad(diagonal)(v))))
    agree(twice, [np.random.default_rng(0).standard_normal((1, 33))], "a view of the workspace")


def test_one_number_is_divided_by_many():
    a, b = np.array(7.5), np.array([2.0, -0.7, 0.0, np.inf, np.nan, -np.inf, 1e-320, -0.0, 3.0])
    agree(lambda a, b: (a // b, a % b, np.fmod(a, b), b // a, b % a), [a, b], "division")


def test_empty_arrays_have_any_shape():
    def empty(x):
        return np.reshape(x * 2, (0, 3)) + 1, np.concatenate([x, x], axis=None), np.sum(x, axis=1)

    agree(empty, [np.ones((6, 0))], "empty")


def test_the_median_of_integers_lies_between_them():
    agree(lambda x: np.median(x, axis=-1), [np.arange(16).reshape(4, 4) ** 2], "median")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="pages are protected as POSIX has it")
@pytest.mark.parametrize("shape", [(9,), (40, 65)])
def test_nothing_is_written_beyond_the_end_of_an_array(shape):
    narrow = [("i8", "i4"), ("i8", "i1"), ("i4", "i2"), ("i4", "u1"), ("i2", "i1")]
    x = np.arange(int(np.prod(shape))).reshape(shape) % 100
    for given, wanted in narrow:
        whole = x.astype(given)
        compiled = cp.compile(lambda x, wanted=wanted: (x * 2).astype(wanted))
        _ends_where_memory_ends(compiled, whole, np.empty(shape, wanted))
    compiled = cp.compile(np.signbit)
    for dtype in ("f4", "f8"):
        _ends_where_memory_ends(compiled, x.astype(dtype), np.empty(shape, bool))


def _ends_where_memory_ends(compiled, x, y):
    """Run a program whose result ends before a page that cannot be written to."""
    from clearprop.compile.machine.threads import call

    compiled(x)
    (program,) = [p for p in [compiled._last] if p is not None]
    (array,) = program.fresh.values()
    with program.memory() as memory:
        size = -(-y.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        space = mmap.mmap(-1, size + mmap.PAGESIZE)
        at = ctypes.addressof(ctypes.c_char.from_buffer(space))
        libc = ctypes.CDLL(None, use_errno=True)
        protect = libc.mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        assert protect(at + size, mmap.PAGESIZE, 0) == 0
        (leaf,) = program.leaves
        memory.put(program.plan.arrays[leaf], x)
        memory.table[program.words[array]] = at + size - y.nbytes
        pid = os.fork()
        if not pid:
            call(program.address, memory.table.ctypes.data, 1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        protect(at + size, mmap.PAGESIZE, 3)
        assert status == 0, f"{x.dtype} to {y.dtype}, {x.shape}"


# ---- many steps ------------------------------------------------------------------------------


def _sorted(c, x):
    return np.sort(c + x), c * 2


STEPS = {
    "swapped": (lambda c, x: ((c[1], c[0] + x), c[0] * x), 2),
    "exchanged": (lambda c, x: ((c[1], c[0]), x * 2), 2),
    "passed": (lambda c, x: ((c[0], c[1] + x), c[0]), 2),
    "new": (lambda c, x: (x * 2, x + 1), 1),
    "given": (lambda c, x: (c + x, (c, x)), 1),
    "twice": (lambda c, x: (c + x, (c * x, c * x, c + x)), 1),
    "called": (_sorted, 1),
    "constants": (lambda c, x: (np.ones(5), (np.arange(3.0), c + x)), 1),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_scan_is_the_loop(name):
    step, parts = STEPS[name]
    draw = np.random.default_rng(0)
    carry = tuple(draw.standard_normal(5) for _ in range(parts))
    carry = carry if parts > 1 else carry[0]
    xs = draw.standard_normal((4, 5))
    compiled = cp.compile(step)
    for steps in range(5):
        wanted, rows = carry, []
        for x in xs[:steps]:
            wanted, y = step(wanted, x)
            rows.append([np.asarray(v) for _, v in tree_leaves(y)])
        found, ys = compiled.scan(carry, xs[:steps])
        made = [v for _, v in tree_leaves((found, ys))]
        for (_, a), (_, b) in zip(tree_leaves(found), tree_leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
        for k, (_, a) in enumerate(tree_leaves(ys)):
            assert len(a) == steps
            np.testing.assert_allclose(a, [row[k] for row in rows] or np.empty_like(a), rtol=1e-14)
        inputs = [v for _, v in tree_leaves((carry, xs))]
        for k, a in enumerate(made):
            assert not any(np.shares_memory(a, b) for b in (*inputs, *made[:k]))


def test_a_carry_that_is_no_array_is_passed_through_or_refused():
    flag, ys = cp.compile(lambda c, x: (c, x * 2)).scan(True, np.ones(3))
    assert (flag, ys.tolist()) == (True, [2, 2, 2])
    count, _ = cp.compile(lambda c, x: (c + 1, x)).scan(0, np.ones(3))
    assert count == 3
    with pytest.raises(cp.errors.ShapeError, match="comes out as"):
        cp.compile(lambda c, x: (c + x, x)).scan(0, np.ones(3))


def test_code_is_not_kept_for_another_way_of_writing_it(monkeypatch):
    from clearprop.compile.machine import cache
    from clearprop.compile.machine.engine import this_processor

    before = cache._key("the same plan", this_processor())
    monkeypatch.setattr(cache, "_writers", lambda: b"other sources")
    assert cache._key("the same plan", this_processor()) != before
