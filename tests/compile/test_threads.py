"""Compiled functions on several threads: each runs once, barriers hold, the pool outlives all."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import clearprop as cp
from clearprop.compile import thread_count
from clearprop.errors import OptionError

llvmlite = pytest.importorskip("llvmlite")  # the extra `train` brings it

import llvmlite.binding as llvm  # noqa: E402
from llvmlite import ir  # noqa: E402

from clearprop.compile.machine import pool, threads  # noqa: E402
from clearprop.compile.machine.barrier import write_barrier  # noqa: E402
from clearprop.compile.machine.engine import Library, machine_code  # noqa: E402

PHASES, SHARDS = 500, 1000
I64, PTR = ir.IntType(64), ir.PointerType()
RUN = ir.FunctionType(ir.VoidType(), [PTR, I64, I64, PTR])


class Loop:
    """``for i in range(from, to)`` in LLVM's language, with the builder inside of it."""

    def __init__(self, f, b, start, stop, step=1):
        self.b, self.stop = b, stop
        self.step = I64(step) if isinstance(step, int) else step
        self.head, self.body, self.end = (f.append_basic_block(n) for n in ("head", "body", "end"))
        before = b.block
        b.branch(self.head)
        b.position_at_end(self.head)
        self.i = b.phi(I64)
        self.i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", self.i, stop), self.body, self.end)

    def __enter__(self):
        self.b.position_at_end(self.body)
        return self.i

    def __exit__(self, *_):
        self.i.add_incoming(self.b.add(self.i, self.step), self.b.block)
        self.b.branch(self.head)
        self.b.position_at_end(self.end)


def element(b, array, i):
    return b.gep(array, [i], source_etype=I64)


def count_up(b, at, by=1):
    b.store(b.add(b.load(at, typ=I64), by if not isinstance(by, int) else I64(by)), at)


def write_stamp(module):
    """arrays[thread] += threads."""
    f = ir.Function(module, RUN, "stamp")
    b = ir.IRBuilder(f.append_basic_block("entry"))
    count_up(b, element(b, f.args[0], f.args[1]), f.args[2])
    b.ret_void()


def write_phases(module):
    """In each phase write its number; after the barrier count the threads that have not.

    A thread's number is arrays[8 * thread], the count of what it saw wrong is next to it.
    """
    f = ir.Function(module, RUN, "phases")
    arrays, thread, count, shared = f.args
    barrier = write_barrier(module)
    b = ir.IRBuilder(f.append_basic_block("entry"))
    mine = element(b, arrays, b.mul(thread, I64(8)))
    with Loop(f, b, I64(0), I64(PHASES)) as phase:
        b.store(phase, mine)
        b.call(barrier, [shared, count])
        with Loop(f, b, I64(0), count) as other:
            seen = b.load(element(b, arrays, b.mul(other, I64(8))), typ=I64)
            wrong = b.zext(b.icmp_signed("!=", seen, phase), I64)
            count_up(b, element(b, mine, I64(1)), wrong)
        b.call(barrier, [shared, count])
    b.ret_void()


def write_shards(module):
    """Take shards in two phases; arrays[shard] counts how often it was taken."""
    f = ir.Function(module, RUN, "shards")
    arrays, thread, count, shared = f.args
    barrier = write_barrier(module)
    b = ir.IRBuilder(f.append_basic_block("entry"))
    for phase in range(2):
        with Loop(f, b, thread, I64(SHARDS), count) as shard:
            count_up(b, element(b, arrays, b.add(shard, I64(phase * SHARDS))))
        b.call(barrier, [shared, count])
    b.ret_void()


@pytest.fixture(scope="module")
def library():
    module = ir.Module()
    for write in (write_stamp, write_phases, write_shards):
        write(module)
    return Library(machine_code(str(module)))


def run(library, name, array, n):
    threads.call(library.address(name), array.ctypes.data, n)


