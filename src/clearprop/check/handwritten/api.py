"""``cp.check_layer``: the judge for objects of the running program."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.check.handwritten.asked import names_taken, nearest
from clearprop.check.handwritten.classes import methods_of, network_methods_of
from clearprop.check.handwritten.judging import judge
from clearprop.check.handwritten.model import Candidate, Judgement
from clearprop.check.handwritten.objects import find_in_object
from clearprop.check.handwritten.options import Options
from clearprop.check.handwritten.references import reference
from clearprop.check.handwritten.source import parameters_of
from clearprop.errors import OptionError


def check_object(layer: Any, inputs: Any, options: dict[str, Any]) -> Judgement:
    """Do what `clearprop.check.check_layer` says."""
    candidate = find_in_object(layer)
    values = dict(options.pop("values", {}))
    names = _names(candidate)
    if len(inputs) > len(names):
        raise OptionError(
            f"check_layer got {len(inputs)} inputs, {candidate.name} takes {len(names)}.",
            why=f"Its arguments are {', '.join(names) or 'none'}.",
            write="values={'name': value} for what the constructor is given",
        )
    values |= zip(names, inputs, strict=False)
    chosen = Options(
        shapes=dict(options.pop("shapes", {})),
        values={k: np.asarray(v) if isinstance(v, list) else v for k, v in values.items()},
        reference=options.pop("reference", ""),
        seed=options.pop("seed", 0),
    )
    if options:
        raise TypeError(f"check_layer() got an unexpected keyword argument {next(iter(options))!r}")
    _must_be_known(candidate, chosen)
    return judge(candidate, chosen)


def _must_be_known(candidate: Candidate, options: Options) -> None:
    """Refuse a value or a shape for something that the code does not take."""
    taken = names_taken(candidate, options.reference)
    if taken is None:
        return
    for option, given in (("shapes", options.shapes), ("values", options.values)):
        for each in given:
            if each.partition("[")[0] not in (*taken.takes, *taken.upstreams):
                example = nearest(each, taken.takes) or "x"
                value = "(4, 3)" if option == "shapes" else "…"
                raise OptionError(
                    f"check_layer got {option} of {each!r}, which {candidate.name} does not take.",
                    why=f"It takes {', '.join(taken.takes) or 'nothing'}.",
                    write=f"{option}={{{example!r}: {value}}}",
                )


def _names(candidate: Candidate) -> tuple[str, ...]:
    """Name the positional inputs as forward does."""
    if candidate.style in ("layer", "network"):
        known = methods_of(candidate.backward)[0] or network_methods_of(candidate.backward)[0]
        if not known:
            return reference(candidate.reference).arguments if candidate.reference else ()
        function = getattr(candidate.backward, known)
        skip = 1 if isinstance(candidate.backward, type) else 0
        return _all_names(function)[skip:]
    return _all_names(candidate.forward or candidate.backward)


def _all_names(function: Any) -> tuple[str, ...]:
    return tuple(name for name, _ in parameters_of(function, 0))
