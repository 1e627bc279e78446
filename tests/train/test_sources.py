"""Where batches come from: which samples, in which order, and how to get back to a place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.errors import DataError
from clearprop.train.sources import Drawn, FromArrays, FromStream


def drawn(samples: int, size: int, seed: int = 3, *, replace: bool = False) -> Drawn:
    return Drawn(samples, size, np.random.default_rng(seed), replace=replace)


@given(st.integers(1, 9), st.integers(1, 7), st.lists(st.integers(0, 5), max_size=6), st.booleans())
def test_batches_do_not_depend_on_how_many_are_drawn_at_once(
    samples: int, size: int, counts: list[int], replace: bool
) -> None:
    one, several = (drawn(samples, size, replace=replace) for _ in range(2))
    singly = [one.draw().tolist() for _ in range(sum(counts))]
    at_once = [batch for count in counts for batch in several.draw(count).tolist()]
    assert singly == at_once


@given(st.integers(1, 9), st.integers(1, 7), st.integers(1, 4))
def test_an_epoch_is_every_sample_once(samples: int, size: int, epochs: int) -> None:
    numbers = drawn(samples, size).draw(samples * epochs).ravel()  # ``size`` times the epochs
    for epoch in numbers.reshape(-1, samples):
        assert sorted(epoch) == list(range(samples))


def test_the_orders_of_epochs_differ() -> None:
    first, second = drawn(50, 50).draw(2).tolist()
    assert first != second


@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_a_state_leads_back(
    samples: int, size: int, before: int, after: int, replace: bool
) -> None:
    source = drawn(samples, size, replace=replace)
    source.draw(before)
    facts, mark = json.loads(json.dumps(source.facts)), source.mark()
    went_on = source.draw(after).tolist()
    source.rewind(mark)
    assert source.draw(after).tolist() == went_on
    another = drawn(samples, size, seed=8, replace=replace)
    another.draw(5)
    another.restore(facts)
    assert another.draw(after).tolist() == went_on


@given(st.integers(0, 7), st.data(), st.booleans())
def test_what_is_given_back_is_taken_again(count: int, data: Any, replace: bool) -> None:
    x, t = np.zeros((5, 2)), np.arange(5)
    source = FromArrays(x, t, drawn(5, 3, replace=replace))
    whole = FromArrays(x, t, drawn(5, 3, replace=replace)).take(count + 9).tolist()
    taken = source.take(count).tolist()
    back = data.draw(st.integers(0, count))
    source.give_back(back)
    assert taken[: count - back] + source.take(back + 9).tolist() == whole


def test_only_the_rows_that_are_trained_with() -> None:
    rows = np.array([2, 5, 7])
    source = FromArrays(np.zeros((9, 1)), np.zeros(9), drawn(3, 2), rows)
    assert set(source.take(30).ravel().tolist()) == {2, 5, 7}


@pytest.mark.parametrize(("samples", "size"), [(60, 10), (7, 3), (3, 7), (1, 1)])
def test_the_border_is_the_first_update_of_another_epoch(samples: int, size: int) -> None:
    source = FromArrays(np.zeros((samples, 1)), np.zeros(samples), drawn(samples, size))
    for i in range(40):
        border = source.border(i)
        assert border > i
        assert int(source.epoch(border) + 1e-9) > int(source.epoch(i) + 1e-9)
        assert border == i + 1 or int(source.epoch(border - 1) + 1e-9) == int(
            source.epoch(i) + 1e-9
        )


# ---- streams -------------------------------------------------------------------------------------


def numbered(count: int, sizes: tuple[int, ...] = (2,)) -> Any:
    """Make batches whose labels count them; their arrays are written over, as some makers do."""

    def make() -> Iterator[tuple[Any, Any]]:
        room = np.zeros((max(sizes), 3))
        for i in range(count):
            size = sizes[i % len(sizes)]
            room[:] = i
            yield room[:size], np.full(size, i)

    return make


def labels(source: FromStream, count: int) -> list[int]:
    x, t = source.take(count)
    assert np.array_equal(x[..., 0], t)
    return [int(batch[0]) for batch in t]


def test_a_stream_is_gone_through_again() -> None:
    source = FromStream(numbered(3))
    assert [labels(source, 2), source.epoch(0)] == [[0, 1], 0.0]
    assert [labels(source, 5), source.epoch(0)] == [[2], 1.0]
    assert [labels(source, 9), source.epoch(0)] == [[0, 1, 2], 2.0]


def test_batches_of_other_shapes_are_taken_apart() -> None:
    source = FromStream(numbered(4, (2, 2, 1)))
    assert [labels(source, 9) for _ in range(3)] == [[0, 1], [2], [3]]
    assert source.epoch(0) == 1.0


@given(st.integers(1, 6), st.integers(1, 7), st.data())
def test_what_is_given_back_comes_again(length: int, count: int, data: Any) -> None:
    source = FromStream(numbered(length))
    taken = labels(source, count)
    back = data.draw(st.integers(0, len(taken)))
    source.give_back(back)
    assert source.facts == {"passes": 0, "at": len(taken) - back} or (
        back == 0 and source.facts == {"passes": 1, "at": 0}
    )
    rest = taken[len(taken) - back :]
    while len(rest) and source.epoch(0) < 1:
        found = labels(source, 1)
        if rest:
            assert found == rest[:1]
            rest = rest[1:]
    again = FromStream(numbered(length))
    again.restore(source.facts)
    assert labels(again, 3) == labels(source, 3)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (((np.zeros((2, 1)), np.zeros(2)) for _ in range(3)), "only once"),
        ([], "gives no batch"),
        ([np.zeros((2, 3))], "ndarray in the place of a batch"),
        ([(np.zeros((2, 3)), np.zeros(3))], r"\(2, 3\) and labels of shape \(3,\)"),
        ([(np.zeros((0, 3)), np.zeros(0))], "at least one"),
        (lambda: [(1.0, 2.0)], r"shape \(\)"),
    ],
)
def test_what_is_no_stream(stream: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        FromStream(stream).take(1)
