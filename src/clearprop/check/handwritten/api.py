"""``cp.check_layer``: the judge for objects of the running program."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.arguments import argument_names
from clearprop.check.handwritten.classes import methods_of
from clearprop.check.handwritten.judging import judge
from clearprop.check.handwritten.model import Candidate, Judgement
from clearprop.check.handwritten.objects import find_in_object
from clearprop.check.handwritten.options import Options


def check_object(layer: Any, inputs: Any, options: dict[str, Any]) -> Judgement:
    """Do what `clearprop.check.check_layer` says."""
    candidate = find_in_object(layer)
    values = dict(options.pop("values", {}))
    values |= zip(_names(candidate, len(inputs)), inputs, strict=False)
    chosen = Options(
        shapes=dict(options.pop("shapes", {})),
        values={k: np.asarray(v) if isinstance(v, list) else v for k, v in values.items()},
        reference=options.pop("reference", ""),
        seed=options.pop("seed", 0),
    )
    if options:
        raise TypeError(f"check_layer() got an unexpected keyword argument {next(iter(options))!r}")
    return judge(candidate, chosen)


def _names(candidate: Candidate, count: int) -> tuple[str, ...]:
    """Name the positional inputs as forward does."""
    if candidate.style in ("layer", "network"):
        name = methods_of(candidate.backward)[0] or "loss"
        function = getattr(candidate.backward, name)
        skip = 1 if isinstance(candidate.backward, type) else 0
        return tuple(argument_names(function, count + skip))[skip:]
    return tuple(argument_names(candidate.forward or candidate.backward, count))
