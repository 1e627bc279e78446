"""Time steps become loops, and compute what was written out step by step."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import executed

import clearprop as cp
from clearprop.compile import rerolling, rolled, rolling
from clearprop.compile.calls import LoopCall
from clearprop.trees import tree_leaves

pytest.importorskip("llvmlite")  # the extra `train` brings it

RNG = np.random.default_rng(0)
STEPS = 12
W, U, B = RNG.normal(size=(4, 4)) / 4, RNG.normal(size=(3, 4)), RNG.normal(size=4)
XS = RNG.normal(size=(STEPS, 3))
SERIES = RNG.normal(size=(STEPS + 2, 3))
TARGETS = RNG.normal(size=(STEPS, 4))


@pytest.fixture(autouse=True)
def little() -> Iterator[None]:
    """Let loops be rolled up that save little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rolling, "LEAST", 10)
        yield


def loops_of(compiled: Any) -> list[LoopCall]:
    return [call for call in compiled._last.calls.values() if isinstance(call, LoopCall)]


def agree(f: Callable[..., Any], *args: Any, bound: float = 1e-11) -> Any:
    """Compare a compiled function, and its text, with the function; give what was compiled."""
    compiled = cp.compile(f)
    expected = tree_leaves(f(*args))
    for _ in range(2):  # the second call finds the program there
        found = tree_leaves(compiled(*args))
        assert [name for name, _ in found] == [name for name, _ in expected]
        for (name, a), (_, b) in zip(found, expected, strict=True):
            assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype), name
            np.testing.assert_allclose(a, b, rtol=bound, atol=bound, err_msg=name)
    for a, (name, b) in zip(executed(compiled, *args), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=bound, atol=bound, err_msg=f"text: {name}")
    return compiled


def recurrent(W: Any, U: Any, b: Any, xs: Any) -> Any:
    h, loss = np.zeros(4), 0.0
    for k in range(len(xs)):
        h = np.tanh(h @ W + xs[k] @ U + b)
        loss = loss + np.sum((h - TARGETS[k]) ** 2)
    return loss


def filtered(q: Any, z: Any) -> Any:
    """NumPy calls in every step."""
    x, P, loss = np.zeros(3), np.eye(3), 0.0
    for k in range(len(z)):
        P = W[:3, :3] @ P @ W[:3, :3].T + np.diag(np.exp(q))
        e = z[k] - x
        x = x + np.linalg.solve(P + np.eye(3), P).T @ e
        loss = loss + e @ e + np.linalg.slogdet(P)[1]
    return loss


def by_rows(y0: Any, w: Any) -> Any:
    y = np.empty((STEPS + 1, 4))
    y[0] = y0
    for k in range(STEPS):
        y[k + 1] = y[k] + 0.1 * np.sin(w * y[k])
    return np.sum(y[1:] ** 2) + y[5, 2]


def by_numbers(v0: Any, a: Any) -> Any:
    v, n = np.zeros(STEPS + 1), 0.3
    v[0] = v0
    for k in range(STEPS):
        n = n + 0.01 * (np.exp(-v[k]) * (1 - n) - a * n)
        v[k + 1] = v[k] + 0.1 * (n**4 * (1 - v[k]) - a * v[k])
    return np.sum(v * np.arange(STEPS + 1))


def two_steps_back(x: Any, w: Any) -> Any:
    before, now = x, x + 0.1
    for _ in range(STEPS):
        before, now = now, 2 * now - before - 0.01 * w * np.sin(now)
    return np.sum(now * w), before


def windows(x: Any, w: Any) -> Any:
    total, found = np.zeros(3), []
    for k in range(STEPS):
        total = np.tanh(total + w * x[k + 1]) * x[-1 - k, 0]
        found.append(np.sum(total) * x[k, k % 3])
    return np.stack(found) * 2, total


def slices(x: Any) -> Any:
    total = np.zeros(3)
    for k in range(STEPS):
        total = np.tanh(total * 0.9 + x[k : k + 3]) + np.exp(-total) * x[STEPS - k]
    return np.sum(total * x[:3])


def told_apart(x: Any, w: Any) -> Any:
    y = x
    for k in range(30):
        y = y + 0.1 * np.cos(w * y * (k * 0.1)) if k != 3 else np.tanh(y)
        y = y * (1.01 if k % 2 else 0.98)
    return np.sum(y**2)


