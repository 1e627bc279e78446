"""Random generators as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.errors import DataError, DTypeError
from clearprop.train import generator_facts, restore_generator

KINDS = [np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64]


def through_json(rng: np.random.Generator) -> np.random.Generator:
    return restore_generator(json.loads(json.dumps(generator_facts(rng))))


def numbers(rng: np.random.Generator) -> list[Any]:
    """Draw of every kind, and of the children."""
    child = rng.spawn(1)[0]
    drawn = (
        rng.integers(2**31, size=3, dtype=np.int32),  # may leave half of 64 bits for the next
        rng.random(700),  # more than any buffer has
        rng.standard_normal(5),
        rng.permutation(9),
        child.random(3),
    )
    return [array.tolist() for array in drawn]


@given(
    st.sampled_from(KINDS),
    st.integers(0, 2**130) | st.lists(st.integers(0, 2**32 - 1), min_size=1),
    st.integers(0, 1300),
    st.integers(0, 3),
)
def test_the_same_numbers_and_children_follow(
    kind: Any, seed: Any, drawn: int, children: int
) -> None:
    rng = np.random.Generator(kind(np.random.SeedSequence(seed, spawn_key=(1, 2), pool_size=5)))
    rng.integers(2**31, size=drawn, dtype=np.int32)
    rng.spawn(children)
    again = through_json(rng)
    assert type(again.bit_generator) is kind
    assert generator_facts(again) == generator_facts(rng)
    assert numbers(again) == numbers(rng)


def test_a_seed_of_the_system_and_none_at_all() -> None:
    rng = np.random.default_rng()
    assert numbers(through_json(rng)) == numbers(rng)
    rng = np.random.Generator(np.random.Philox(key=2**100, counter=5))
    again = through_json(rng)
    assert again.random(9).tolist() == rng.random(9).tolist()
    with pytest.raises(TypeError):
        again.spawn(1)


def test_the_source_stays_where_it_is() -> None:
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    again = through_json(rng)
    again.random(100)
    assert rng.bit_generator.state == before


class Own(np.random.PCG64):
    pass


class OwnSeed:
    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return np.arange(n_words, dtype=dtype)


np.random.bit_generator.ISeedSequence.register(OwnSeed)


@pytest.mark.parametrize(
    ("rng", "text"),
    [
        (np.random.RandomState(0), "a RandomState is none of NumPy's generators. Why: NumPy has"),
        (7, "a int is none of NumPy's generators"),
        (np.random.Generator(Own(0)), "a Own is none of NumPy's generators"),
        (np.random.Generator(np.random.PCG64(OwnSeed())), "its seed is a OwnSeed. Why: its child"),
    ],
)
def test_what_is_none_of_numpys(rng: Any, text: str) -> None:
    with pytest.raises(DTypeError, match=text):
        generator_facts(rng)


def changed(kind: Any, change: Any) -> Any:
    facts = json.loads(json.dumps(generator_facts(np.random.Generator(kind(0)))))
    change(facts)
    return facts


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (np.random.PCG64, lambda f: f.pop("seed")),
        (np.random.PCG64, lambda f: f["state"].pop("state")),
        (np.random.PCG64, lambda f: f["state"].update(more=1)),
        (np.random.PCG64, lambda f: f["state"].update(bit_generator=["PCG64"])),
        (np.random.PCG64, lambda f: f["state"].update(uinteger="3")),
        (np.random.PCG64, lambda f: f["state"]["state"].update(inc=-1)),
        (np.random.PCG64, lambda f: f["state"]["state"].update(state=2**128)),
        (np.random.PCG64, lambda f: f["seed"].update(pool_size=0)),
        (np.random.PCG64, lambda f: f["seed"].update(entropy=-1)),
        (np.random.PCG64, lambda f: f.update(state=[1])),
        (np.random.PCG64, lambda f: f.update(state=None)),
        (np.random.MT19937, lambda f: f["state"]["state"]["key"].pop()),
        (np.random.MT19937, lambda f: f["state"]["state"].update(pos=625)),
        (np.random.MT19937, lambda f: f["state"]["state"].update(pos=-1)),
        (np.random.MT19937, lambda f: f["state"]["state"]["key"].append("x")),
        (np.random.Philox, lambda f: f["state"].update(buffer_pos=5)),
        (np.random.Philox, lambda f: f["state"]["state"].update(key=[1, 2**64])),
        (np.random.SFC64, lambda f: f["state"]["state"].update(state=[[1, 2], [3, 4]])),
    ],
)
def test_what_is_no_state_is_refused(kind: Any, change: Any) -> None:
    facts = changed(kind, change)
    with pytest.raises(DataError, match=r"checkpoint: (this is not the state|.* is no generator)"):
        restore_generator(facts)
