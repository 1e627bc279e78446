"""One answer: interpreted, written out as source, as loops, and as machine code on any threads.

``python tests/agreement.py`` compares every case there is, and writes docs/agreement_table.md;
``python tests/agreement.py FILE`` goes on from what an interrupted run has printed into a file.
`test_agreement.py` compares some of them every day, and all of them where slow tests run.
"""

import itertools
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import network_runs
import numpy as np
from agreement_cases import Case, function_of, of_layers, of_primitive, weights
from cut_finely import cut_finely
from loops import executed

import clearprop as cp
import clearprop.rules.special  # SciPy's primitives are compared too
from clearprop.check.primitives import examples
from clearprop.compile.grouping import Call, Group
from clearprop.primitive import PRIMITIVES
from clearprop.trees import tree_leaves

DTYPES = ("float64", "float32")
THREADS = (1, 2, 3)
#: Of an element, and of the largest element (or 1).
TOLERANCE = {"float64": (1e-12, 1e-13), "float32": (3e-5, 1e-5)}
DIFFERENTIABLE = [p for p in PRIMITIVES.values() if not p.no_derivative]
WITHOUT_DERIVATIVE = [p for p in PRIMITIVES.values() if p.no_derivative]
MORE = 40  # times as many samples


@dataclass
class Found:
    """How a case came out; what does not agree raises an AssertionError."""

    shards: int = 1  # of the group that has most
    calls: list[str] = field(default_factory=list)  # what remained NumPy
    loops: int = 0  # groups that are machine code
    same_bits: bool = True  # as interpreted
    off: float = 0.0  # the largest difference, in units of the last place of the largest element


def compare(case: Case, *, in_few: bool = True) -> Found:
    """Compare a function with its machine code, in many pieces and in few, and with its loops."""
    with np.errstate(all="ignore"):
        expected = [np.asarray(v) for _, v in tree_leaves(case.f(*case.args))]
        found = _close(cp.compile(case.f)(*case.args), expected, case) if in_few else Found()
        compiled = cp.compile(case.f)
        with cut_finely():
            pieces = compiled(*case.args)
        cut = _close(pieces, expected, case)
        program = compiled._last
        program.threads = None  # as many as there are, however little there is to do
        before = cp.get_threads()
        try:
            for threads in THREADS:
                cp.set_threads(threads)
                again = [np.asarray(v) for _, v in tree_leaves(compiled(*case.args))]
                for a, b in zip(again, tree_leaves(pieces), strict=True):
                    assert a.tobytes() == np.asarray(b[1]).tobytes(), f"{threads} threads"
        finally:
            cp.set_threads(before)
        if case.more == 1:  # short enough for loops in Python
            _close(executed(compiled, *case.args), expected, case)
    parts = list(itertools.chain.from_iterable(program.plan.phases))
    groups = [part for part in parts if isinstance(part, Group)]
    return Found(
        max((group.shards for group in groups), default=1),
        [part.node.operation for part in parts if isinstance(part, Call)],
        len(groups),
        found.same_bits and cut.same_bits,
        max(found.off, cut.off),
    )


def _close(result: Any, expected: list[Any], case: Case) -> Found:
    found = Found()
    leaves = [np.asarray(v) for _, v in tree_leaves(result)]
    for a, b in zip(leaves, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if a.dtype.kind == "c":  # two real numbers
            a, b = (np.stack([x.real, x.imag]) for x in (a, b))  # noqa: PLW2901
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        size = np.max(np.abs(b), initial=0, where=np.isfinite(b))
        rtol, atol = (bound * case.more for bound in TOLERANCE[case.dtype])
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * max(size, 1))
        found.same_bits &= a.tobytes() == b.tobytes()
        apart = np.max(np.abs(a - b), initial=0, where=np.isfinite(b) & np.isfinite(a))
        found.off = max(found.off, float(apart / np.spacing(max(size, np.finfo(a.dtype).tiny))))
    return found


# ---- source ----------------------------------------------------------------------------------


def compare_source(primitive: Any) -> int:
    """Compare the text that `cp.source` writes with the sweep, to the bit; count the examples."""
    count = 0
    for operands, attributes in examples(primitive, np.random.default_rng(0)):
        call, arrays = function_of(primitive, operands, attributes, "float64")
        # source() writes functions of one result
        _compare_source(summed(call) if primitive.outputs > 1 else call, arrays)
        count += 1
    return count


def _compare_source(call: Any, arrays: list[Any]) -> None:
    module: dict[str, Any] = {}
    exec(cp.source(call, *arrays), module)
    real = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]

    def of_real(*leaves):
        filled = list(arrays)
        for i, leaf in zip(real, leaves, strict=True):
            filled[i] = leaf
        return call(*filled)

    y, pullback = cp.vjp(of_real, *(arrays[i] for i in real))
    dy = weights(np.random.default_rng(1), y)[()]
    z, saved = module["forward"](*arrays)
    assert np.asarray(z).dtype == np.asarray(y).dtype
    np.testing.assert_array_equal(z, y)
    found = module["backward"](saved, dy)
    found = found if isinstance(found, tuple) else (found,)
    for a, b in zip(found, pullback(dy), strict=True):
        np.testing.assert_array_equal(a, b)


def summed(call: Any) -> Any:
    """Give one result for several."""
    return lambda *args: sum(np.sum(np.real(np.sin(part))) for part in call(*args))


# ---- the table -------------------------------------------------------------------------------

TABLE = Path(__file__).parents[1] / "docs" / "agreement_table.md"


