"""Classes with forward and backward, and networks with loss and gradient."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from clearprop.check.handwritten.bodies import unread_gradients, unread_names
from clearprop.check.handwritten.classes import methods_of, network_methods_of
from clearprop.check.handwritten.driving import (
    LEARNING_RATE,
    OUTPUT_NAMES,
    Driver,
    Given,
    Gradient,
    NoOutputError,
    Parameter,
    Run,
    arguments_of,
    call,
    is_number,
    opened,
    outputs_of,
    returned_gradients,
)
from clearprop.check.handwritten.meaning import (
    is_gradient_of,
    is_prediction,
    is_statistic,
    is_target,
    is_upstream,
    last_of,
    stems,
)
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.naming import BACKWARD_METHODS
from clearprop.check.handwritten.setting_up import methods_before
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.standins import LAYERS, OPTIMISER
from clearprop.check.handwritten.state import (
    arrays_in,
    attributes_of,
    copied,
    exchange,
    is_array,
    is_real,
)

_RATE = re.compile(r"^(lr|l_rate|learn(ing)?_?rate|eta|step_size)$", re.I)


class LayerDriver(Driver):
    """A class with forward and backward.

    ``setting_up`` are the methods to call before forward, with their arguments.
    """

    setting_up: dict[str, list[Parameter]]

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
        if self.forward_name and self.template is None:
            self.setting_up = methods_before(self.cls, self.forward_name, source)
        known = {p.name for p in self.constructor}
        named = {p.name: p for each in self.setting_up.values() for p in each}
        self.constructor += [p for name, p in named.items() if name not in known]
        if any(OPTIMISER.match(p.name) for p in self.constructor) and not self.rate:
            self.rate = self._updates()
        self.upstream = self.ways()[0]

    def _take(self, candidate: Candidate) -> None:
        """Take a class, or an object that is to be checked as it is."""
        found = candidate.backward
        self.cls = found if isinstance(found, type) else type(found)
        self.template = None if isinstance(found, type) else found
        made = self.template is None and has_init(self.cls)
        init = inspect.getattr_static(self.cls, "__init__")
        self.constructor = arguments_of(init, 1) if made else []
        starred = inspect.getfullargspec(init).varargs if made and not self.constructor[1:] else ""
        self.starred = starred if starred and LAYERS.match(starred) else ""
        if self.starred:
            self.constructor = [Parameter(self.starred)]
        self.told = {p.name for p in self.constructor}
        self.setting_up = {}
        self.inner: set[type] | None = None  # layers inside, known after a first forward

    def _loose(self) -> list[str]:
        """Name what forward reads of the object though nothing in the class has set it."""
        functions = [f for b in self.cls.__mro__[:-1] for f in vars(b).values() if callable(f)]
        known = {name for f in functions for name in self.source.set_of_self(f)} | set(
            dir(self.cls)
        )
        read = self.source.read_of_self(getattr(self.cls, self.forward_name))
        private = f"_{self.cls.__name__.lstrip('_')}"
        return [n for n in read if n not in known and private + n not in known]

    def _updates(self) -> str:
        """Name what changes the parameters in backward, an optimiser of the object; "" for none."""
        text = self.source.text(self.backward_function)
        return "optimiser" if re.search(r"self\.\w+ = self\.\w+\.update\(", text) else ""

    @property
    def queues(self) -> bool:
        """Whether forward adds to a list, which backward works off and a method empties."""
        return any(self._queues(cls) for cls in (self.cls, *(self.inner or ())))

    def _queues(self, cls: Any) -> bool:
        forward = getattr(cls, methods_of(cls)[0], None)
        text = self.source.text(forward) if forward is not None else ""
        added = set(re.findall(r"self\.(\w+)(?:\[[^\]]*\])?\.append\(", text))
        empties = any(re.match(r"(flush|reset|clear)", name) for name in dir(cls))
        return empties and bool(added - self.source.set_of_self(forward))

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The method, found in the class or in a base."""
        return inspect.getattr_static(self.cls, self.backward_name)  # type: ignore[no-any-return]

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        names = [p.name for p in self.upstreams]
        forward = [p.name for p in self.inputs]
        has_target = any(map(self.is_label, names))
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
        # A flag may have the name of the array that the constructor makes of it: bias=True.
        own = [p for p in self.constructor if not _is_made(p, given.get(p.name))]
        made = {p.name: given[p.name] for p in own if p.name in given}
        loose = {name: made.pop(name) for name in self.loose if name in made}
        later = {p.name for each in self.setting_up.values() for p in each} - self.told
        early = {name: thing for name, thing in made.items() if name not in later}
        several = early.pop(self.starred, ()) if self.starred else ()
        if self.template is None:
            layer = self.cls(*several, **early)
        else:
            layer = copy.deepcopy(self.template)
        flags = {k.removeprefix("self."): v for k, v in given.items() if k.startswith("self.")}
        for name, value in (loose | flags).items():
            setattr(layer, name, value)
        for name, parameters in self.setting_up.items():
            call(getattr(layer, name), parameters, made)
        named = {p.name for p in own} - set(self.loose)
        held = {k: v for k, v in arrays_in(layer).items() if k in given and k not in named}
        inner = {id(v): given[path] for path, v in held.items()}
        inner = {key: value for key, value in inner.items() if id(value) != key}
        if inner:
            exchange(layer, inner)
        for name in given.keys() - named:  # self.b = 0.0
            if type(vars(layer).get(name)) is float:
                setattr(layer, name, given[name])
        return Run(layer=layer, given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        if not self.inputs and not self.upstreams and self.template is None:
            raise NoOutputError("forward takes nothing, and backward is given no gradient")
        before = None
        result = call(getattr(run.layer, self.forward_name), self.inputs, given)
        if result is None:
            attributes = vars(run.layer)
            name = next((n for n in OUTPUT_NAMES if is_number(attributes.get(n))), before)
            if name is None:
                raise NoOutputError("forward returns nothing and leaves no output")
            result = attributes[name]
        run.outputs = outputs_of(result)
        if self.inner is None:
            held = attributes_of(run.layer).values()
            self.inner = {type(thing) for thing in held if any(methods_of(thing))}
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
        run.result = call(getattr(run.layer, self.backward_name), self.upstreams, args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        names = [p.name for p in self.inputs]
        returned, members = opened(run.result, names, leaves)
        inputs = [*members, *inputs]
        lists = {last.partition("[")[0] for last in members}
        fixed = [
            n
            for n in names
            if n not in {*leaves, *lists} and (is_target(n) or not self.is_label(n))
        ]
        lone = self.returned[0] if len(self.returned) == 1 else ""
        stray = any(stem in fixed for stem in stems(lone))  # of an input that is no real number
        result = None if stray else returned
        found = returned_gradients(result, [] if members else self.returned, inputs, leaves)
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
            data = [p.name for p in self.inputs if not self.is_label(p.name)]
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

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; what forward renews is no parameter, and some have no input."""
        renewed = self.source.set_of_self(getattr(self.cls, self.forward_name, None))
        leaves = list(leaves)
        renewed -= {p.name for p in self.inputs}
        owed = [x for x in super().owed(leaves, given) if x not in renewed]  # a running mean
        learned = (x for x in leaves if re.match(r"^(slopes?|alphas?)$", x) and x not in given)
        owed += [x for x in learned if x not in owed and x in {p.name for p in self.constructor}]
        if self.rate and not any(self.returned):  # a first layer that learns at once
            lost = any(is_gradient_of(n, "input") for n in unread_names(self.backward_function))
            return owed if lost else [x for x in owed if x not in {p.name for p in self.inputs}]
        calls = rf"\b(?!self\b|super\b)\w+\.({'|'.join(BACKWARD_METHODS)})\("
        holds = re.search(calls, self.source.text(self.backward_function))
        if self.returned or not (self.inner or holds):
            return owed
        return [leaf for leaf in owed if leaf != self.inputs[0].name]

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
        first = next((p.name for p in self.inputs if not self.is_label(p.name)), "")
        if run.result is not None or first not in leaves or first in {g.leaf for g in found}:
            return []
        taken = {g.label for g in found} | set(leaves)
        kept = self.source.set_of_self(getattr(self.cls, self.forward_name, None))
        alone = self.source.set_of_self(self.backward_function) - kept - taken
        alone = {name for name in alone if is_array(held.get(name))}
        return [Gradient(name, first, held[name]) for name in alone] if len(alone) == 1 else []


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
        if run.result is None and unread_gradients(self.backward_function):
            return []
        if self.backward_name == self.forward_name and not isinstance(run.result, dict):
            return returned_gradients(run.result, self.returned[1:], [], list(leaves))
        if isinstance(run.result, dict):
            return returned_gradients(run.result, [], [], list(leaves))
        return super().gradients(run, leaves)

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = call(getattr(run.layer, self.forward_name), self.inputs, given)
        if self.backward_name == self.forward_name:
            run.result = result[1] if len(result) == 2 else tuple(result[1:])
            result = result[0]
        run.outputs = (result,)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        if self.backward_name != self.forward_name:
            given = {p.name: run.given[p.name] for p in self.upstreams if p.name in run.given}
            run.result = call(getattr(run.layer, self.backward_name), self.upstreams, given)


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
    for name in OUTPUT_NAMES:
        value = vars(run.layer).get(name)
        if is_real(value) and value.ndim:
            return value
    return run.outputs[0]


def has_init(cls: Any) -> bool:
    """Whether a class, or a base of it, has a constructor of its own."""
    return "__init__" in {name for base in cls.__mro__[:-1] for name in vars(base)}


def _is_made(p: Parameter, value: Any) -> bool:
    """Whether a value is an array for an argument that is a flag or a number."""
    lone = is_array(value) and value.ndim > 0 and value.size == 1
    return is_array(value) and isinstance(p.default, (bool | int | float) if lone else (bool | int))
