"""The page writes numbers as the pictures do, to the last digit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.draw.numbers import describe, number
from clearprop.draw.page.arrays import Table


def _random_numbers():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(3000) * 10.0 ** rng.integers(-30, 30, 3000)
    plain = rng.standard_normal(2000)
    short = np.round(rng.standard_normal(2000) * 10, 3)
    halves = (rng.integers(10**5, 10**7, 2000) + 0.5) * 2.0 ** rng.integers(-4, 4, 2000)
    single = rng.standard_normal(1000).astype(np.float32).astype(float)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 1e-5, 9.9999995e-5]
    tens = [
        s * d * 10.0**e for s in (1, -1) for d in (1, 9.999995, 9.9999949) for e in range(-9, 9)
    ]
    return [*wide, *plain, *short, *halves, *single, *edges, *tens]


def test_thousands_of_numbers_are_written_alike(library):
    numbers = _random_numbers()
    texts = [x.hex() if np.isfinite(x) else str(x) for x in map(float, numbers)]
    pairs = [repr(float(x)) for x in numbers]
    for digits in (3, 4, 6):
        found = library.evaluate(
            """([texts, digits]) => texts.map(t => lib.general(
                t === 'nan' ? NaN : t === 'inf' ? Infinity : t === '-inf' ? -Infinity : Number(t),
                digits))""",
            [pairs, digits],
        )
        wrong = [
            (text, a, number(x, digits))
            for text, x, a in zip(texts, numbers, found, strict=True)
            if a != number(x, digits)
        ]
        assert not wrong


def _arrays():
    rng = np.random.default_rng(1)
    for dtype in (np.float64, np.float32, np.int64, bool):
        for shape in [
            (),
            (1,),
            (3,),
            (11,),
            (12,),
            (2, 2),
            (3, 3),
            (4, 4),
            (2, 0),
            (2, 3, 4),
            (300,),
        ]:
            for scale in (1.0, 1e-9, 1e6, 0.0):
                yield np.asarray(rng.standard_normal(shape) * scale).astype(dtype)
    yield np.array([1.0, np.nan, np.inf])
    yield np.array([1e300, -1e300] * 40)
    yield np.linspace(-1, 1, 101)


def test_arrays_are_described_alike(library):
    table, wanted, indices = Table(), [], []
    for array in _arrays():
        indices.append(table.add(array))
        wanted.append([describe(array).line, describe(array, shape=False).line])
    found = library.evaluate(
        """entries => {
            const line = s => s.matrix
                ? `[${s.rows.map(r => `[${r.join(', ')}]`).join(', ')}]`
                : s.rows.map(r => r.join(', ')).join(' ');
            return entries.map(e => {
                const a = lib.withStatistics(lib.read(e));
                return [line(lib.describe(a)), line(lib.describe(a, false))];
            });
        }""",
        table.entries,
    )
    assert [found[i] for i in indices] == wanted


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3, width=64), min_size=1, max_size=700))
def test_sums_are_numpys_to_the_last_bit(library, numbers):
    found = library.evaluate("x => lib.pairwise(Float64Array.from(x))", numbers)
    assert found == np.add.reduce(np.array(numbers))