def nested(x: Any, w: Any) -> Any:
    for k in range(STEPS):
        for j in range(9):
            x = x + 0.01 * np.sin(w * x + 0.1 * j) * np.cos(x) / (1 + x * x)
        x = x / (1 + np.sum(x * x)) + k
    return np.sum(x)


def first_unlike(x: Any) -> Any:
    """The first step is given less than the others hand on."""
    s: Any = 0.0
    for k in range(STEPS):
        s = s * x + np.sin(x * k) + np.tanh(s)
    return s


def states_of_a_batch(W: Any, U: Any, xs: Any) -> Any:
    """Steps along the second axis, and a first one that is given no state."""
    states: list[Any] = []
    for k in range(xs.shape[1]):
        z = xs[:, k] @ U
        states.append(np.tanh(z + states[-1] @ W if states else z))
    return np.stack(states, axis=1)


FUNCTIONS = {
    "a recurrent network": (recurrent, (0, 1, 2, 3), (W, U, B, XS), 2),
    "NumPy calls": (filtered, (0, 1), (np.zeros(3), XS), 2),
    "rows that are filled": (by_rows, (0, 1), (B, B + 1), 2),
    "numbers that are filled": (by_numbers, (0, 1), (0.1, 0.7), 2),
    "a Python number": (lambda v: by_numbers(v, 0.5), (0,), (0.25,), 2),
    "two steps back": (lambda x, w: two_steps_back(x, w)[0], (0, 1), (B, B), 2),
    "windows": (lambda x, w: np.sum(windows(x, w)[0]), (0, 1), (SERIES, B[:3]), 2),
    "slices": (slices, (0,), (SERIES,), 2),
    "steps told apart": (told_apart, (0, 1), (B, B), 2),
    "nested loops": (nested, (0, 1), (B, B), 2),
    "a first step that is unlike": (lambda x: np.sum(first_unlike(x)), (0,), (B,), 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_the_steps(name: str) -> None:
    f, wrt, args, loops = FUNCTIONS[name]
    compiled = agree(cp.value_and_grad(f, wrt), *args)
    assert len(loops_of(compiled)) >= loops, compiled.plan
    assert "loop of" in compiled.plan


@pytest.mark.parametrize(
    ("f", "args"),
    [(windows, (SERIES, B[:3])), (two_steps_back, (B, B)), (first_unlike, (B,))],
)
def test_several_results(f: Callable[..., Any], args: Any) -> None:
    assert loops_of(agree(f, *args))


def test_small_floats_stay_small() -> None:
    given = [a.astype("f4") for a in (W, U, B, XS)]

    def f(W: Any, U: Any, b: Any, xs: Any) -> Any:
        h = b * 0
        for k in range(STEPS):
            h = np.tanh(h @ W * (0.1 * k) + xs[k] @ U) * 0.5
        return np.sum(h)

    compiled = agree(cp.value_and_grad(f, (0, 1)), *given, bound=1e-5)
    assert len(loops_of(compiled)) == 2


def test_steps_without_numpy_calls_are_machine_code() -> None:
    compiled = agree(cp.grad(recurrent, (0, 1, 2)), W, U, B, XS)
    assert [call._steps.fit for call in loops_of(compiled)] == [True, True]
    assert "for step in range(" in compiled.source


def test_little_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(rolling, "LEAST", 10_000)
    assert not loops_of(agree(cp.grad(recurrent), W, U, B, XS))


def test_steps_along_another_axis_are_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "_MOST_COPIED", 100)

    def f(W: Any, U: Any, xs: Any) -> Any:
        y = states_of_a_batch(W, U, xs)
        return np.sum(y * y[:, ::-1]), y

    batch = RNG.normal(size=(2, STEPS, 3))
    compiled = agree(cp.value_and_grad(f, (0, 1, 2), has_aux=True), W, U, batch)
    assert len(loops_of(compiled)) >= 2, compiled.plan


def test_numbers_that_follow_each_other_are_not_looked_at_for_packs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def looked_at(nodes: Any, *rest: Any) -> Any:
        sizes.append(len(nodes))
        return rerolling.rerolled(nodes, *rest)

    monkeypatch.setattr(rolled, "LEAST", 50)
    monkeypatch.setattr(rolled, "rerolled", looked_at)
    assert loops_of(agree(cp.grad(by_numbers, (0, 1)), 0.1, 0.7))
    assert max(sizes) < 60  # those of a step


@pytest.mark.parametrize(("size", "at_once"), [(8, 1), (8192, 16)])
def test_what_waits_for_memory_takes_several_steps_at_once(size: int, at_once: int) -> None:
    def f(x: Any) -> Any:
        for k in range(200):
            x = x * 0.99 + 0.01 * k
        return x

    loops = loops_of(agree(f, np.ones(size)))
    assert max(loop.count for loop in loops) == 200 // at_once


def test_numbers_side_by_side_are_no_chains() -> None:
    def f(w: Any, x: Any) -> Any:
        y = np.zeros(200)
        for k in range(200):
            y[k] = np.tanh(w[k] * x[k]) * np.exp(x[k])
        return sum(y[k] * y[k] for k in range(200))

    w = RNG.normal(size=200)
    graph = cp.trace(cp.grad(f), w, w)
    assert not rolled.are_chains(list(graph.nodes))
    assert rolled.are_chains(list(cp.trace(cp.grad(chained), 0.3).nodes))


def chained(v: Any) -> Any:
    for k in range(150):
        v = v + 0.1 * np.sin(v) * np.cos(k * v)
    return v


def test_large_arrays_that_lie_apart_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [RNG.normal(size=(5, 5)) for _ in range(14)]

    def f(layers: Any, x: Any) -> Any:
        for W in layers:
            x = np.tanh(x @ W) * np.cos(x) + np.sin(x) * np.exp(-x * x) / (1 + np.sqrt(1 + x * x))
        return np.sum(x)

    assert loops_of(agree(cp.grad(f), layers, B[:1] * np.ones((3, 5))))
    monkeypatch.setattr(rolling, "_MOST_COPIED", 100)
    assert not loops_of(agree(cp.grad(f), layers, B[:1] * np.ones((3, 5))))


def test_an_index_that_is_read_is_checked() -> None:
    def f(x: Any, rows: Any) -> Any:
        y = x[0]
        for k in range(STEPS):
            y = np.tanh(y + x[rows[k]]) * np.cos(y)
        return y

    rows = np.arange(STEPS) % 3
    compiled = agree(f, XS[:3], rows)
    assert loops_of(compiled)
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        compiled(XS[:3], rows + 1)


OPERATIONS: list[Callable[..., Any]] = [
    lambda s, k: (np.tanh(s[0] + s[1]), s[1], s[2]),
    lambda s, k: (s[0], s[1] * 0.9 + XS[k % STEPS, 0] * s[0], s[2]),
    lambda s, k: (s[0], s[1], s[2] + np.sum(s[0] * s[1])),
    lambda s, k: (W @ s[0], s[1], np.sin(s[2])),
    lambda s, k: (s[1], s[0], s[2]),
    lambda s, k: (s[0] * (k % 3), s[1][::-1], s[2] * 0.5),
    lambda s, k: (s[0] + 0.1 * s[2], np.cos(s[1]), s[2] if k < 5 else -s[2]),
    lambda s, k: (np.where(s[0] > 0, s[0], s[1]), s[1] + TARGETS[k % STEPS], s[2]),
    lambda s, k: (np.maximum(s[0], s[1][2]), s[1], np.exp(-abs(s[2]))),
]


def of_steps(program: list[int], steps: int, fills: bool) -> Callable[..., Any]:
    def f(a: Any, b: Any, c: Any) -> Any:
        s, seen = (a, b, c), np.zeros((steps + 1, 4))
        for k in range(steps):
            for number in program:
                s = OPERATIONS[number](s, k)
            if fills:
                seen[k + 1] = s[0] * 0.5 + seen[k]
        return np.sum(s[0]) + np.sum(s[1] * B) + s[2] + np.sum(seen[1:-1] ** 2)

    return f


def test_a_step_reads_what_it_hands_on_before_it_writes_over_it() -> None:
    # two arrays are written over what a third is computed from
    test_any_steps.hypothesis.inner_test([4, 3], 10, True)  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.integers(0, len(OPERATIONS) - 1), min_size=2, max_size=5),
    st.integers(9, 14),
    st.booleans(),
)
def test_any_steps(program: list[int], steps: int, fills: bool) -> None:
    f = cp.value_and_grad(of_steps(program, steps, fills), (0, 1, 2))
    agree(f, B, B[::-1].copy(), np.array(0.3), bound=1e-8)
