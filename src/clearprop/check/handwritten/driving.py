"""One face for every style of hand-written code: make it, call forward, call backward.

A `Driver` knows how one candidate is called; a `Run` is one life of it. Gradients come back by the
name of what they are the gradient of (a *leaf*): an argument of forward or a parameter.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.classes import methods_of, network_methods_of
from clearprop.check.handwritten.meaning import (
    is_cache,
    is_gradient_of,
    is_parameter,
    is_prediction,
    is_target,
    is_upstream,
    last_of,
    same_thing,
    stems,
)
from clearprop.check.handwritten.model import Array, Candidate, Finding
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.state import (
    arrays_in,
    attributes_of,
    copied,
    exchange,
    is_array,
    is_real,
)

Given = dict[str, Any]

_ENTRY = re.compile(r"(\w+)\['(\w+)'\]$")
_COST = re.compile(r"^(compute_|calc_|calculate_|get_)?(cost|loss)(_function|_fn|_func)?$", re.I)
_RATE = re.compile(r"^(lr|learning_?rate|eta|step_size)$", re.I)
_OUTPUTS = (
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
        super().__setattr__(name, _entered(value) if name == "given" else value)


@dataclass(frozen=True)
class Gradient:
    """A gradient that backward gave: its name in the code, what it is of, its value."""

    label: str
    leaf: str
    value: Any


#: What backward is given where it takes a learning rate.
LEARNING_RATE = 0.125


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
    rate : str
        The argument of backward that is a learning rate: parameters change, and by how much says
        what their gradients are.
    chained : bool
        Whether a library calls backward wherever it stands: then it cannot start the chain.
    own : bool
        Whether `differentiated` is believed.
    """

    chained = False
    own = True

    def __init__(self, candidate: Candidate, source: Source) -> None:
        self.candidate = candidate
        self.source = source
        self.constructor: list[Parameter] = []
        self.inputs: list[Parameter] = []
        self.upstream = "upstream"
        self.averages = False
        self.averages_parameters = False
        self.single = False
        self.rate = ""
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
        return True

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

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """Name the leaves that backward should give a gradient of, and does not.

        The first input, unless it starts the chain; and a parameter, where others have theirs or
        its name says that it is one. Of a second input nobody can know.
        """
        leaves = [leaf for leaf in leaves if leaf not in given]
        inputs = [p.name for p in self.inputs]
        others = given - set(inputs)
        owed = [x for x in leaves if x not in inputs and (is_parameter(last_of(x)) or others)]
        if self.candidate.style in ("layer", "pair", "derivative"):
            owed += [x for x in leaves if x in inputs and (x == inputs[0] or is_parameter(x))]
        return [x for x in owed if x not in inputs or not is_target(x)]

    @property
    def file(self) -> str:
        """The file of the code that is judged."""
        return str(function_of(self.backward_function).__code__.co_filename)

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The function whose source is judged."""
        function: Callable[..., Any] = self.candidate.backward
        return function


class LayerDriver(Driver):
    """A class with forward and backward."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self._take(candidate)
        self.forward_name, self.backward_name = methods_of(self.cls)
        forward = getattr(self.cls, self.forward_name, None)
        self.inputs = arguments_of(forward, 1) if forward is not None else []
        self.upstreams = arguments_of(getattr(self.cls, self.backward_name), 1)
        self.returned = source.returned(self.backward_function)
        self.rate = next((p.name for p in self.upstreams if _RATE.match(p.name)), "")
        self.loose = self._loose() if self.forward_name else []
        self.constructor += [Parameter(n) for n in self.loose]
        self.upstream = self.ways()[0]

    def _take(self, candidate: Candidate) -> None:
        """Take a class, or an object that is to be checked as it is."""
        found = candidate.backward
        self.cls = found if isinstance(found, type) else type(found)
        self.template = None if isinstance(found, type) else found
        made = self.template is None and _has_init(self.cls)
        init = inspect.getattr_static(self.cls, "__init__")
        self.constructor = arguments_of(init, 1) if made else []

    def _loose(self) -> list[str]:
        """Name what forward reads of the object though nothing in the class has set it."""
        functions = [f for b in self.cls.__mro__[:-1] for f in vars(b).values() if callable(f)]
        known = {name for f in functions for name in self.source.set_of_self(f)} | set(
            dir(self.cls)
        )
        read = self.source.read_of_self(getattr(self.cls, self.forward_name))
        private = f"_{self.cls.__name__.lstrip('_')}"
        return [n for n in read if n not in known and private + n not in known]

    @property
    def queues(self) -> bool:
        """Whether forward adds to a list, which backward works off and a method empties."""
        forward = getattr(self.cls, self.forward_name, None)
        added = set(re.findall(r"self\.(\w+)\.append\(", self.source.text(forward)))
        empties = any(re.match(r"(flush|reset|clear)", name) for name in dir(self.cls))
        return empties and bool(added - self.source.set_of_self(forward))

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The method, found in the class or in a base."""
        return inspect.getattr_static(self.cls, self.backward_name)  # type: ignore[no-any-return]

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        names = [p.name for p in self.upstreams]
        forward = [p.name for p in self.inputs]
        has_target = any(is_target(n) for n in names)
        if not names:
            return ["none"]
        if has_target and len(names) > 1:
            if is_upstream(names[0]) and "y" not in names[0]:
                return ["prediction", "output", "upstream"]
            return ["prediction", "output"]
        if names[0] in forward and not is_upstream(names[0]):
            return ["prediction", "upstream"]
        given_back = self.source.returned(getattr(self.cls, self.forward_name, None))
        return ["upstream", "first"] if len(given_back) > len(names) else ["upstream"]

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        made = {p.name: given[p.name] for p in self.constructor if p.name in given}
        loose = {name: made.pop(name) for name in self.loose if name in made}
        layer = self.cls(**made) if self.template is None else copy.deepcopy(self.template)
        for name, value in loose.items():
            setattr(layer, name, value)
        named = {p.name for p in self.constructor} - set(self.loose)
        held = {k: v for k, v in arrays_in(layer).items() if k in given and k not in named}
        inner = {id(v): given[path] for path, v in held.items()}
        inner = {key: value for key, value in inner.items() if id(value) != key}
        if inner:
            exchange(layer, inner)
        return Run(layer=layer, given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        if not self.inputs and not self.upstreams and self.template is None:
            raise NoOutputError("forward takes nothing, and backward is given no gradient")
        before = None
        result = _call(getattr(run.layer, self.forward_name), self.inputs, given)
        if result is None:
            attributes = vars(run.layer)
            name = next((n for n in _OUTPUTS if is_number(attributes.get(n))), before)
            if name is None:
                raise NoOutputError("forward returns nothing and leaves no output")
            result = attributes[name]
        run.outputs = outputs_of(result)
        if self.upstream == "first":
            run.outputs = run.outputs[: len(self.upstreams)]
        if self.upstream == "upstream":
            taken = [p.name for p in self.upstreams if p.required and p.name != self.rate]
            taken = [n for n in taken if n not in run.given and not is_target(n)]
            if unknown := taken[len(run.outputs) :]:
                raise NoOutputError(f"backward takes {', '.join(unknown)}, which forward does not")
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        rest = list(upstream)
        args: dict[str, Any] = {}
        for i, p in enumerate(self.upstreams):
            if p.name == self.rate:
                args[p.name] = LEARNING_RATE
            elif is_target(p.name) and any(
                is_target(q.name) or q.name == p.name for q in self.inputs
            ):
                args[p.name] = next(
                    run.given[q.name] for q in self.inputs if q.name == p.name or is_target(q.name)
                )
            elif self.upstream == "prediction" and (i == 0 or is_prediction(p.name)):
                args[p.name] = run.given[self.inputs[0].name]
            elif self.upstream == "output" and i == 0:
                args[p.name] = _made_of(run)
            elif p.name in run.given and not (is_upstream(p.name) and rest):
                args[p.name] = run.given[p.name]
            elif rest and (p.required or is_upstream(p.name)):
                args[p.name] = rest.pop(0)
        if len(rest) == len(upstream) > 1 or (
            len(rest) > 0 and len(upstream) > 1 and len(args) == 1
        ):
            first = self.upstreams[0].name
            args[first] = tuple(upstream)
        if self.rate:  # what forward has changed by then is no update
            run.parameters = {k: copied(v) for k, v in arrays_in(run.layer).items()}
        run.result = _call(getattr(run.layer, self.backward_name), self.upstreams, args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        fixed = [p.name for p in self.inputs if p.name not in leaves]
        lone = self.returned[0] if len(self.returned) == 1 else ""
        stray = any(stem in fixed for stem in stems(lone))  # of an input that is no real number
        result = None if stray else run.result
        found = returned_gradients(result, self.returned, inputs, leaves)
        done = {g.leaf for g in found}
        held = attributes_of(run.layer)
        if self.rate and self._updated(run, held):
            found += [
                Gradient(f"d{leaf}", leaf, (run.parameters[leaf] - held[leaf]) / LEARNING_RATE)
                for leaf in leaves
                if leaf not in done
                and _same_shape(run.parameters.get(leaf), held.get(leaf))
                and not is_statistic(last_of(leaf))
            ]
            return found
        aliases = _aliases(held, arrays_in(run.layer))
        for p in self.constructor:
            passed = run.given.get(p.name)
            aliases[p.name] = [
                path
                for path, value in held.items()
                if last_of(path) == p.name or (is_array(value) and value is passed)
            ]
        for leaf in leaves:
            if leaf in done:
                continue
            data = [p.name for p in self.inputs if not is_target(p.name)]
            first = leaf in data[:1]
            for label, value in held.items():
                names = [leaf, *aliases.get(leaf, ()), *(("x",) if first else ())]
                if not is_array(value) and not isinstance(value, float | int | None):
                    continue
                if label not in leaves and any(is_gradient_of(label, n) for n in names):
                    found.append(Gradient(label, leaf, value))
                    done.add(leaf)
                    break
        return self.restored(run, found + self._left(run, held, leaves, found))

    def _updated(self, run: Run, held: dict[str, Any]) -> bool:
        """Whether backward has changed a parameter: one that ignores its rate keeps gradients."""
        return any(
            is_array(held.get(path)) and not np.array_equal(before, held[path])
            for path, before in run.parameters.items()
            if is_real(before) and not any(stems(last_of(path)))
        ) or not any(stems(name) for name in self.source.set_of_self(self.backward_function))

    def _left(
        self, run: Run, held: dict[str, Any], leaves: list[str], found: list[Gradient]
    ) -> list[Gradient]:
        """Give what a backward that returns nothing leaves of its input, whatever its name.

        That is the one array which it alone sets.
        """
        first = next((p.name for p in self.inputs if not is_target(p.name)), "")
        if run.result is not None or first not in leaves or first in {g.leaf for g in found}:
            return []
        taken = {g.label for g in found} | set(leaves)
        kept = self.source.set_of_self(getattr(self.cls, self.forward_name, None))
        alone = self.source.set_of_self(self.backward_function) - kept - taken
        alone = {name for name in alone if is_array(held.get(name))}
        return [Gradient(name, first, held[name]) for name in alone] if len(alone) == 1 else []


class PairDriver(Driver):
    """Two functions: forward gives (out, cache), backward takes (dout, cache)."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.forward, 0)
        self.upstreams = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        self.given_back = source.returned(candidate.forward)
        self.takes_cache = any(is_cache(p.name) for p in self.upstreams) or (
            len(self.upstreams) == 2
            and len(self.given_back) == 2
            and not any(p.name in {q.name for q in self.inputs} for p in self.upstreams)
        )

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        outputs = len(self.given_back) - self.takes_cache
        return ["upstream", "first"] if outputs > len(self._takers()) > 0 else ["upstream"]

    @property
    def filled(self) -> str:
        """Name the dictionary of gradients that backward is given to add to; "" for none."""
        text = self.source.text(self.candidate.backward)
        found = (n for n in self._takers() if re.search(rf"\b{n}\[['\"]\w+['\"]\] \+=", text))
        return next(found, "")

    def _takers(self) -> list[str]:
        """Name the arguments of backward that take a gradient which comes in."""
        names = {p.name for p in self.inputs}
        return [
            p.name
            for p in self.upstreams
            if not is_cache(p.name) and (p.name not in names or p.name == self.upstreams[0].name)
        ]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = _call(self.candidate.forward, self.inputs, given)
        if self.filled:
            raise NoOutputError(f"its backward adds to {self.filled}, which nothing here makes")
        if self.takes_cache and isinstance(result, tuple) and len(result) > 1:
            *outputs, run.cache = result
            run.outputs = tuple(outputs)
        else:
            run.outputs = outputs_of(result)
        if self.upstream == "first":
            run.outputs = run.outputs[: len(self._takers())]
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        rest = list(upstream)
        args: dict[str, Any] = {}
        takers = self._takers()
        for i, p in enumerate(self.upstreams):
            if is_cache(p.name) or (self.takes_cache and i == 1 and len(self.upstreams) == 2):
                args[p.name] = run.cache
            elif p.name in takers and rest:
                args[p.name] = tuple(rest) if len(takers) == 1 and len(rest) > 1 else rest.pop(0)
            elif p.name in run.given:
                args[p.name] = run.given[p.name]
            elif p.required and same_output(p.name, self.given_back):
                args[p.name] = run.outputs[0]
        run.result = _call(self.candidate.backward, self.upstreams, args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        return self.restored(run, returned_gradients(run.result, self.returned, inputs, leaves))


class CostDriver(PairDriver):
    """A backward that begins at the targets: the forward and the file's cost are behind it.

    ``A2, cache = forward_propagation(X, parameters)``, ``compute_cost(A2, Y)`` and
    ``backward_propagation(parameters, cache, X, Y)``.
    """

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.cost, self.target = cost_of(candidate) or (None, "")
        self.inputs = [*self.inputs, Parameter(self.target)]
        self.upstream = "none"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        if self.cost is None:
            raise NoOutputError(f"its backward begins at {self.target}, and no cost is known")
        given = {p.name: run.given[p.name] for p in self.inputs[:-1]}
        *outputs, run.cache = _call(self.candidate.forward, self.inputs[:-1], given)
        run.prediction = outputs[0]
        known = {self.target: run.given[self.target]} | given
        args = [
            known[p.name] if p.name in known else outputs[0] for p in arguments_of(self.cost, 0)
        ]
        run.outputs = (self.cost(*args),)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args: dict[str, Any] = {}
        for p in self.upstreams:
            known = run.given.get(p.name, run.prediction)
            args[p.name] = run.cache if is_cache(p.name) else known
        run.result = _call(self.candidate.backward, self.upstreams, args)

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; the data need no gradient."""
        return [x for x in super().owed(leaves, given) if x not in {p.name for p in self.inputs}]


def begins_at_target(candidate: Candidate) -> str:
    """Name the target at which a backward begins that takes no gradient; "" for none."""
    taken = [p.name for p in arguments_of(candidate.backward, 0)]
    known = {p.name for p in arguments_of(candidate.forward, 0)}
    if any(is_upstream(name) and not is_cache(name) for name in taken):
        return ""
    targets = (n for n in taken if is_target(n) or n in ("y", "Y"))
    return next((n for n in targets if n not in known), "")


def cost_of(candidate: Candidate) -> tuple[Callable[..., Any] | None, str] | None:
    """Give the function of the file that compares what forward gives with a target."""
    target = begins_at_target(candidate)
    known = {target, *(p.name for p in arguments_of(candidate.forward, 0))}
    for name, found in candidate.namespace.items():
        if _COST.match(name) and inspect.isfunction(found):
            names = [p.name for p in arguments_of(found, 0)]
            if target in names and len([n for n in names if n not in known]) == 1:
                return found, target
    return None, target


class LossGradientDriver(Driver):
    """A function that returns its value and the gradients of it."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        first = self.returned[0] if self.returned else ""
        self.gradient_first = bool(stems(first)) and not any(stems(n) for n in self.returned[1:])
        self.upstream = "none"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = _call(self.candidate.backward, self.inputs, given)
        if not isinstance(result, tuple) or len(result) < 2:
            raise NoOutputError("it does not return a value and its gradients")
        parts = (result[-1], *result[:-1]) if self.gradient_first else result
        run.result = parts[1] if len(parts) == 2 else tuple(parts[1:])
        run.outputs = (parts[0],)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """Do nothing: the gradients came with the value."""

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        names = self.returned[:-1] if self.gradient_first else self.returned[1:]
        inputs = [p.name for p in self.inputs if p.name in leaves]
        return returned_gradients(run.result, names, inputs, leaves)


class DerivativeDriver(Driver):
    """A function beside its derivative; what it gives is multiplied by the upstream gradient."""

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The function itself, where it is a method of an object or has arguments bound."""
        function: Callable[..., Any] = function_of(self.candidate.backward)
        return getattr(function, "func", function)

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.forward, 0)
        self.takes = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        self.upstream = "input"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["input", "output"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        names = [p.name for p in self.inputs]
        left = [p.name for p in self.takes if p.required and p.name not in names]
        spare = [name for name in names if name not in {p.name for p in self.takes}]
        if unknown := left[max(len(spare), 1) :]:
            raise NoOutputError(f"its derivative takes {', '.join(unknown)}, which it does not")
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        run.outputs = outputs_of(_call(self.candidate.forward, self.inputs, given))
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args = {p.name: run.given[p.name] for p in self.takes if p.name in run.given}
        left = [p for p in self.takes if p.name not in args and p.required]
        for p, q in zip(left, [q for q in self.inputs if q.name not in args], strict=False):
            args[p.name] = run.given[q.name]
        if self.upstream == "output" and self.takes:
            args[self.takes[0].name] = run.outputs[0]
        result = _call(self.candidate.backward, self.takes, args)
        run.result = chained(upstream[0], result)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        named = [n for n in inputs if is_prediction(n)]
        if named and not isinstance(run.result, tuple):
            inputs = named
        return returned_gradients(run.result, self.returned, inputs, leaves)

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; of a loss, the gradient of what is predicted."""
        named = [p.name for p in self.inputs if is_prediction(p.name)]
        return [x for x in super().owed(leaves, given) if not named or x in named]


class NetworkDriver(LayerDriver):
    """A class with loss and gradient."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        Driver.__init__(self, candidate, source)
        self._take(candidate)
        self.forward_name, self.backward_name = network_methods_of(self.cls)
        self.inputs = arguments_of(getattr(self.cls, self.forward_name), 1)
        self.loose = []
        self.upstreams = arguments_of(getattr(self.cls, self.backward_name), 1)
        self.returned = source.returned(self.backward_function)
        self.upstream = "none"

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        if isinstance(run.result, dict):
            return returned_gradients(run.result, [], [], list(leaves))
        return super().gradients(run, leaves)

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = _call(getattr(run.layer, self.forward_name), self.inputs, given)
        if self.backward_name == self.forward_name:
            run.result = result[1]
            result = result[0]
        run.outputs = (result,)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        if self.backward_name != self.forward_name:
            given = {p.name: run.given[p.name] for p in self.upstreams if p.name in run.given}
            run.result = _call(getattr(run.layer, self.backward_name), self.upstreams, given)


class NoOutputError(Exception):
    """Forward gives nothing that could be differentiated."""


def driver_for(candidate: Candidate, source: Source) -> Driver:
    """Give the driver of a candidate's style.

    Raises
    ------
    NoSetupError
        If its library does not know it.
    """
    if candidate.style == "torch":
        from clearprop.check.handwritten.torch_functions import TorchDriver

        return TorchDriver(candidate, source)
    if candidate.style == "autograd":
        from clearprop.check.handwritten.autograd_rules import RuleDriver

        return RuleDriver(candidate, source)
    if candidate.style == "pair" and begins_at_target(candidate):
        return CostDriver(candidate, source)
    return {
        "layer": LayerDriver,
        "pair": PairDriver,
        "derivative": DerivativeDriver,
        "network": NetworkDriver,
        "loss and gradient": LossGradientDriver,
    }[candidate.style](candidate, source)


def returned_gradients(
    result: Any, names: list[str], inputs: list[str], leaves: list[str]
) -> list[Gradient]:
    """Match what backward returned with the leaves: by key, by position, or else by name.

    Position is the contract of a tuple: the gradients stand in the order of the arguments. Names
    decide where their number differs, or where the data stand first and parameters follow.
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
    labels = [name or f"d{leaf}" for name, leaf in zip(names, [*inputs, *[""] * 9], strict=False)]
    by_name = [_leaf_of(name, inputs + [x for x in leaves if x not in inputs]) for name in names]
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
    return (exact or alike or [""])[0]


def _entered(given: Given) -> Given:
    """Put what is given as ``parameters['W1']`` into ``parameters``."""
    entries = [path for path in given if _ENTRY.match(path)]
    made = {name: dict(given[name]) for path in entries if (name := _ENTRY.match(path)[1]) in given}  # type: ignore[index]
    for path in entries:
        name, key = _ENTRY.match(path).groups()  # type: ignore[union-attr]
        if name in made:
            made[name][key] = given[path]
    return given | made


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
    return name in given_back or name.lower() in {n.lower() for n in _OUTPUTS}


def is_statistic(name: str) -> bool:
    """Whether an array is by its name kept over many batches, not learned."""
    return bool(re.match(r"^_?(running|moving|pop(ulation)?|ema)_", name, re.I))


def is_number(value: Any) -> bool:
    """Whether a value is an array or a number of real kind."""
    return (is_array(value) and value.dtype.kind in "fiuc") or isinstance(
        value, float | np.floating
    )


def _same_shape(one: Any, other: Any) -> bool:
    return is_array(one) and is_array(other) and one.shape == other.shape


def _aliases(held: dict[str, Any], arrays: dict[str, Any]) -> dict[str, list[str]]:
    by_id = {id(value): path for path, value in arrays.items()}
    found: dict[str, list[str]] = {}
    for path, value in held.items():
        first = by_id.get(id(value))
        if first is not None and first != path:
            found.setdefault(first, []).append(path)
    return found


def _made_of(run: Run) -> Any:
    """Give the prediction inside a loss that makes it itself (softmax, then cross-entropy)."""
    for name in _OUTPUTS:
        value = vars(run.layer).get(name)
        if is_real(value) and value.ndim:
            return value
    return run.outputs[0]


def outputs_of(result: Any) -> tuple[Any, ...]:
    """Give what is a number or an array among what forward returned."""
    if isinstance(result, tuple | list):
        return tuple(part for part in result if is_number(part))
    return (result,)


def _call(function: Callable[..., Any], parameters: list[Parameter], given: Given) -> Any:
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


def _has_init(cls: Any) -> bool:
    return "__init__" in {name for base in cls.__mro__[:-1] for name in vars(base)}
