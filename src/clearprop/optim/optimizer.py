"""Optimizer: an update rule as a frozen dataclass of its numbers, with two pure methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.idioms import FromElsewhere
from clearprop.optim.clipping import clipped
from clearprop.optim.nestings import (
    as_array,
    check_gradients,
    check_order,
    check_state,
    float_arrays,
    in_dtype,
)
from clearprop.optim.numbers import RATE, Numbers, holds_no_parameters, is_nested, within
from clearprop.places import current_line
from clearprop.signatures import Told
from clearprop.trees import tree_map

_INF = float("inf")

#: A learning rate, or a function of the number of updates made that gives one.
Rate = float | Callable[[Any], Any]

#: The metadata of a field that holds one.
RATE_OR_SCHEDULE = {**RATE, "callable": True}


@dataclass(frozen=True, repr=False)
class Optimizer(FromElsewhere, Told, Numbers):
    r"""Base of the update rules: ``state = rule.init(params)``, then ``rule.update``.

    A rule holds numbers only. What it remembers between updates is the ``state``, a dict of NumPy
    arrays: ``state["step"]`` is the number of updates made, an array of int64 of shape (), and
    every other entry is nested as the parameters, in their shapes and dtypes. Both methods are
    pure and in ordinary NumPy, so that they run on plain arrays, on recorded ones, and in a step
    that is compiled (`cp.compile` and its ``scan``).

    Parameters
    ----------
    lr : float, or a schedule
        The learning rate :math:`\eta`. A schedule is a function of the number of updates made,
        such as `optim.Cosine`; the first update takes ``lr(0)``.
    weight_decay : float, default 0
        :math:`\lambda`; :math:`\lambda\theta` is added to the gradients, after clipping, as in
        torch.optim. `AdamW` takes it from the parameters instead.
    clip_value : float, optional
        Every number of the gradients is clipped to [-clip_value, clip_value], as by
        ``torch.nn.utils.clip_grad_value_``.
    clip_norm : float, optional
        The gradients, all of them as one vector :math:`g`, are multiplied by
        :math:`\min(1, \text{clip\_norm} / (\lVert g \rVert_2 + 10^{-6}))`, as by
        ``torch.nn.utils.clip_grad_norm_``; after ``clip_value``, where both are given. Where a
        gradient is infinite or NaN, all become NaN.

    Raises
    ------
    OptionError
        A number is NaN, infinite, negative or otherwise out of its range.

    Notes
    -----
    A subclass of your own is a frozen dataclass that says what it remembers (``remembers``) and how
    it moves (``move``).

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from clearprop import optim
    >>> @dataclass(frozen=True, repr=False)
    ... class Signs(optim.Optimizer):
    ...     lr: float = 0.1
    ...
    ...     def move(self, params, grads, lr, step, memory):
    ...         def along(p, g, lr):
    ...             return p - lr * np.sign(g)
    ...
    ...         return optim.for_each(along, params, grads, numbers=(lr,)), memory
    >>> rule, params = Signs(clip_norm=1.0), {"W": np.array([1.0, 2.0])}
    >>> rule.update(params, {"W": np.array([10.0, -10.0])}, rule.init(params))
    ({'W': array([0.9, 2.1])}, {'step': array(1)})
    """

    weight_decay: float = field(default=0.0, kw_only=True, metadata=within(0, _INF, 1e-4))
    clip_norm: float | None = field(
        default=None, kw_only=True, metadata=within(0, _INF, 1.0, above=True)
    )
    clip_value: float | None = field(
        default=None, kw_only=True, metadata=within(0, _INF, 1.0, above=True)
    )

    _owner = "An update rule"

    @classmethod
    def _misfit(
        cls, args: tuple[Any, ...], kwargs: Mapping[str, Any], what: str
    ) -> ClearpropError | None:
        if args and is_nested(args[0]):
            return holds_no_parameters(
                cls.__name__, "lr", args[0], kwargs.get("lr", 0.01), current_line(1)
            )
        return super()._misfit(args, kwargs, what)

    def init(self, params: Any) -> dict[str, Any]:
        """Give the state before the first update: zeros.

        Parameters
        ----------
        params : dict of ndarray, or any nesting of dicts, lists and tuples
            Arrays of floats.

        Returns
        -------
        dict of ndarray, and of nestings as that of the parameters

        Raises
        ------
        DTypeError
            If a parameter is no array of floats.
        """
        params = float_arrays(params, type(self).__name__)
        memory = {name: tree_map(np.zeros_like, params) for name in self.remembers()}
        return {"step": np.zeros((), np.int64), **memory}

    def update(self, params: Any, grads: Any, state: Any) -> tuple[Any, dict[str, Any]]:
        """Make one update.

        Parameters
        ----------
        params : dict of ndarray, or any nesting of dicts, lists and tuples
        grads : the same nesting
            Their gradients, each in the shape of its parameter, in units of loss per unit of it.
        state : dict
            What `init` or the last `update` gave.

        Returns
        -------
        params, state
            New arrays, nothing written, in the nestings, shapes and dtypes of the old ones.

        Raises
        ------
        ShapeError
            If the nestings have different names, or an array and its gradient, or what is
            remembered of it, different shapes; if the state stands where the gradients belong.
        DTypeError
            If a parameter is no array of floats.
        """
        name = type(self).__name__
        check_order(grads, state, name)
        params = float_arrays(params, name)
        check_gradients(params, grads, name, "rule.update(params, {}, state)")
        check_state(state, self.remembers(), params, name)

        def in_its_dtype(p: Any, part: Any) -> Any:
            return in_dtype(as_array(part), p)

        grads = tree_map(in_its_dtype, params, grads)
        grads = clipped(grads, self.clip_norm, self.clip_value)
        step = as_array(state["step"])
        rate: Any = self.lr  # type: ignore[attr-defined]  # where it stands is for the subclass to say
        lr = rate(step) if callable(rate) else rate
        if self.weight_decay:
            params, grads = self.decay(params, grads, lr)
        memory = {key: tree_map(in_its_dtype, params, state[key]) for key in self.remembers()}
        params, memory = self.move(params, grads, lr, step, memory)
        state = {"step": step + 1, **memory}
        return tree_map(as_array, params), tree_map(as_array, state)

    def remembers(self) -> tuple[str, ...]:
        """Name what is remembered of every parameter, in its shape."""
        return ()

    def decay(self, params: Any, grads: Any, lr: Any) -> tuple[Any, Any]:
        """Give parameters and gradients with the decay of weights in one of them."""
        return params, tree_map(lambda p, g: g + self.weight_decay * p, params, grads)

    def move(self, params: Any, grads: Any, lr: Any, step: Any, memory: Any) -> tuple[Any, Any]:
        """Give new parameters, and what is remembered of them, by name.

        Parameters
        ----------
        params, grads : nested arrays
            Of one nesting and its dtypes, clipped and decayed.
        lr : number
            The learning rate of this update.
        step : integer
            How many updates were made before.
        memory : dict of nested arrays
            By the names of ``remembers``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how it moves")