def asleep(number):
    """Whether a thread of the pool sleeps."""
    return threads._pool._read(pool.WORKERS + number * pool.LINE + pool.ASLEEP) == 1


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about within a minute"
        time.sleep(0.001)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_every_thread_runs_once(library, n):
    array = np.zeros(16, np.int64)
    for _ in range(20):
        run(library, "stamp", array, n)
    np.testing.assert_array_equal(array, [20 * n] * n + [0] * (16 - n))


@pytest.mark.parametrize("n", [1, 2, 4])
def test_behind_a_barrier_everything_before_it_is_seen(library, n):
    array = np.zeros(8 * n, np.int64)
    run(library, "phases", array, n)
    np.testing.assert_array_equal(array.reshape(n, 8)[:, :2], [[PHASES - 1, 0]] * n)


def test_the_check_of_the_barrier_finds_a_thread_that_is_behind(library):
    array = np.zeros(16, np.int64)  # thread 1 of 2 never runs: a call alone, that says one thread
    array[8] = -1
    run(library, "phases", array, 1)
    assert array[1] == 0
    module = ir.Module()
    f = ir.Function(module, ir.FunctionType(ir.VoidType(), [PTR, I64]), "barrier")
    f.linkage = "internal"
    ir.IRBuilder(f.append_basic_block("entry")).ret_void()  # a barrier that holds nobody
    write_phases(module)
    broken = Library(machine_code(str(module)))
    run(broken, "phases", array, 2)
    assert array[1] + array[9] > 0


@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_shard_is_taken_once(library, n):
    array = np.zeros(2 * SHARDS, np.int64)
    for _ in range(10):
        run(library, "shards", array, n)
    np.testing.assert_array_equal(array, 10)


def test_threads_without_work_sleep_and_wake(library):
    array = np.zeros(2, np.int64)
    for i in range(1, 21):
        run(library, "stamp", array, 2)
        wait_until(lambda: asleep(1))
        np.testing.assert_array_equal(array, 2 * i)


def test_threads_that_are_about_to_sleep_wake(library):
    array = np.zeros(2, np.int64)
    for i in range(1, 1001):  # pauses around the time at which a thread lies down
        run(library, "stamp", array, 2)
        end = time.perf_counter() + 100e-6 + i * 0.3e-6
        while time.perf_counter() < end:
            pass
    np.testing.assert_array_equal(array, 2000)


def test_python_threads_that_call_at_once_are_all_right(library):
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            n = int(rng.integers(1, 4))
            array = np.zeros(2 * SHARDS, np.int64)
            run(library, "shards", array, n)
            phases = np.zeros(8 * n, np.int64)
            run(library, "phases", phases, n)
            if not (array == 1).all() or phases.reshape(n, 8)[:, 1].any():
                failures.append((seed, n))

    started = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert failures == []


def test_a_call_inside_a_call_runs_on_its_thread_alone(library):
    inner = np.zeros(4, np.int64)
    outer = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    def callback(arrays, thread, count, shared):
        outer.append((thread, count))
        if thread == 0:
            run(library, "stamp", inner, 4)

    threads.call(ctypes.cast(callback, ctypes.c_void_p).value, 0, 2)
    assert sorted(outer) == [(0, 2), (1, 2)]
    np.testing.assert_array_equal(inner, [1, 0, 0, 0])


@pytest.mark.parametrize("n", [1, 2])
def test_a_call_inside_a_call_takes_all_of_its_shards(n):
    """A compiled function that, for each of its shards, calls Python, which calls another."""
    module = ir.Module()
    write_shards(module)
    f = ir.Function(module, RUN, "outer")
    arrays, thread, count, _ = f.args
    b = ir.IRBuilder(f.append_basic_block("entry"))
    inside = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "test_threads_inside")
    with Loop(f, b, thread, I64(10), count) as shard:
        count_up(b, element(b, arrays, shard))
        b.call(inside, [])
    b.ret_void()
    inner, outer = np.zeros(2 * SHARDS, np.int64), np.zeros(10, np.int64)

    @ctypes.CFUNCTYPE(None)
    def called():
        with lock:
            run(own, "shards", inner, 2)

    lock = threading.Lock()
    llvm.add_symbol("test_threads_inside", ctypes.cast(called, ctypes.c_void_p).value)
    own = Library(machine_code(str(module)))
    run(own, "outer", outer, n)
    np.testing.assert_array_equal(outer, 1)
    np.testing.assert_array_equal(inner, 10)


