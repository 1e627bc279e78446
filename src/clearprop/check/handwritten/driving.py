"""One face for every style of hand-written code: make it, call forward, call backward.

A `Driver` knows how one candidate is called; a `Run` is one life of it. Gradients come back by the
name of what they are the gradient of (a *leaf*): an argument of forward or a parameter.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.bodies import unread_names
from clearprop.check.handwritten.meaning import (
    is_parameter,
    is_prediction,
    is_target,
    last_of,
    same_thing,
    stems,
)
from clearprop.check.handwritten.model import Array, Candidate, Finding
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.standins import STEP
from clearprop.check.handwritten.state import (
    is_array,
)

Given = dict[str, Any]
_ENTRY = re.compile(r"(\w+)\[(?:'(\w+)'|(\d+))\]$")

#: What people call the output that forward leaves.
OUTPUT_NAMES = (
    "output",
    "outputs",
    "out",
    "y",
    "Y",
    "a",
    "A",
    "activation",
    "result",
    "z",
    "Z",
    "loss",
    "value",
)


@dataclass(frozen=True)
class Parameter:
    """An argument of a constructor or of forward."""

    name: str
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


@dataclass
class Run:
    """One life: the object, what forward kept and gave, what backward gave."""

    layer: Any = None
    cache: Any = None
    outputs: tuple[Any, ...] = ()
    given: Given = field(default_factory=dict)
    result: Any = None
    upstream: tuple[Any, ...] = ()
    parameters: Given = field(default_factory=dict)
    prediction: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep what is set; of what is given, entries of a dictionary go into it."""
        super().__setattr__(name, entered(value) if name == "given" else value)


@dataclass(frozen=True)
class Gradient:
    """A gradient that backward gave: its name in the code, what it is of, its value."""

    label: str
    leaf: str
    value: Any

    @property
    def shown(self) -> str:
        """Its name as a person writes it: ``grads['W1']`` of ``['W1']``.

        What is returned under the name of the gradient that came in, ``return dout``, is the
        gradient of an input all the same: ``dx``.
        """
        match = re.fullmatch(r"\['?([^\]']+)'?\]", self.label)
        if match:
            return f"grads[{match[1]!r}]"
        incoming = re.match(r"^(dout|d_?outputs?|dvalues|grad_?outputs?|upstream)$", self.label)
        return f"d{last_of(self.leaf)}" if incoming else self.label


#: What backward is given where it takes a learning rate.
LEARNING_RATE = STEP


