"""Inputs and parameters that somebody's code accepts, proposed from its names and its text.

A proposal is symbolic: a *shape of the world* (rows, images, sequences, …) says what each name may
be, in letters (``N`` samples, ``D`` features, ``M`` outputs); letters get numbers, all different, so
that a transposition or a wrong axis cannot go unseen. What the code refuses is not proposed.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Given, Parameter
from clearprop.check.handwritten.meaning import is_prediction, is_target

Dims = dict[str, int]


@dataclass(frozen=True)
class Spec:
    """What one argument may be: a kind, a shape in letters, a value."""

    kind: str
    shape: tuple[str | int, ...] = ()
    value: Any = None
    of: str = ""

    def draw(self, dims: Dims, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
        """Draw a value."""
        shape = tuple(dims[s] if isinstance(s, str) else s for s in self.shape)
        if self.kind == "value":
            return self.value
        if self.kind == "drawn":
            return self.value.draw(rng)
        if self.kind == "size":
            return dims[self.value]
        if self.kind == "labels":
            return rng.permutation(np.arange(int(np.prod(shape))) % dims[self.of]).reshape(shape)
        if self.kind == "one-hot":
            labels = rng.permutation(np.arange(shape[0]) % shape[-1])
            return np.eye(shape[-1], dtype=dtype)[labels]
        if self.kind == "binary":
            return (rng.permutation(int(np.prod(shape))) % 2).reshape(shape).astype(dtype)
        if self.kind == "signs":
            return (
                (2.0 * (rng.permutation(int(np.prod(shape))) % 2) - 1).reshape(shape).astype(dtype)
            )
        if self.kind == "probabilities":
            p = rng.uniform(0.2, 1.0, shape)
            return (p / p.sum(axis=-1, keepdims=True)).astype(dtype)
        if self.kind == "unit":
            return rng.uniform(0.1, 0.9, shape).astype(dtype)
        if self.kind == "positive":
            return rng.uniform(0.5, 2.0, shape).astype(dtype)
        if self.kind == "float":
            return float(rng.normal())
        return np.asarray(rng.normal(size=shape), dtype)


def array(*shape: str | int) -> Spec:
    """Say: numbers of a normal distribution."""
    return Spec("array", shape)


def size(letter: str) -> Spec:
    """Say: the integer that a letter stands for."""
    return Spec("size", value=letter)


def value(thing: Any) -> Spec:
    """Say: just this."""
    return Spec("value", value=thing)


@dataclass(frozen=True)
class Proposal:
    """Specs of all arguments, and numbers for the letters."""

    world: str
    specs: dict[str, Spec]
    dims: Dims
    fixed: Given = field(default_factory=dict)

    def draw(self, seed: int, dtype: Any = np.float64) -> Given:
        """Draw all arguments."""
        rng = np.random.default_rng([seed, 271828])
        drawn = {name: spec.draw(self.dims, rng, dtype) for name, spec in self.specs.items()}
        return drawn | {k: _copied(v) for k, v in self.fixed.items()}

    def resized(self, dims: Dims) -> Proposal:
        """Give the same with other numbers for the letters."""
        return Proposal(self.world, self.specs, self.dims | dims, self.fixed)


def _copied(thing: Any) -> Any:
    return thing.copy() if isinstance(thing, np.ndarray) else thing


_DIMS: Dims = {
    "N": 4,
    "D": 3,
    "M": 5,
    "H": 6,
    "T": 2,
    "C": 2,
    "F": 3,
    "P": 7,
    "Q": 6,
    "K": 3,
    "L": 2,
    "V": 7,
    "G": 2,
}
#: Other numbers, for a second look.
OTHER_DIMS: Dims = {"N": 3, "D": 5, "M": 2, "H": 4, "T": 3, "F": 2, "V": 6}
_IMAGE_DIMS: list[Dims] = [
    {"P": 7, "Q": 6, "K": 3, "L": 2},
    {"P": 6, "Q": 4, "K": 2, "L": 2},
    {"P": 5, "Q": 5, "K": 3, "L": 3},
    {"P": 8, "Q": 8, "K": 2, "L": 2, "C": 4},
]
_EVEN: Dims = {"D": 4, "H": 6, "M": 6}

_N, _D, _M = "N", "D", "M"
_X = {
    "rows": [array("N", "D")],
    "images": [array("N", "C", "P", "Q")],
    "channels last": [array("N", "P", "Q", "C")],
    "sequences": [array("N", "T", "D"), array("N", "D")],
    "signal": [array("N", "C", "P")],
    "columns": [array("D", "N")],
    "vector": [array("D")],
    "number": [Spec("float")],
    "matrix": [array("P", "Q")],
    "volume": [array("C", "P", "Q")],
    "indices": [Spec("labels", ("N",), of="V"), Spec("labels", ("N", "T"), of="V")],
}


def _weights(world: str) -> list[Spec]:
    return {
        "rows": [array("D", "M"), array("M", "D"), array("D"), array("D", "D"), array("D", 1)],
        "images": [
            array("F", "C", "K", "L"),
            array("C", "K", "L"),
            array("C", 1, "K", "L"),
            array("F", "C", "K", "K"),
        ],
        "channels last": [array("K", "L", "C", "F")],
        "sequences": [
            array("D", "H"),
            array("D", "M"),
            array("M", "D"),
            array("D", "D"),
            array("H", "D"),
        ],
        "signal": [array("F", "C", "K"), array("C", "K")],
        "columns": [array("M", "D"), array("D", 1), array("D", "M")],
        "vector": [array("D", "M"), array("M", "D"), array("D")],
        "number": [Spec("float")],
        "matrix": [array("K", "L"), array("Q", "M")],
        "volume": [array("F", "C", "K", "L")],
        "indices": [array("V", "D")],
    }[world]


def _biases(world: str) -> list[Spec]:
    return {
        "rows": [array("M"), array("D"), array(1, "M"), array(1, "D"), Spec("float"), array(1)],
        "images": [array("F"), array("C"), array(1, "F", 1, 1), array("F", 1)],
        "channels last": [array("F"), array(1, 1, 1, "F")],
        "sequences": [array("H"), array("M"), array("D"), array(1, "H")],
        "signal": [array("F"), array("C")],
        "columns": [array("M", 1), Spec("float")],
        "vector": [array("M"), array("D"), Spec("float")],
        "number": [Spec("float")],
        "matrix": [Spec("float"), array("M"), array(1)],
        "volume": [array("F")],
        "indices": [array("D")],
    }[world]


def _scales(world: str) -> list[Spec]:
    return {
        "rows": [array("D"), array(1, "D"), Spec("float")],
        "images": [array("C"), array(1, "C", 1, 1), Spec("flat"), array("C", 1, 1)],
        "channels last": [array("C")],
        "sequences": [array("D")],
        "signal": [array("C"), array(1, "C", 1), array("P")],
        "columns": [array("D", 1)],
        "vector": [array("D")],
        "number": [Spec("float")],
        "matrix": [array("Q")],
        "volume": [array("C"), array("C", 1, 1)],
        "indices": [array("D")],
    }[world]


def _targets(world: str, texts: Texts) -> list[Spec]:
    forward_text = texts.forward
    last = "M" if texts.is_network else "D" if world != "matrix" else "Q"
    shapes: list[tuple[str | int, ...]] = {
        "sequences": [("N", "T", last)],
        "columns": [("D", "N"), (1, "N")],
        "vector": [(last,)],
        "number": [()],
    }.get(world, [("N", last)])  # type: ignore[assignment]
    signs = "1 - " in forward_text or "margin" in forward_text or "hinge" in forward_text
    found = [Spec("one-hot", s) for s in shapes if len(s) == 2 and 1 not in s]
    found.append(Spec("labels", ("N",) if world != "sequences" else ("N", "T"), of=last))
    found += [array(*s) for s in shapes] + [Spec("binary", s) for s in shapes]
    if texts.is_network:
        return list(dict.fromkeys(found))
    if world == "number":
        found = [Spec("float"), value(1), value(1.0)]
    if re.search(r"1(?:\.0)? ?- ?(?:self\.)?(t|y|target|y_true|labels?)\b", forward_text):
        found = [Spec("binary", s) for s in shapes] + found
    elif re.search(r"\*\* ?2|square|abs\(|[dD]iff|huber", forward_text):
        found = [array(*s) for s in shapes] + found
    elif signs:
        found.insert(0, Spec("labels", ("N",), of=last))
        found += [Spec("signs", s) for s in shapes]
    if re.search(r"arange|range\(", forward_text):
        found.insert(0, Spec("labels", ("N",), of=last))
    return list(dict.fromkeys(found))


_SIZES = [
    (
        r"^(n_?in\w*|in_?\w*|input_?(size|dim|features)?|n_?inputs?|n_?features|d_?in|fan_?in|dim_?in|num_?inputs?|features?|num_?features|dim|d_?model|size|n|d|normalized_shape|embed_?dim|units_in|input_dim)$",
        "in",
    ),
    (
        r"^(n_?out\w*|out_?\w*|output_?(size|dim|features)?|n_?outputs?|n_?neurons|d_?out|fan_?out|dim_?out|n_?units|units|neurons|num_?outputs?|n_?classes|num_?classes|classes|m|embedding_?dim|emb\w*)$",
        "out",
    ),
    (r"^(n_?hidden\w*|hidden\w*|d_?hidden|hid\w*|h)$", "hidden"),
    (r"^(vocab\w*|n_?vocab|num_?embeddings|n_?tokens|v)$", "vocab"),
    (
        r"^(in_?channels?|c_?in|channels?_?in|input_channels|n_?channels|num_?channels|channels?|c)$",
        "channels",
    ),
    (
        r"^(out_?channels?|c_?out|n_?filters|num_?filters|filters_?num|filters?|n_?kernels)$",
        "filters",
    ),
    (r"^(k|kernel_?size|ksize|filter_?size|pool_?size|pool|window|size|f|field)$", "kernel"),
    (r"^(pool_?h\w*|h_?pool|kernel_?h\w*|fh|kh|ph|hh|filter_?h\w*|pool_height)$", "kernel height"),
    (r"^(pool_?w\w*|w_?pool|kernel_?w\w*|fw|kw|pw|ww|filter_?w\w*|pool_width)$", "kernel width"),
    (r"^(n_?heads?|num_?heads?|heads|h)$", "heads"),
    (r"^(n_?groups?|num_?groups?|groups?|g)$", "groups"),
    (r"^(t|n_?steps|timesteps?|seq_?len\w*|length|time_size|max_len)$", "time"),
    (r"^(n|batch\w*|n_?samples?)$", "batch"),
]


def _sizes(name: str, world: str) -> list[Spec]:
    meaning = [what for pattern, what in _SIZES if re.match(pattern, name, re.I)]
    images = world in ("images", "channels last", "volume", "signal")
    letters: list[Any] = []
    for what in meaning:
        letters += {
            "in": ["C"] if images else ["V", "D"] if world == "indices" else ["D"],
            "out": ["F"] if images else ["D", "M"] if world == "indices" else ["M"],
            "hidden": ["H"],
            "vocab": ["V"],
            "channels": ["C"],
            "filters": ["F"],
            "kernel": [3, 2, "K"],
            "kernel height": ["K", 2],
            "kernel width": ["L", 2],
            "heads": ["G", 1],
            "groups": ["G", 1],
            "time": ["T"],
            "batch": ["N"],
        }[what]
    return [size(x) if isinstance(x, str) else value(x) for x in letters]


_NUMBERS: list[tuple[str, list[Any]]] = [
    (r"^(strides?|step|s)$", [2, 1]),
    (r"^(pad\w*|p)$", [1, 0]),
    (r"^(eps\w*|epsilon)$", [1e-5]),
    (r"^(momentum|rho|decay)$", [0.9]),
    (r"^(alpha|slope|negative_slope|leak\w*|a)$", [0.1]),
    (r"^(\w*drop\w*|ratio|rate|p|keep\w*|prob\w*)$", [0.4]),
    (r"^(lr|learning_rate|eta)$", [0.1]),
    (r"^(reg\w*|lam\w*|lambda_|l2\w*|weight_decay\w*|wd)$", [0.3]),
    (r"^(delta|margin|temperature|tau|scale|beta)$", [0.7, 1.0]),
    (r"^(axis|dim)$", [-1, 1]),
    (r"^(seed|random_state)$", [0]),
    (r"^(train\w*|is_train\w*|training)$", [True]),
    (r"^(mode)$", ["train"]),
    (r"^(dtype)$", [np.float64]),
    (r"^(weight_init_std|std|weight_scale|init\w*|sigma)$", [0.5]),
    (r"^(activation|act|nonlin\w*)$", ["relu", "sigmoid"]),
]


def specs_for(p: Parameter, world: str, place: int, texts: Texts) -> list[Spec]:
    """Say what an argument may be in a world, the likeliest first.

    ``place`` is its place among the arguments of forward, from 0; -1 for one of the constructor.
    """
    name, low, first = p.name, p.name.lower(), place == 0
    if not p.required and not _is_optional_array(p):
        return []
    arrays, numbers = _arrays_named(low, world, first), []
    named = bool(arrays)
    if is_target(name) and not first:
        arrays, named = _targets(world, texts) + arrays, True
    if texts.keys.get(name):
        numbers.append(value({k: _key_value(k, texts) for k in texts.keys[name]}))
    if re.match(r"^(running_\w*|moving_\w*)$", low):
        numbers.append(value(None))
    if place != 0:
        for pattern, known in _NUMBERS:
            if re.match(pattern, low):
                numbers += [value(n) for n in known]
        numbers += _sizes(name, world)
    if re.match(r"^(i|idx|ids|indices|index|tokens?|words?|word_ids)$", low):
        arrays = _X["indices"] + arrays
    if place >= 0 and (is_prediction(name) or (texts.is_loss and first)):
        arrays = _predictions(world, name, texts) + arrays
    if place >= 0:
        arrays += _X[world]
    if not first:
        arrays += [array("N", "D"), array("D"), array("D", "M"), Spec("float")]
    return list(dict.fromkeys(arrays + numbers if named else numbers + arrays))


def _arrays_named(low: str, world: str, first: bool) -> list[Spec]:
    """Say which arrays a name stands for by itself."""
    if first:
        return []
    found: list[Spec] = []
    if re.match(r"^(wh|whh|u|w_hh|w_h|wr|w_rec\w*)$", low):
        found += [array("H", "H"), array("H", "4H"), array("H", "3H")]
    if re.match(r"^(wx|wxh|w_xh|w_x|w_ih|w_ix)$", low):
        found += [array("D", "H"), array("D", "4H"), array("D", "3H")]
    if re.match(r"^(w1|w_1)$", low):
        found.append(array("D", "H"))
    if re.match(r"^(w2|w_2|who|why|w_hy)$", low):
        found += [array("H", "M"), array("H", "D"), array("M", "H")]
    if re.match(r"^(w\w{0,3}|weights?|kernels?|filters?|w_\w+|u|v|theta|emb\w*|table|e)$", low):
        found += _weights(world)
    if re.match(r"^(b1|b_1|bh)$", low):
        found.append(array("H"))
    if re.match(r"^(b\w{0,2}|bias\w*|b_\w{1,2})$", low):
        found += _biases(world) + (
            [array("H"), array("4H"), array("3H")] if world == "rows" else []
        )
        if world in ("sequences",):
            found += [array("4H"), array("3H")]
    if re.match(r"^(gamma|beta|g|scale|shift|gain|alpha)$", low):
        found += _scales(world)
    if re.match(r"^(h\w*|prev_\w*|\w+_prev|state|c\w*|s_prev|hidden|next_\w*)$", low):
        found += [array("N", "H"), array("H")]
    if re.match(r"^(mask|keep)$", low):
        found.append(Spec("binary", _X[world][0].shape))
    return found


def _predictions(world: str, name: str, texts: Texts) -> list[Spec]:
    shape = _X[world][0].shape
    kinds = ["probabilities", "unit", "array"] if world != "number" else ["unit"]
    if re.search(r"exp\(|soft|score|logit", texts.forward + name) or not re.search(
        r"log", texts.forward
    ):
        kinds.insert(0, kinds.pop())
    return [Spec(k, shape) for k in kinds]


@dataclass(frozen=True)
class Texts:
    """What the code says, as far as proposals need it."""

    forward: str = ""
    name: str = ""
    is_loss: bool = False
    is_network: bool = False
    keys: dict[str, list[str]] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)


def read_texts(driver: Driver, functions: list[Any]) -> Texts:
    """Read the code for what its arguments must be."""
    trees = [t for t in (driver.source.tree(f) for f in functions) if t is not None]
    forward = "\n".join(ast.unparse(t) for t in trees)
    keys: dict[str, list[str]] = {}
    ranks: dict[str, int] = {}
    strings: list[str] = []
    for tree in trees:
        for node in ast.walk(tree):
            key = _dict_key(node)
            if key is not None:
                keys.setdefault(key[0], [])
                if key[1] not in keys[key[0]]:
                    keys[key[0]].append(key[1])
            rank = _rank(node)
            if rank is not None:
                ranks.setdefault(*rank)
            if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant):
                if isinstance(node.comparators[0].value, str):
                    strings.append(node.comparators[0].value)
    name = driver.candidate.name
    is_loss = any(is_target(p.name) for p in driver.inputs) or "loss" in name.lower()
    return Texts(forward, name, is_loss, driver.candidate.style == "network", keys, ranks, strings)


def _dict_key(node: ast.AST) -> tuple[str, str] | None:
    """Give (name, key) of ``name['key']`` or ``name.get('key', …)``."""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and isinstance(node.ctx, ast.Load)
    ):
        return node.value.id, node.slice.value
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "setdefault")
        and isinstance(node.func.value, ast.Name)
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Constant)
    ):
        return node.func.value.id, str(node.args[0].value)
    return None


def _rank(node: ast.AST) -> tuple[str, int] | None:
    """Give (name, dimensions) of ``N, C, H, W = name.shape``."""
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "shape"
        and not any(isinstance(e, ast.Starred) for e in node.targets[0].elts)
    ):
        owner = node.value.value
        name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
        return name, len(node.targets[0].elts)
    return None


def _key_value(key: str, texts: Texts) -> Any:
    low = key.lower()
    if low == "mode":
        return next((s for s in texts.strings if s.startswith("train")), "train")
    for pattern, numbers in _NUMBERS:
        if re.match(pattern, low):
            return numbers[0]
    if re.match(r"^(pool|kernel|filter|h)\w*(h|height|w|width|size)$", low):
        return 2
    return {"running_mean": None, "running_var": None, "seed": 0}.get(low, 1)


def _is_optional_array(p: Parameter) -> bool:
    """Whether a default of None stands where a loss must have its target, or a state its start."""
    return p.default is None and (is_target(p.name) or p.name in ("y", "h0", "h_prev", "b", "bias"))


def worlds_for(texts: Texts) -> list[str]:
    """Order the worlds by what the code says: names, and how shapes are unpacked."""
    order = ["rows", "images", "sequences", "columns", "vector", "number", "indices"]
    order += ["signal", "matrix", "volume", "channels last"]
    low = (texts.name + " " + texts.forward[:200]).lower()
    first = []
    if re.search(r"conv|pool|image|im2col|instance|group|spatial", low):
        first += ["images", "channels last", "matrix", "volume"]
        if re.search(r"1d|1_d", low):
            first.insert(0, "signal")
    if re.search(r"embed|lookup|gather", low):
        first.append("indices")
    if re.search(r"rnn|lstm|gru|atten|sequence|time|transformer", low):
        first.append("sequences")
    if re.search(r"np\.dot\(\s*(self\.)?[wW]\w*,|@\s*(a_prev|A_prev)|[wW]\d?\s*@", texts.forward):
        first.append("columns")
    ranks = [
        n
        for name, n in texts.ranks.items()
        if re.match(r"^(x|X|inputs?|input_data|a_prev|dout|dvalues|Q|q|query)$", name)
    ]
    by_rank = {
        4: ["images", "channels last"],
        3: ["sequences", "signal", "volume"],
        2: ["rows", "columns", "matrix"],
        1: ["vector"],
    }
    for n in ranks:
        first = by_rank.get(n, []) + first
    return list(dict.fromkeys([*first, *order]))


def proposals(driver: Driver, texts: Texts, given: dict[str, Spec]) -> Iterator[Proposal]:
    """Propose inputs, the likeliest first; bounded. ``given`` are the user's own words."""
    for world in worlds_for(texts):
        listed: dict[str, list[Spec]] = {}
        for place, p in enumerate(driver.inputs):
            listed[p.name] = specs_for(p, world, place, texts)
        for p in driver.constructor:
            listed.setdefault(p.name, specs_for(p, world, -1, texts))
        listed = {k: v for k, v in listed.items() if v}
        for name, spec in given.items():
            if name in listed or name in {q.name for q in driver.inputs + driver.constructor}:
                listed[name] = [spec]
        images = world in ("images", "channels last", "matrix", "volume", "signal")
        for dims in _IMAGE_DIMS if images else [{}, _EVEN]:
            numbers = _DIMS | dims
            numbers |= {"4H": 4 * numbers["H"], "3H": 3 * numbers["H"]}
            numbers["CPQ"] = numbers["C"] * numbers["P"] * numbers["Q"]
            for choice in _by_likelihood(list(listed.values()), 150 if images else 400):
                specs = dict(zip(listed, choice, strict=True))
                specs = {k: array("CPQ") if s.kind == "flat" else s for k, s in specs.items()}
                yield Proposal(world, specs, numbers)


def _by_likelihood(lists: list[list[Spec]], most: int) -> Iterator[tuple[Spec, ...]]:
    """Give combinations, those of likelier parts first."""
    if not lists:
        yield ()
        return
    sizes = [range(len(each)) for each in lists]
    count = 0
    for total in range(sum(len(s) - 1 for s in sizes) + 1):
        for places in _summing(sizes, total):
            yield tuple(each[i] for each, i in zip(lists, places, strict=True))
            count += 1
            if count >= most:
                return


def _summing(sizes: list[range], total: int) -> Iterator[tuple[int, ...]]:
    if len(sizes) == 1:
        if total in sizes[0]:
            yield (total,)
        return
    for first in itertools.takewhile(lambda i: i <= total, sizes[0]):
        for rest in _summing(sizes[1:], total - first):
            yield (first, *rest)
