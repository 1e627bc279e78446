"""Random generators of NumPy as JSON, and back: the same numbers follow, and the same children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import BitGenerator, Generator, SeedSequence

from clearprop.errors import DataError, DTypeError

_KINDS: dict[str, type[BitGenerator]] = {
    kind.__name__: kind
    for kind in vars(np.random).values()
    if isinstance(kind, type) and issubclass(kind, BitGenerator) and kind is not BitGenerator
}


def generator_facts(rng: Generator) -> dict[str, Any]:
    """Describe where a generator stands: its state, and the seed that its children come from.

    Parameters
    ----------
    rng : numpy.random.Generator
        With one of NumPy's bit generators: PCG64, PCG64DXSM, Philox, MT19937, SFC64.

    Returns
    -------
    dict
        Of what JSON has; `restore_generator` takes it.

    Raises
    ------
    DTypeError
        It is no such generator, or its seed is none of NumPy's.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> facts = generator_facts(rng)
    >>> rng.random(), restore_generator(facts).random()
    (0.625095466604667, 0.625095466604667)
    """
    bits = getattr(rng, "bit_generator", None)
    if not isinstance(rng, Generator) or type(bits) is not _KINDS.get(type(bits).__name__):
        what = type(rng if bits is None else bits).__name__
        raise _no_generator(f"a {what} is none of NumPy's generators", f"NumPy has {_names()}.")
    seed = bits.seed_seq  # None where there was a key, as in Philox(key=1): it has no children
    if seed is not None and type(seed) is not SeedSequence:
        raise _no_generator(
            f"its seed is a {type(seed).__name__}", "its children are made from its SeedSequence."
        )
    return {"state": _to_json(bits.state), "seed": None if seed is None else _to_json(seed.state)}


def restore_generator(facts: Mapping[str, Any]) -> Generator:
    """Make a generator that goes on where the other one stood.

    Parameters
    ----------
    facts : dict
        From `generator_facts`, by way of JSON or not.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    DataError
        They describe no generator.

    Examples
    --------
    >>> restore_generator({"state": {"bit_generator": "XYZ"}, "seed": {}})
    Traceback (most recent call last):
    clearprop.errors.DataError: checkpoint: 'XYZ' is no generator. Why: NumPy has MT19937, ...
    """
    try:
        state, seed = facts["state"], facts["seed"]
        name = state["bit_generator"]
        if name not in _KINDS:
            raise DataError(f"checkpoint: {name!r} is no generator.", why=f"NumPy has {_names()}.")
        bits: Any = _KINDS[name](0)
        state = _like(bits.state, state)
        _check_positions(state)
        # the only way to a generator without a seed, and what unpickling does
        bits.__setstate__((state, None if seed is None else SeedSequence(**seed)))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            "checkpoint: this is not the state of a generator.",
            why=f"{type(error).__name__}: {error}.",
            write="generator_facts(rng)",
        ) from error
    return Generator(bits)


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def _like(template: Any, value: Any) -> Any:
    """Give a value the form of a template: its names, and arrays in its dtypes and shapes."""
    if isinstance(template, Mapping):
        if set(value) != set(template):
            raise ValueError(f"it has {sorted(value)}, and not {sorted(template)}")
        return {name: _like(part, value[name]) for name, part in template.items()}
    if isinstance(template, np.ndarray):
        array = np.array(value, dtype=template.dtype)
        if array.shape != template.shape:
            raise ValueError(f"an array of it is {array.shape}, and not {template.shape}")
        return array
    kind = str if isinstance(template, str) else int
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _check_positions(state: Mapping[str, Any]) -> None:
    """Check what NumPy does not: the places where it will go on reading its own arrays."""
    for part, place, numbers in (
        (state["state"], "pos", "key"),  # MT19937
        (state, "buffer_pos", "buffer"),  # Philox
    ):
        if place in part and not 0 <= part[place] <= len(part[numbers]):
            raise ValueError(f"its {place} is {part[place]}, of {len(part[numbers])} numbers")


def _names() -> str:
    return ", ".join(sorted(_KINDS))


def _no_generator(what: str, why: str) -> DTypeError:
    return DTypeError(
        f"checkpoint: this generator cannot be saved: {what}.",
        why=why,
        write="np.random.default_rng(seed)",
    )