class Driver:
    """How one candidate is made and called.

    Attributes
    ----------
    constructor, inputs : list of Parameter
        The arguments of ``__init__`` and of forward.
    upstream : str
        How backward is called: ``upstream`` (it gets a cotangent), ``prediction`` (it gets the
        first input again), ``output`` (it gets what forward gave), ``first`` (it gets a cotangent
        of the first outputs only), ``none`` (it gets nothing).
    averages : bool
        Whether a loss for each sample is followed by their mean.
    averages_parameters : bool
        Whether the gradients of parameters, and only those, are divided by the number of samples,
        which stand in columns.
    single : bool
        Whether the code computes in single precision.
    light : bool
        Whether its inputs are as small as can be.
    factor : float
        What all gradients have in common, and none of them is blamed for.
    rate : str
        The argument of backward that is a learning rate: parameters change, and by how much says
        what their gradients are.
    chained : bool
        Whether a library calls backward wherever it stands: then it cannot start the chain.
    own : bool
        Whether `differentiated` is believed.
    starts : bool
        Whether it starts the chain, whichever way it is called.
    arriving : str
        The source of the gradient that comes in, where it is no argument: ``out.grad``.
    numpy : str
        How NumPy is called in what is to be written, or what stands in its place: ``torch``; ""
        where the code says.
    suspects_cache : bool
        Whether what forward keeps has another name than backward gives it.
    """

    numpy = ""
    suspects_cache = False
    chained = False
    own = True
    starts = False
    arriving = ""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        self.candidate = candidate
        self.source = source
        self.constructor: list[Parameter] = []
        self.inputs: list[Parameter] = []
        self.upstream = "upstream"
        self.averages = False
        self.averages_parameters = False
        self.single = False
        self.light = False
        self.rate = ""
        self.factor = 1.0
        self.forward_name = ""

    #: The ways in which backward may be meant to be called; the first that fits is taken.
    def ways(self) -> list[str]:
        """Name the ways in which backward may be meant to be called, the likeliest first."""
        return ["upstream"]

    def start(self, given: Given) -> Run:
        """Make the object."""
        return Run(given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """Call forward; give its outputs (never the cache)."""
        raise NotImplementedError

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """Call backward; the gradients are read by `gradients`."""
        raise NotImplementedError

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """Read the gradients that backward returned or left."""
        raise NotImplementedError

    def restored(self, run: Run, found: list[Gradient]) -> list[Gradient]:
        """Undo a division of parameters' gradients by the number of samples."""
        if not self.averages_parameters:
            return found
        count = np.shape(run.outputs[0])[-1]
        first = self.inputs[0].name
        return [g if g.leaf == first else replace(g, value=g.value * count) for g in found]

    def moves(self, name: str, value: Any) -> bool:
        """Say whether an input of forward may have a gradient."""
        return is_target(name) or not self.is_label(name)

    def is_label(self, name: str) -> bool:
        """Say whether an input is what a loss compares with: ``y`` is, beside ``y_pred``."""
        beside = name in ("y", "Y") and any(is_prediction(p.name) for p in self.inputs)
        return is_target(name) or beside

    def rescaled(self, comparisons: list[Any]) -> bool:
        """Say whether gradients have a factor that is none of their own, and take it away."""
        return False

    def sizes(self) -> list[dict[str, int]]:
        """Give numbers for the letters of shapes, where the code has fixed them."""
        return []

    def proposed(self) -> list[Any]:
        """Give the proposals of inputs, where this style knows them better than names do."""
        return []

    def conventions(self, run: Run) -> list[Finding]:
        """Say what whoever calls backward makes good."""
        return []

    def settings(self, proposal: Any) -> Iterable[Given]:
        """Give other values, or specs, of arguments to try as well."""
        return []

    def completed(self, finding: Finding) -> Finding:
        """Add to a finding what only this style knows."""
        return finding

    def differentiated(
        self, given: Given, leaves: Given, upstream: tuple[Any, ...]
    ) -> dict[str, Array] | None:
        """Give the derivative of forward by other means than tracing; None without any."""
        return None

    def examined(self, shot: Any, tolerance: float) -> list[Finding]:
        """Look, in a probe that is right, at what only this style can get wrong."""
        return []

    def plain(self, value: Any) -> Any:
        """Give a value of the running code as an array, where it is one of another library."""
        return value

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """Name the leaves that backward should give a gradient of, and does not.

        The first input, unless it starts the chain; and a parameter, where others have theirs or
        its name says that it is one. Of a second input nobody can know, unless its gradient is
        computed and then never read.
        """
        leaves = [leaf for leaf in leaves if leaf not in given]
        inputs = [p.name for p in self.inputs]
        others = given - set(inputs)
        owed = [x for x in leaves if x not in inputs and (is_parameter(last_of(x)) or others)]
        if self.candidate.style in ("layer", "pair", "derivative"):
            lost = {s for name in unread_names(self.backward_function) for s in stems(name)}
            owed += [
                x
                for x in leaves
                if x in inputs and (x == inputs[0] or is_parameter(x) or x in lost)
            ]
        return [x for x in owed if x not in inputs or not self.is_label(x)]

    def in_order(self, given: Given) -> Given:
        """Give the arguments in the order of forward's signature, then the constructor's."""
        names = [p.name for p in (*self.inputs, *self.constructor)]
        return {name: given[name] for name in names if name in given} | given

    @property
    def file(self) -> str:
        """The file of the code that is judged."""
        return str(function_of(self.backward_function).__code__.co_filename)

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The function whose source is judged."""
        function: Callable[..., Any] = self.candidate.backward
        return function


class NoOutputError(Exception):
    """Forward gives nothing that could be differentiated."""


def returned_gradients(
    result: Any, names: list[str], inputs: list[str], leaves: list[str], documented: bool = False
) -> list[Gradient]:
    """Match what backward returned with the leaves: by key, by position, or else by name.

    Position is the contract of a tuple: the gradients stand in the order of the arguments. Names
    decide where their number differs, where the data stand first and parameters follow, or where
    the order is ``documented``.
    """
    if result is None:
        return []
    if isinstance(result, dict):
        return [
            Gradient(f"[{key!r}]", leaf, value)
            for key, value in result.items()
            for leaf in leaves
            if last_of(leaf) == key or any(same_thing(s, last_of(leaf)) for s in stems(str(key)))
        ]
    parts = list(result) if isinstance(result, tuple | list) else [result]
    names = names if len(names) == len(parts) else [""] * len(parts)
    if len(parts) > 1 and any(isinstance(part, dict) for part in parts):  # dx, {"W": dW, "b": db}
        plain = [i for i, part in enumerate(parts) if not isinstance(part, dict)]
        held = {k: v for part in parts if isinstance(part, dict) for k, v in part.items()}
        keyed = returned_gradients(held, [], [], leaves)
        rest = tuple(parts[i] for i in plain)
        return returned_gradients(rest, [names[i] for i in plain], inputs, leaves) + keyed
    if len(parts) < len(inputs):  # the gradient of a loss is that of what is predicted
        inputs = sorted(inputs, key=is_target)
    by_name = [_leaf_of(name, inputs + [x for x in leaves if x not in inputs]) for name in names]
    if documented and all(by_name) and len(set(by_name)) == len(by_name):
        return [Gradient(*each) for each in zip(names, by_name, parts, strict=True)]
    labels = [name or f"d{leaf}" for name, leaf in zip(names, [*inputs, *[""] * 9], strict=False)]
    if len(parts) == len(inputs) and not _data_first(by_name, inputs):
        return [Gradient(*each) for each in zip(labels, inputs, parts, strict=True)]
    if all(by_name) and len(set(by_name)) == len(by_name):
        return [Gradient(*each) for each in zip(names, by_name, parts, strict=True)]
    order = inputs if len(parts) <= len(inputs) else inputs + [x for x in leaves if x not in inputs]
    return [
        Gradient(name or f"d{last_of(leaf)}", leaf, part)
        for name, leaf, part in zip(names, order, parts, strict=False)
    ]


def _data_first(by_name: list[str], inputs: list[str]) -> bool:
    """Whether the data's gradient is returned first though a parameter is the first argument."""
    return (
        sorted(by_name) == sorted(inputs)
        and by_name != inputs
        and same_thing(by_name[0], "x")
        and not same_thing(inputs[0], "x")
    )


def _leaf_of(name: str, leaves: list[str]) -> str:
    exact = [x for x in leaves if last_of(x) in stems(name)]
    alike = [x for x in leaves if any(same_thing(stem, last_of(x)) for stem in stems(name))]
    ending = [x for x in leaves if any(_ends(last_of(x), stem) for stem in stems(name))]
    return (exact or alike or (ending if len(ending) == 1 else []) or [""])[0]


def _ends(name: str, stem: str) -> bool:
    """Whether a longer name ends as a gradient says: ``t_log_var`` of ``dLogVar``."""
    return len(stem) > 2 and name.replace("_", "").lower().endswith(stem.replace("_", "").lower())


def chained(upstream: Any, derivative: Any) -> Any:
    """Multiply an upstream gradient by a derivative: entry by entry, or by a Jacobian.

    That of a vector is a matrix, that of rows one for each.
    """
    if isinstance(derivative, tuple):
        return tuple(chained(upstream, part) for part in derivative)
    if derivative is None:
        return None
    many = np.ndim(derivative) == np.ndim(upstream) + 1 > 1
    if many and np.shape(derivative) == (*np.shape(upstream), np.shape(upstream)[-1]):
        return np.einsum("...i,...ij->...j", upstream, derivative)
    return np.multiply(upstream, derivative)


def same_output(name: str, given_back: list[str]) -> bool:
    """Whether an argument of backward is by its name the output of forward."""
    return name in given_back or name.lower() in {n.lower() for n in OUTPUT_NAMES}


def is_number(value: Any) -> bool:
    """Whether a value is an array or a number of real kind."""
    return (is_array(value) and value.dtype.kind in "fiuc") or isinstance(
        value, float | np.floating
    )


def outputs_of(result: Any) -> tuple[Any, ...]:
    """Give what is a number or an array among what forward returned."""
    if isinstance(result, tuple | list):
        return tuple(part for part in result if is_number(part))
    return (result,)


def call(function: Callable[..., Any], parameters: list[Parameter], given: Given) -> Any:
    """Call with positions as far as they go: users' code may rename what it overrides."""
    args = []
    rest = list(parameters)
    while rest and rest[0].name in given:
        args.append(given[rest.pop(0).name])
    return function(*args, **{p.name: given[p.name] for p in rest if p.name in given})


def arguments_of(function: Any, skip: int) -> list[Parameter]:
    """Give the arguments of a function, with their defaults, but for the first ones."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [Parameter(p.name, p.default) for p in found if p.kind not in kinds]
    if any(p.kind is kinds[0] for p in found) and len(named) <= skip:
        return [Parameter("x")]  # forward(self, *xs): one will do
    return named[skip:]


def entered(given: Given) -> Given:
    """Put what is given as ``parameters['W1']`` or ``inputs[0]`` where it belongs."""
    made: Given = {}
    for path, value in given.items():
        entry = _ENTRY.match(path)
        if entry and isinstance(given.get(entry[1]), dict | list):
            name, key = entry[1], entry[2] or int(entry[3])
            made.setdefault(name, given[name].copy())[key] = value
    return given | made


def opened(result: Any, names: list[str], leaves: list[str]) -> tuple[Any, list[str]]:
    """Give the gradients of the members of an input that is a list, and the members by name.

    The first thing returned is theirs: a list, or an array of as many.
    """
    members = [x for x in leaves if (entry := _ENTRY.match(x)) and entry[3] and entry[1] in names]
    parts = list(result) if isinstance(result, tuple | list) else [result]
    if len(parts) != len(members) and parts and len(list(_members(parts[0]))) == len(members):
        parts = [*_members(parts[0]), *parts[1:]]
    elif is_array(result) and len(members) > 1 and np.shape(result)[:1] == (len(members),):
        parts = list(result)
    return tuple(parts) if members else result, members


def _members(part: Any) -> Iterable[Any]:
    return part if isinstance(part, tuple | list) else [part]