def test_where_the_system_starts_no_thread_there_are_fewer(library, monkeypatch):
    def refuse(self, index):
        if index >= 3:
            raise RuntimeError("can't start new thread")
        start(self, index)

    start = threads._Pool._start
    monkeypatch.setattr(threads, "_pool", None)
    monkeypatch.setattr(threads._Pool, "_start", refuse)
    array = np.zeros(8, np.int64)
    run(library, "stamp", array, 8)
    np.testing.assert_array_equal(array, [3, 3, 3, 0, 0, 0, 0, 0])


def test_a_number_is_served_by_one_thread(library):
    array = np.zeros(2, np.int64)
    run(library, "stamp", array, 2)
    threads._code()[2](threads._pool.at, 1)  # would not return if it took the place
    run(library, "stamp", array, 2)
    np.testing.assert_array_equal(array, 4)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
def test_ctrl_c_leaves_the_pool_usable(library, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    stamp = library.address("stamp")  # not in the loop: llvmlite keeps its lock when interrupted
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupts = 0
    try:
        for i in range(100):
            array = np.zeros(8, np.int64)
            if i % 10 == 0:
                monkeypatch.setattr(threads, "_pool", None)  # at its start, too
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + i * 20e-6)
                while True:
                    threads.call(stamp, array.ctypes.data, 2)
            except KeyboardInterrupt:
                interrupts += 1
            array[:] = 0
            threads.call(stamp, array.ctypes.data, 2)
            np.testing.assert_array_equal(array[:2], 2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupts == 100


# ---- whole processes ----------------------------------------------------------------------------

_START = """
import os, threading
import numpy as np
import clearprop as cp
from llvmlite import ir
from clearprop.compile.machine import threads
from clearprop.compile.machine.engine import Library, machine_code
sys.path.insert(0, TESTS)
import test_threads as here
module = ir.Module()
here.write_stamp(module)
library = Library(machine_code(str(module)))
def stamps():
    array = np.zeros(4, np.int64)
    here.run(library, "stamp", array, 3)
    return array.tolist()
"""


def python(code, **environment):
    where = os.path.dirname(__file__)  # noqa: PTH120 - a text for the other process
    text = f"import sys\nTESTS = {where!r}\n" + code
    return subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_import_starts_nothing():
    done = python(
        "import threading, clearprop as cp\ncp.get_threads(); cp.set_threads(2)\n"
        "print(threading.active_count(), 'llvmlite' in sys.modules)"
    )
    assert (done.stdout, done.stderr) == ("1 False\n", "")


def test_a_process_ends_while_its_threads_look_for_work():
    done = python(_START + "import atexit; atexit.register(stamps)\nprint(stamps())")
    assert (done.stdout, done.stderr, done.returncode) == ("[3, 3, 3, 0]\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_after_a_fork_the_child_has_threads_of_its_own():
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
print(stamps(), flush=True)
child = os.fork()
if child == 0:
    print(threading.active_count(), threads._pool, stamps(), threading.active_count(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(stamps())
"""
    done = python(_START + code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[3, 3, 3, 0]", "1 None [3, 3, 3, 0] 3", "[3, 3, 3, 0]"]


_FORKED = """
import multiprocessing, threading, warnings
import numpy as np, clearprop as cp
from clearprop.compile.machine import threads
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
cp.set_threads(2)
h = cp.compile(lambda x, W: np.tanh(x @ W).sum(axis=0))
x, W = np.ones((400, 50)), np.full((50, 60), 0.01)
def same(_=None):
    new = cp.compile(lambda x: np.exp(x) * 2.0)  # compiled here
    right = np.allclose(new(x), np.exp(x) * 2, rtol=1e-12)
    return right and h(x, W).tobytes() == first, threads._pool.started
first = h(x, W).tobytes()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize(
    "how",
    [
        """
child = os.fork()
if child == 0:
    print(*same(), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
""",
        """
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(*pool.map(same, range(1))[0])
print(0)
""",
        """
busy = [threading.Thread(target=lambda: [h(x, W) for _ in range(300)]) for _ in range(2)]
for thread in busy:
    thread.start()
for _ in range(5):  # while others compute
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if same() == (True, 2) else 1)
    assert os.waitpid(child, 0)[1] == 0
for thread in busy:
    thread.join()
print(*same())
print(0)
""",
        """
os.environ["CLEARPROP_CACHE"] = "off"
same()  # all modules are loaded: a fork in the middle of an import is Python's own trouble
stop = threading.Event()
def compiling(k):
    while not stop.is_set():
        k += 2
        cp.compile(lambda x: np.tanh(x) * float(k))(np.ones(10 + k % 500))
busy = [threading.Thread(target=compiling, args=(k,), daemon=True) for k in range(2)]
for thread in busy:
    thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that waits for a thread of its parent waits for ever
        os._exit(0 if same()[0] else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in busy:
    thread.join()
print(*same())
print(0)
""",
    ],
    ids=["os.fork", "multiprocessing", "while others compute", "while others compile"],
)
def test_a_forked_child_computes_on_threads_of_its_own(how):
    done = python("import os, signal\n" + _FORKED + how)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True 2", "0"]


# ---- how many -----------------------------------------------------------------------------------


@pytest.fixture
def unset(monkeypatch):
    monkeypatch.setattr(thread_count, "_chosen", None)
    monkeypatch.delenv("CLEARPROP_THREADS", raising=False)
    thread_count._default.cache_clear()
    yield monkeypatch
    thread_count._default.cache_clear()


def test_the_number_is_what_was_set_else_the_environments_else_the_cores(unset):
    assert cp.get_threads() == thread_count.cores()
    unset.setenv("CLEARPROP_THREADS", "7")
    thread_count._default.cache_clear()
    assert cp.get_threads() == 7
    cp.set_threads(np.int64(3))
    assert cp.get_threads() == 3
    cp.set_threads(None)
    assert cp.get_threads() == 7


def test_what_is_set_is_what_runs(unset, library):
    cp.set_threads(3)
    array = np.zeros(4, np.int64)
    run(library, "stamp", array, None)
    np.testing.assert_array_equal(array, [3, 3, 3, 0])


@pytest.mark.parametrize("n", [0, -1, 1025, 2.0, "2", True])
def test_what_is_no_number_of_threads_is_an_error(unset, n):
    with pytest.raises(OptionError, match="not a number of threads") as caught:
        cp.set_threads(n)
    assert "cp.set_threads(2)" in str(caught.value)
    unset.setenv("CLEARPROP_THREADS", "many" if n == "2" else str(n))
    with pytest.raises(OptionError, match=r"CLEARPROP_THREADS=.*from 1 to 1024"):
        cp.get_threads()


def test_cores_count_once_and_a_container_may_have_fewer(monkeypatch):
    files = {
        f"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i % 4},{i % 4 + 4}"
        for i in range(8)
    }
    monkeypatch.setattr(thread_count, "_HAS_AFFINITY", True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(thread_count, "_text", lambda path: files.get(path, ""))
    count = thread_count.cores
    assert count() == 4
    files["/sys/fs/cgroup/cpu.max"] = "max 100000"
    assert count() == 4
    files["/sys/fs/cgroup/cpu.max"] = "250000 100000"
    assert count() == 3
    files.clear()
    assert count() == 8