def families() -> Iterator[tuple[str, list[Case]]]:
    """Give all cases that `compare` takes, by what they are."""
    for dtype in DTYPES:
        for what, primitives in (
            ("primitives: value and gradients", DIFFERENTIABLE),
            ("primitives without a derivative", WITHOUT_DERIVATIVE),
        ):
            for more in (1, MORE):
                cases = [c for p in primitives for c in of_primitive(p, dtype, more)]
                yield f"{what}{_samples(more)}, {dtype}", cases
        for more in (1, MORE):
            yield (
                f"layers: value, gradients, buffers{_samples(more)}, {dtype}",
                of_layers(dtype, more),
            )


def _samples(more: int) -> str:
    return f", {more} × the samples" if more > 1 else ""


class Result:
    """What a run of everything found."""

    def __init__(self, printed: dict[str, str]) -> None:
        self.printed = printed
        self.rows: list[str] = []
        self.wrong: list[str] = []

    def family(self, name: str, cases: list[Case]) -> None:
        """Compare the cases of a family."""
        if name in self.printed:
            self.rows.append(self.printed[name])
            return
        found = [f for f in (self._tried(c, lambda c=c: compare(c)) for c in cases) if f]
        compiled = [f for f in found if f.loops]
        off = max((f.off for f in found), default=0)
        row = [name, len(cases), len(found), sum(f.same_bits for f in found), f"{off:.3g}"]
        row += [sum(f.shards > 1 for f in found), len(found) - len(compiled)]
        self.rows.append(f"| {' | '.join(map(str, row))} |")
        print(self.rows[-1], flush=True)

    def _tried(self, case: Any, how: Callable[[], Any]) -> Any:
        try:
            return how()
        except Exception as error:  # whatever it is, it stands in the table
            name = case if isinstance(case, str) else f"{case.name}, {case.dtype}"
            text = " ".join(str(error).split())[:200]
            self.wrong.append(f"- {name}: {type(error).__name__}: {text}")
            print(self.wrong[-1], flush=True)
            return None

    def sources(self) -> str:
        """Compare the texts of `cp.source`."""
        counts = [self._tried(p.name, lambda p=p: compare_source(p)) for p in DIFFERENTIABLE]
        examples_ = sum(c for c in counts if c)
        return (
            f"`cp.source` of {sum(c is not None for c in counts)} of {len(counts)} primitives "
            f"({examples_} examples, float64), executed: the values and gradients of the sweep to "
            "the bit."
        )

    def networks(self) -> list[str]:
        """Compare the benchmarks' networks and functions."""
        rows = []
        for name in (*network_runs.NETWORKS, *network_runs.FUNCTIONS):
            for dtype in DTYPES:
                what = f"{name}, {dtype}"
                if what in self.printed:
                    rows.append(self.printed[what])
                    continue
                apart = self._tried(what, lambda n=name, d=dtype: network_runs.compare(n, d))
                source = "to the bit" if network_runs.has_source(name) else "left out"
                steps = network_runs.STEPS if name in network_runs.NETWORKS else 3
                said = [f"{a:.1e}" for a in apart] if apart else ["disagrees"] * 2
                bits = "yes" if apart else "?"
                rows.append(f"| {what} | {steps} | {' | '.join(said)} | {bits} | {source} |")
                print(rows[-1], flush=True)
        return rows


def table(printed: dict[str, str]) -> tuple[str, bool]:
    """Compare everything; give the text of the table, and whether all agree."""
    import llvmlite

    start, result = time.perf_counter(), Result(printed)
    source = result.sources()
    for name, cases in families():
        result.family(name, cases)
    networks = result.networks()
    minutes = (time.perf_counter() - start) / 60
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, llvmlite "
        f"{llvmlite.__version__}"
    )
    lines = [
        f"{date.today():%Y-%m-%d}, {platform.system()} {platform.machine()} ({_processor()}), "
        f"{versions}; {'in two goes' if printed else f'{minutes:.0f} minutes'}. The command: "
        "`python tests/agreement.py`.",
        "",
        "Each case is interpreted; compiled as usual; compiled in as many pieces as its rows "
        f"allow, on {', '.join(map(str, THREADS[:-1]))} and {THREADS[-1]} threads, which give the "
        "same bits; and its `h.source` is executed (not with more samples). *Largest difference*: "
        "in units in the last place of the largest element. *Sharded*: cut along an axis of "
        "samples into pieces that threads take.",
        "",
        "| family | cases | agree | to the bit | largest difference | sharded | NumPy alone |",
        "|---|---|---|---|---|---|---|",
        *result.rows,
        "",
        source,
        "",
        "The networks of the benchmarks, and their functions of one array (here of "
        f"{network_runs.LONG:,} elements); how far the losses of compiled and interpreted steps "
        "are apart, relatively.",
        "",
        "| network | steps | first 5 | all | same bits on 1 and 2 threads | source |",
        "|---|---|---|---|---|---|",
        *networks,
        "",
        "Left out: `cp.source` of moons, a text with a line for each of 10⁵ numbers; `h.source` of "
        "the networks, whose loops would take hours in Python (small networks are executed in "
        "`tests/compile/test_loops_text.py`); `astype` to float64 in float32.",
        "",
        *(["Disagreements:", "", *result.wrong] if result.wrong else ["Disagreements: none."]),
    ]
    return "\n".join(lines) + "\n", not result.wrong


def printed_rows(text: str) -> dict[str, str]:
    """Give the rows that an interrupted run has printed, by name; what disagreed runs again."""
    if "Error" in text:
        return {}
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def _processor() -> str:
    from clearprop.compile.machine.engine import this_processor

    found = this_processor()
    return f"{found.name}, vectors of {8 * found.vector_bytes} bits"


if __name__ == "__main__":
    sys.path.insert(0, str(TABLE.parents[1]))
    rows = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else ""
    text, is_right = table(printed_rows(rows))
    TABLE.write_text(text, encoding="utf-8")
    sys.exit(not is_right)
