"""What a name may stand for: shapes of inputs, weights, biases; sizes, numbers, targets.

Each list has the likeliest first, and a plain number last: whatever broadcasts would accept it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from clearprop.check.handwritten.constructing import OPTIONAL, SHAPE, lists_of, objects_named
from clearprop.check.handwritten.driving import Parameter
from clearprop.check.handwritten.meaning import is_prediction, is_target
from clearprop.check.handwritten.specs import Spec, array, size, value
from clearprop.check.handwritten.standins import LAYER, LAYERS, OPTIMISER
from clearprop.check.handwritten.texts import Texts

#: What the data are in each world.
DATA: dict[str, list[Spec]] = {
    "rows": [array("N", "D")],
    "images": [array("N", "C", "P", "Q")],
    "channels last": [array("N", "P", "Q", "C")],
    "sequences": [array("N", "T", "D")],
    "signal": [array("N", "C", "T")],
    "columns": [array("D", "N")],
    "column sequences": [array("D", "N", "T")],
    "vector": [array("D")],
    "number": [Spec("float")],
    "matrix": [array("P", "Q")],
    "volume": [array("C", "P", "Q")],
    "solids": [array("N", "C", "T", "P", "Q")],
    "indices": [Spec("labels", ("N",), of="V"), Spec("labels", ("N", "T"), of="V")],
}
_GENERAL = [
    *(array("D", "M"), array("M", "D"), array("D", "H"), array("H", "H"), array("H", "M")),
    *(array("D", "D"), array("H", "D"), array("M", "M"), array("D", "3D"), array("D", "3H")),
    *(array("D", "4H"), array("H", "4H"), array("H", "3H"), array("D"), array("D", 1), array("M")),
    *(array("H"), array("M", "D", "D"), array("D", "M", "D"), array("D", "D", "M"), array(1, "D")),
    *(
        array("K", "D", "M"),
        array("M", "D", "K"),
        array("V", "D"),
        array("T", "D"),
        array("D", "N"),
    ),
]
_WEIGHTS: dict[str, list[Spec]] = {
    "images": [
        *(array("F", "C", "K", "L"), array("C", "K", "L"), array("C", 1, "K", "L")),
        *(
            array("F", "C", "K", "K"),
            array("K", "L", "C", "F"),
            array("F", "CPQ"),
            array("CPQ", "M"),
        ),
        *(array("C"), array(1, "C", 1, 1), array("K", "L")),
    ],
    "channels last": [array("K", "L", "C", "F"), array("K", "K", "C", "F"), array("K", "L", "C")],
    "signal": [array("F", "C", "K"), array("C", "K"), array("K"), array("C"), array("T", "M")],
    "columns": [array("M", "D"), array("D", 1), array("D", "M"), array("H", "D"), array("M", "H")],
    "vector": [array("D"), array("D", "M"), array("M", "D")],
    "number": [Spec("float"), array("D")],
    "matrix": [array("K", "L"), array("Q", "M"), array("K", "K")],
    "volume": [array("F", "C", "K", "L"), array("F", "C", "K", "K")],
    "indices": [array("V", "D")],
}
_BIASES: dict[str, list[Spec]] = {
    "rows": [array("M"), array("D"), array("H"), array("4H"), array("3H"), array(1, "M")],
    "images": [array("F"), array("C"), array(1, "F", 1, 1), array("F", 1), array("F", 1, 1, 1)],
    "channels last": [array("F"), array(1, 1, 1, "F"), array("C")],
    "sequences": [array("M"), array("H"), array("D"), array("4H"), array("3H"), array(1, "M")],
    "signal": [array("F"), array("C"), array("F", 1), array(1, "F", 1)],
    "columns": [array("M", 1), array("D", 1), array("H", 1), array(1, 1)],
    "vector": [array("M"), array("D")],
    "matrix": [array("M"), array(1)],
    "volume": [array("F"), array("F", 1, 1)],
    "indices": [array("D")],
    "number": [],
}
_SCALES: dict[str, list[Spec]] = {
    "rows": [array("D"), array(1, "D")],
    "images": [array("C"), array(1, "C", 1, 1), array("CPQ"), array("C", 1, 1), array("P", "Q")],
    "channels last": [array("C"), array(1, 1, 1, "C")],
    "sequences": [array("D"), array(1, 1, "D")],
    "signal": [array("C"), array(1, "C", 1), array("T"), array("C", 1)],
    "columns": [array("D", 1)],
    "vector": [array("D")],
    "matrix": [array("Q")],
    "volume": [array("C"), array("C", 1, 1)],
    "indices": [array("D")],
    "number": [],
}
_lists: dict[str, list[Spec]]
for _lists in (_WEIGHTS, _BIASES, _SCALES):
    _lists["column sequences"] = _lists["columns"]
    _lists["solids"] = _lists["images"]
_ANY = Spec("float")

_SIZES = [
    (
        r"^(n_?in\w*|in_?\w*|input_?(size|dim|features)?|n_?inputs?|n_?features|d_?in|fan_?in|dim_?in|num_?inputs?|features?|num_?features|dim|d_?model|size|n|d|normalized_shape|embed_?dim|units_in|input_dim|prev\w*_(units|size|dim|nodes|neurons))$",
        "in",
    ),
    (
        r"^(n_?out\w*|out_?\w*|output_?(size|dim|features)?|n_?outputs?|(n|num)?_?(neurons|nodes)|d_?out|fan_?out|dim_?out|(n|num)_?units|units|num_?outputs?|n_?classes|num_?classes|classes|m|embedding_?dim|emb\w*)$",
        "out",
    ),
    (r"^(n_?hidden\w*|hidden\w*|d_?hidden|hid\w*|h)$", "hidden"),
    (r"^(vocab\w*|n_?vocab|num_?embeddings|n_?tokens|v)$", "vocab"),
    (
        r"^(in_?channels?|c_?in|channels?_?in|input_channels|n_?channels|num_?channels|channels?|c)$",
        "channels",
    ),
    (
        r"^(out_?channels?|c_?out|n_?filters|num_?filters|filters_?num|filters?|n_?kernels|(layer_?)?depth)$",
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


#: Sizes that the data depend on: given even where the constructor has a default.
_LAYER_SIZES = ("in", "out", "hidden", "vocab", "channels", "filters", "time")


def sizes_named(name: str, world: str, only: tuple[str, ...] = ()) -> list[Spec]:
    """Say which letters a size of this name may be."""
    meaning = [what for pattern, what in _SIZES if re.match(pattern, name, re.I)]
    meaning = [what for what in meaning if what in only or not only]
    images = world in ("images", "channels last", "volume", "signal", "solids")
    letters: list[Any] = []
    for what in meaning:
        known: dict[str, list[Any]] = {
            "in": ["C"] if images else ["V", "D"] if world == "indices" else ["D"],
            "out": ["F", "C"] if images else ["D", "M"] if world == "indices" else ["M"],
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
        }
        letters += known[what]
    return [size(x) if isinstance(x, str) else value(x) for x in letters]


NUMBERS: list[tuple[str, list[Any]]] = [
    (r"^(strides?|step|s)$", [2, 1]),
    (r"^(pad\w*)$", [1, 0]),
    (r"^((up|down)?_?(sampl\w*|scale)?_?factor|repeats?)$", [2, 1]),
    (r"^(eps\w*|epsilon)$", [1e-5]),
    (r"^(momentum|rho|decay)$", [0.9]),
    (r"^(alpha|slope|negative_slope|leak\w*|a)$", [0.1]),
    (r"^(\w*drop\w*|ratio|rate|p|keep\w*|prob\w*)$", [0.4]),
    (r"^p$", [1, 0]),
    (r"^(lr|learning_rate|eta)$", [0.1]),
    (r"^(reg\w*|lam\w*|lambda_|l2\w*|weight_decay\w*|wd)$", [0.3]),
    (r"^(delta|margin|temperature|tau|scale|beta)$", [0.7, 1.0]),
    (r"^(axis|dim)$", [-1, 1]),
    (r"^(power|exponent|degree)$", [3, 2]),
    (r"^(seed|random_state)$", [0]),
    (r"^(train\w*|is_train\w*|training)$", [True]),
    (r"^(mode)$", ["train"]),
    (r"^(dtype)$", [np.float64]),
    (r"^(weight_init_std|std|weight_scale|init\w*|sigma)$", [0.5]),
    (r"^(activation|act|nonlin\w*)$", ["relu", "sigmoid"]),
]


_TRAINS = re.compile(r"^(is_)?train(ing)?(_?(mode|fla?g|phase))?$", re.I)


def specs_for(p: Parameter, world: str, role: str, texts: Texts) -> list[Spec]:
    """Say what an argument may be in a world; what its docstring says goes first."""
    found = _specs_for(p, world, role, texts)
    shape = texts.said.get(p.name) if role != "constructor" else None
    if shape is None or not found or found[0].kind == "value":
        return found
    fitting = [spec for spec in found if spec.shape == shape and spec.kind != "value"]
    if not fitting and not is_index(p.name):
        own = is_target_of(p.name, texts)
        fitting = [Spec(kind, shape) for kind in ("binary", "one-hot")] if own else []
        fitting = [*fitting[: 1 + (len(shape) == 2)], Spec("array", shape)]
    return list(dict.fromkeys([*fitting, *found]))


def _specs_for(p: Parameter, world: str, role: str, texts: Texts) -> list[Spec]:
    """Say what an argument may be in a world, the likeliest first.

    ``role`` is ``data`` for the first input, ``input`` for another of forward of a class,
    ``argument`` for another of a function, ``constructor``.
    """
    name, low = p.name, p.name.lower()
    if role != "constructor" and p.default is False and _TRAINS.match(name):
        return [value(True), value(False)]
    if role == "data" and p.default is None:
        p = Parameter(name)
    if not p.required and not _may_be_given(p):
        if role == "constructor" and p.default is None and OPTIONAL.match(name):
            return [value(None), *specs_for(Parameter(name), world, role, texts)]
        if role == "constructor" and isinstance(p.default, tuple) and SHAPE.match(name):
            return objects_named(name, DATA[world][0].shape, texts)
        is_size = role == "constructor" and type(p.default) is int and p.default >= 0
        return sizes_named(name, world, _LAYER_SIZES) if is_size else []
    found: list[Spec] = []
    if name in texts.keys:
        found.append(value({k: _key_value(k, texts) for k in texts.keys[name]}))
    if role not in {"constructor", "data"} and is_target_of(name, texts):
        return found + _targets(world, name, texts)
    if role == "constructor" and texts.is_network and name in ("y", "Y", "x", "X"):
        return _targets(world, name, texts) if name in ("y", "Y") else DATA[world]
    predicted = is_prediction(name) and (role in ("data", "input") or texts.is_loss)
    if (predicted and role != "constructor") or (texts.is_loss and role == "data"):
        found += _predictions(world, name, texts)
    if re.match(r"^(running_\w*|moving_\w*)$", low):
        found.append(value(None))
    if is_index(name) and (name != "i" or role != "data"):  # i alone may be the input of a unit
        found += DATA["indices"]
    if re.match(r"^(len\w*|seq_len\w*)$", low) and role == "input":
        found.append(Spec("lengths", ("N",), of="T"))
    if role == "data":
        lists, likely = lists_of(name, DATA[world][0], texts)
        data = lists + DATA[world] if likely else DATA[world] + lists
        if re.search(
            rf"\b{name} \*\* [a-z]|power\({name}\b|log\({name}\)|sqrt\({name}\)", texts.forward
        ):
            data += [Spec("positive", spec.shape) for spec in DATA[world] if spec.kind == "array"]
        return list(dict.fromkeys(found + data))
    arrays = _arrays_named(low, world, role, texts)
    numbers = [value(n) for pattern, known in NUMBERS if re.match(pattern, low) for n in known]
    sizes = sizes_named(name, world) if role != "input" else []
    along = re.search(rf"axis=(self\._?)?{re.escape(name)}\b", texts.forward)
    is_length = role == "constructor" and low == "dim" and not along
    numbers = [*sizes, *numbers] if is_length else [*numbers, *sizes]
    if role == "constructor":
        objects = objects_named(name, DATA[world][0].shape, texts)
        shaped = SHAPE.match(name) and not re.search(r"dim$", low)
        told = shaped or name in ("sizes", "layers", "layer_sizes", "layer_dims")
        first = [spec for spec in objects if spec.kind == "shape" and told]
        if LAYERS.match(name) or LAYER.match(name) or OPTIMISER.match(name):
            first = objects
        numbers = [*first, *numbers, *objects]
    lone = not any(re.match(r"^(gamma|weights?|w|g|scale|gain)$", n) for n in texts.arguments)
    if re.match(r"^(alpha|beta|slope|scale|temperature)$", low) and lone:
        arrays = [_ANY, *arrays]
    if role == "constructor" and re.search(r"size|dim|(^|_)n_|len|units|nodes", low):
        arrays, numbers = numbers, arrays  # a size before a state of that name
    found += arrays + numbers if arrays else numbers
    if role in ("input", "argument"):
        found += DATA[world]
    general = [array("N", "D"), array("D"), array("D", "M"), array("N", "H"), array("N", "M")]
    if world == "sequences":
        general.insert(0, array("N", "T"))
    return list(dict.fromkeys([*found, *general, _ANY]))


def _may_be_given(p: Parameter) -> bool:
    """Whether a default of None stands where a loss must have its target, or a state its start."""
    return p.default is None and (p.name.lower() in ("y", "t", "h0", "h_prev") or is_target(p.name))


def is_index(name: str) -> bool:
    """Whether an argument is by its name a number of a row, or several."""
    return bool(re.match(r"^(i|idx|idxs|ids|indices|index|tokens?|words?|word_ids)$", name, re.I))


def is_target_of(name: str, texts: Texts) -> bool:
    """Whether an argument is what a loss compares with."""
    return is_target(name) or (name in ("y", "Y") and texts.is_loss)


def _arrays_named(low: str, world: str, role: str, texts: Texts) -> list[Spec]:
    """Say which arrays a name stands for by itself."""
    gates = f"{texts.gates}H" if texts.gates in (3, 4) else "H"
    if role == "input":  # what forward of a class is given are data, not parameters
        if re.match(r"^(h\w*|prev_\w*|\w+_prev|state|c|c\d|c_\w+|s_prev|next_\w*)$", low):
            return [array("N", "H"), array("H"), array("N", "D")]
        return [Spec("binary", DATA[world][0].shape)] if low in ("mask", "keep") else []
    found: list[Spec] = []
    if world.startswith("column"):
        found += _in_columns(low, texts)
    recurrent = world not in ("images", "channels last", "volume", "matrix") and (
        texts.gates or re.search(r"prev|rnn|gru|lstm|recurrent", texts.forward.lower())
    )
    if re.match(r"^(wh|whh|u\w{0,2}|w_hh|w_h|wr|w_rec\w*|wh\w)$", low) and recurrent:
        found += [array("H", gates), array("H", "H")]
    if re.match(r"^(w|wx|wxh|w_xh|w_x|w_ih|w_ix|w[a-z]|wx\w)$", low) and recurrent:
        found += [array("D", gates), array("D", "H")]
    if re.match(r"^(b\w{0,3}|bias\w*|b_\w{1,2})$", low) and recurrent:
        found += [array(gates), array("H")]
    if re.match(r"^(w1|w_1)$", low):
        found += [array("H", "D")] if world == "columns" else [array("D", "H")]
    single = world == "columns" and re.search(r"shape == \(1,", texts.forward)
    if single and low in ("w2", "b2"):
        found.append(array(1, "H") if low == "w2" else array(1, 1))
    if re.match(r"^(w2|w_2|who|why|w_hy)$", low):
        found += [array("M", "H")] if world == "columns" else [array("H", "M"), array("H", "D")]
    if re.match(r"^(b1|b_1|bh)$", low):
        found += [array("H", 1)] if world == "columns" else [array("H")]
    lower = [array("D")] if low in ("w", "theta") and texts.is_loss and role == "argument" else []
    if re.match(
        r"^(w\w{0,3}|weights?\w*|kernels?|filters?|w_\w+|u\w?|v|theta|emb\w*|table|e|k)$", low
    ):
        found += lower + _WEIGHTS.get(world, []) + _GENERAL
    if low == "b" and "a" in texts.arguments and not texts.has_weights:
        found += DATA[world]  # two of a kind
    if re.match(r"^(b\w{0,2}|bias\w*|b_\w{1,2})$", low):
        first = [_ANY] if lower or (low == "b" and texts.is_loss) else []
        indexed = re.search(rf"\b{low}\[(\.\.\.|:, :, :|0, 0, 0), ", texts.forward, re.I)
        if indexed:  # b[0, 0, 0, c]
            first += [spec for spec in _BIASES[world] if len(spec.shape) == 4]
        zipped = re.search(rf"zip\([^)]*\b{low}\b|\b{low}\[(i|l|k|layer|idx)\]", texts.forward)
        if zipped and world == "rows":  # one for each layer
            first.append(array("M", "D"))
        found += first + _BIASES[world]
    if re.match(r"^(gamma|beta|g|scale|shift|gain|alpha)$", low):
        found += _SCALES[world]
    if re.match(r"^(h\w*|prev_\w*|\w+_prev|state|c|c\d|c_\w+|s_prev|next_\w*)$", low):
        found += [array("N", "H"), array("H")]
    if re.match(r"^(mask|keep)$", low):
        found.append(Spec("binary", DATA[world][0].shape))
    return found


def _in_columns(low: str, texts: Texts) -> list[Spec]:
    """Say which arrays a name stands for where samples stand in columns, of a cell with a state."""
    if not re.search(r"prev|a_next|h_next|a0|h0", texts.forward):
        return []
    if re.match(r"^(a|h|c)(0|_?prev|_?next|_?t)?$", low):
        return [array("H", "N")]
    for pattern, spec in (
        (r"^w_?([ah]x|x|x[ah])$", array("H", "D")),
        (r"^w_?(aa|hh|h|a)$", array("H", "H")),
        (r"^w_?(y|ya|hy|ay)$", array("M", "H")),
        (r"^w_?[fiuocg]$", array("H", "HD")),
        (r"^b_?y$", array("M", 1)),
        (r"^b_?[ahfiuocg]?$", array("H", 1)),
    ):
        if re.match(pattern, low):
            return [spec]
    return []


#: Keys of a dictionary that stand for arrays; others are settings.
_ARRAY_KEY = re.compile(
    r"^([wu][a-z]{0,2}\d?|[wu]_\w{1,2}|b[a-z]?\d?|b_\w{1,2}|weights?\d?|bias(es)?\d?|gamma\d?|beta\d?)$",
    re.I,
)


def entries_of(name: str, world: str, texts: Texts) -> dict[str, list[Spec]]:
    """Say what the entries of a dictionary may be, by path, if some of them are arrays."""
    keys = texts.keys.get(name, [])
    if not any(map(_ARRAY_KEY.match, keys)):
        return {}
    return {
        f"{name}['{key}']": [
            array() if spec == _ANY else spec  # a number in a dictionary has no gradient
            for spec in specs_for(Parameter(key), world, "argument", texts)
        ]
        if _ARRAY_KEY.match(key)
        else [value(_key_value(key, texts))]
        for key in keys
    }


def _predictions(world: str, name: str, texts: Texts) -> list[Spec]:
    shape = DATA[world][0].shape
    if world == "number":
        return [Spec("unit"), _ANY]
    kinds = ["probabilities", "unit", "array"]
    text = texts.forward + name
    if re.search(r"exp\(|soft|score|logit", text) or not re.search(r"log", texts.forward):
        kinds.insert(0, kinds.pop())
    if re.search(rf"clip\({re.escape(name)}\b", texts.forward) and "log(" in texts.forward:
        kinds = ["probabilities", "unit", "array"]
    found = [Spec(k, shape) for k in kinds]
    if world == "rows":
        found += [Spec("unit", ("N", 1)), array("N", 1), Spec("unit", ("N",)), array("N")]
    return found


def _targets(world: str, name: str, texts: Texts) -> list[Spec]:
    text = texts.forward
    last: list[str | int] = ["M", "D"] if texts.is_network or texts.has_weights else ["D", "M"]
    if world == "matrix":
        last = ["Q"]
    shapes: list[tuple[str | int, ...]] = [("N", x) for x in last]
    if world == "sequences":
        shapes = [("N", "T", x) for x in last] + shapes
    elif world == "columns":
        shapes = [("D", "N"), ("M", "N"), (1, "N")]
    elif world == "vector":
        shapes = [("M",), ("D",)] if texts.is_network else [("D",)]
    elif world == "number":
        return [Spec("float"), value(1), value(1.0)]
    elif world not in ("rows", "indices"):
        shapes = [DATA[world][0].shape, *shapes]
    labels = [Spec("labels", ("N",), of=str(x)) for x in last]
    if world == "sequences":
        labels = [Spec("labels", ("N", "T"), of=str(x)) for x in last] + labels
    if world == "vector":
        labels = [Spec("labels", ("D",), of="two")]
    flat: list[tuple[str | int, ...]] = [("N",), ("N", 1)]
    if not texts.is_network and {"w", "theta"} & set(texts.arguments):
        shapes = [*flat, *shapes]  # one weight a feature: one target a sample
    rows = [Spec("one-hot", s) for s in shapes if len(s) == 2 and 1 not in s and s[0] == "N"]
    reals = [array(*s) for s in shapes + flat]
    binary = [Spec("binary", s) for s in shapes + flat]
    signs = [Spec("signs", s) for s in flat + shapes]
    chances = [Spec("probabilities", s) for s in shapes]
    indexed = re.search(rf"\[[^\[\]]*(arange|range)\([^\]]*\b{re.escape(name)}\b", text)
    indexed = indexed or re.search(rf"\beye\([^)]*\)\[[^\]]*\b{re.escape(name)}\b", text)
    if re.search(rf"\b{re.escape(name)} == -1\b", text):
        return list(dict.fromkeys([*signs, *labels, *rows]))
    if indexed:
        return list(dict.fromkeys([*labels, *rows, *binary, *reals]))
    if re.search(rf"1(?:\.0)? ?- ?(?:self\.)?{re.escape(name)}\b", text):
        order = [*binary, *rows, *reals, *labels]
    elif re.search(r"\*\* ?2|square|abs\(|[dD]iff|huber|quad", text) and "log" not in text:
        order = [*reals, *binary, *rows, *labels]
    elif re.search(r"margin|hinge|1(\.0)? ?- ", text) and "log" not in text:
        order = [*signs, *labels, *rows, *binary]
    elif re.search(r"\bkl|diverg", (text + texts.name).lower()):
        order = [*chances, *rows, *reals]
    else:
        order = [*rows, *labels, *chances, *binary, *reals]
    return list(dict.fromkeys(order))


def _key_value(key: str, texts: Texts) -> Any:
    low = key.lower()
    if low in ("f", "k"):
        return 2
    if low == "mode":
        return next((s for s in texts.strings if s.startswith("train")), "train")
    for pattern, numbers in NUMBERS:
        if re.match(pattern, low):
            return numbers[0]
    if re.match(r"^(pool|kernel|filter|h)\w*(h|height|w|width|size)$", low):
        return 2
    return {"running_mean": None, "running_var": None, "seed": 0}.get(low, 1)
