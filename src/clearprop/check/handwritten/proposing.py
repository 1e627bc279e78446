"""Inputs and parameters that somebody's code accepts, proposed from its names and its text.

A proposal is symbolic: a *world* (rows, images, sequences, …) says what each name may be, in
letters (``N`` samples, ``D`` features, ``M`` outputs). Letters get numbers, all different, so
that a transposition or a wrong axis cannot go unseen. From the likeliest guess on, one argument
after the other is exchanged for what lets forward run further, until it runs to its end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.guesses import entries_of, is_index, is_target_of, specs_for
from clearprop.check.handwritten.penalties import penalties
from clearprop.check.handwritten.specs import Dims, Proposal, Spec, array, value
from clearprop.check.handwritten.texts import Texts

#: Gives None where forward runs to its end, else how far it ran.
Attempt = Callable[[Proposal], "tuple[int, int] | None"]

_DIMS: Dims = {
    "N": 4,
    "D": 3,
    "M": 5,
    "H": 6,
    "T": 7,
    "C": 2,
    "F": 3,
    "P": 7,
    "Q": 6,
    "K": 3,
    "L": 2,
    "V": 9,
    "G": 2,
}
#: No layer that was written for more features is looked at.
_LARGEST = 1025
#: So many guesses that come equally far are followed.
_BEAM = 4
#: Other numbers, for a second look.
OTHER_DIMS: Dims = {"N": 3, "D": 5, "M": 2, "H": 4, "T": 6, "F": 2, "V": 6}
_IMAGES: list[Dims] = [
    {},
    {"P": 6, "Q": 4, "K": 2, "L": 2},
    {"P": 5, "Q": 5, "K": 3, "L": 3},
    {"P": 8, "Q": 8, "K": 2, "L": 2, "C": 4},
]
#: Images with a depth, small, for they have many numbers.
_SOLIDS: list[Dims] = [{"N": 2, "T": 4, "P": 4, "Q": 5, "K": 2, "L": 2}]
#: Channels that make groups of more than one.
_GROUPED: Dims = {"C": 4, "F": 6}
_GROUPS = re.compile(r"^((n|num)_?)?groups?$|^G$", re.I)
#: Sizes that can be divided by the number of heads or groups.
_EVEN: Dims = {"D": 6, "H": 8, "M": 10, "K": 2}


def numbers_for(dims: Dims) -> Dims:
    """Add the letters that are made of others."""
    n = _DIMS | dims
    return n | {
        "3H": 3 * n["H"],
        "4H": 4 * n["H"],
        "3D": 3 * n["D"],
        "HD": n["H"] + n["D"],
        "two": 2,
        "CPQ": n["C"] * n["P"] * n["Q"],
    }


def worlds_for(texts: Texts) -> list[str]:
    """Order the worlds by what the code says: names, and how shapes are unpacked."""
    order = ["rows", "images", "sequences", "columns", "vector", "number", "indices"]
    order += ["signal", "matrix", "volume", "channels last", "column sequences"]
    low = (texts.name + " " + texts.forward[:200]).lower()
    first = []
    if re.search(r"conv|pool|image|im2col|instance|group|spatial", low):
        first += ["images", "channels last", "matrix", "volume"]
        if re.search(r"1d|1_d", low):
            first.insert(0, "signal")
    if re.search(r"3d|ndim [!=]= 5", low + texts.forward.lower()):
        first.insert(0, "solids")
    if re.search(r"embed|lookup|gather", low):
        first.append("indices")
    if re.search(r"rnn|lstm|gru|atten|sequence|time|transformer", low):
        steps = any(re.search(r"prev|^h$|state", name) for name in texts.arguments)
        first += ["rows", "sequences"] if steps else ["sequences"]  # one step, or all
    columns = re.search(
        r"np\.dot\(\s*(self\.|\w+\[['\"])?[wW]\w*(['\"]\])?(\.T)?,"
        r"|@\s*(a_prev|A_prev)|\b[wW]\d?\s*@|\b[wW]\d?\.dot\(",
        texts.forward,
    )
    if columns:
        first.append("columns")
    if columns and texts.keys:  # a parameter in columns: b has shape (M, 1)
        first.insert(0, "columns")
    if re.search(r"np\.c_\[|column_stack", texts.forward):  # columns made of vectors
        first.insert(0, "vector")
    ranks = [
        n
        for name, n in texts.ranks.items()
        if re.match(r"^(x|X|x_?t|inputs?|input_data|[aA]_prev|dout|dvalues|Q|q|query)$", name)
    ]
    by_rank = {
        4: ["images", "channels last"],
        3: ["sequences", "signal", "volume"],
        2: ["rows", "columns", "matrix"],
        1: ["vector"],
    }
    if re.search(r"\bmath\.(exp|tanh|log|sqrt|pow)\(", texts.forward) and not ranks:
        first.insert(0, "number")
    if texts.channels_last:
        by_rank[4].reverse()
    if columns and texts.keys:
        by_rank |= {3: ["column sequences"], 2: ["columns"]}
    for n in ranks:
        first = by_rank.get(n, []) + first
    return list(dict.fromkeys([*first, *order]))


def proposals(
    driver: Driver,
    texts: Texts,
    given: dict[str, Spec],
    attempt: Attempt,
    wanted: Callable[[Proposal], bool],
    seconds: float,
) -> Iterator[Proposal]:
    """Propose inputs that forward accepts: in each world the likeliest, then what differs by one.

    Parameters
    ----------
    wanted : callable
        Whether such a proposal would still be looked at.
    given : dict
        What the user has said of arguments.
    attempt : callable
        Runs forward.
    seconds : float
        Not longer than this, of processor time.
    """
    end = time.process_time() + seconds
    own = driver.proposed()
    yield from (each for each in own if attempt(each) is None)
    for world in worlds_for(texts) if not own else ():
        listed = _listed(driver, texts, world, given)
        images = world in ("images", "channels last", "matrix", "volume", "signal", "solids")
        grouped = [_GROUPED] if any(_GROUPS.match(name) for name in texts.arguments) else []
        halves = re.search(r"shape\[(1|-1)\] // 2\b|split\(\w+, 2\b", texts.forward)
        rows = [_EVEN, {"K": 2}] if halves else [{"K": 2}, _EVEN]
        usual = [*grouped, *_IMAGES] if images else [*rows, *_fixed(texts)]
        for dims in [*driver.sizes(), *(_SOLIDS if world == "solids" else usual)]:
            start = Proposal(world, {k: v[0] for k, v in listed.items()}, numbers_for(dims))
            if not wanted(start):
                continue
            found = _climb(start, listed, attempt, end)
            if found is not None:
                yield found
                for name in listed:
                    for spec in listed[name]:
                        other = found.with_specs({name: spec})
                        new = spec != found.specs[name] and wanted(other)
                        if new and attempt(other) is None:
                            yield other
            if time.process_time() > end:
                return


def _fixed(texts: Texts) -> list[Dims]:
    """Give the sizes that a constructor may have been written for: ``Linear(2, 3)``."""
    found = re.findall(r"\b[A-Z]\w*\((\d+), \d+|\brandn?\((\d+), \d+", texts.forward)
    numbers = dict.fromkeys(int(a or b) for a, b in found)
    return [{"D": n} for n in numbers if n < _LARGEST][:3]


def _listed(
    driver: Driver, texts: Texts, world: str, given: dict[str, Spec]
) -> dict[str, list[Spec]]:
    names = [p.name for p in driver.inputs]
    data = next((n for n in names if re.match(r"^(x|inputs?|data|features)$", n, re.I)), None)
    method = bool(driver.forward_name)
    if names and (data is None or method):
        data = next((n for n in names if not is_target_of(n, texts)), names[0])
    if world == "indices":
        data = next((n for n in names if is_index(n)), data)
    listed: dict[str, list[Spec]] = {}
    for p in driver.inputs:
        role = "data" if p.name == data else "input" if method else "argument"
        entries = {} if p.name in given else entries_of(p.name, world, texts)
        if entries and p.required:
            listed |= entries
            continue
        listed[p.name] = specs_for(p, world, role, texts)
    for p in driver.constructor:
        listed.setdefault(p.name, specs_for(p, world, "constructor", texts))
    listed |= {name: [value(0.0)] for name in penalties(driver)}
    for name, spec in given.items():
        if name in listed:
            listed[name] = [spec]
    order = sorted(listed, key=lambda name: not is_target_of(name, texts))
    return {name: listed[name] for name in order if listed[name]}


def _climb(
    start: Proposal, listed: dict[str, list[Spec]], attempt: Attempt, end: float
) -> Proposal | None:
    """Exchange one argument at a time for what lets forward run further.

    Of guesses that come equally far a few are kept: which of them is right shows later.
    """
    reached = attempt(start)
    if reached is None:
        return start
    beam = [start]
    while beam:
        best = reached
        further: list[Proposal] = []
        for proposal in beam:
            for change in _changes(listed):
                if time.process_time() > end:
                    return None
                other = proposal.with_specs(change)
                far = attempt(other)
                if far is None:
                    return other
                if far > best:
                    best, further = far, [other]
                elif far == best and far > reached and len(further) < _BEAM:
                    further.append(other)
        beam, reached = further, best
    return None


def _changes(listed: dict[str, list[Spec]]) -> Iterator[dict[str, Spec]]:
    """Give what to exchange in one step: one argument, or a scale and a shift together."""
    for name, specs in listed.items():
        for spec in specs:
            yield {name: spec}
    for pair in (("gamma", "beta"), ("scale", "shift"), ("weight", "bias")):
        if all(name in listed for name in pair):
            for spec in listed[pair[0]]:
                yield dict.fromkeys(pair, spec)
    if "w" in listed and "b" in listed:  # one output: x @ w is a vector
        for bias in (array("D"), Spec("float")):
            if array("D") in listed["w"] and bias in listed["b"]:
                yield {"w": array("D"), "b": bias}
