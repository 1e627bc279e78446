"""Update rules as pure functions of parameters and gradients: new arrays out, nothing written."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.trees import tree_leaves, tree_map


def sgd(params: Any, grads: Any, lr: Any) -> Any:
    r""":math:`\theta - \eta \, \partial L / \partial \theta`: one step down the gradient.

    Parameters
    ----------
    params : dict of ndarray, or any nesting of dicts, lists and tuples
        The parameters :math:`\theta`.
    grads : the same nesting
        Their gradients, each in the shape of its parameter, in units of loss per unit of it.
    lr : float
        The learning rate :math:`\eta`.

    Returns
    -------
    the same nesting
        New arrays, in the dtypes of the parameters when the gradients have them too.

    Raises
    ------
    ShapeError
        If the two nestings have different names, or an array and its gradient different shapes.

    Source
    ------
    H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical
    Statistics 22(3), 1951, equation (8), with a constant step.

    Examples
    --------
    >>> import numpy as np
    >>> params, grads = {"W": np.array([1.0, 2.0])}, {"W": np.array([10.0, -10.0])}
    >>> sgd(params, grads, lr=0.1)
    {'W': array([0., 3.])}
    """
    _check(params, grads)
    if isinstance(lr, np.number | np.ndarray):
        lr = lr.item()  # a NumPy float64 would turn float32 parameters into float64
    return tree_map(lambda p, g: p - lr * g, params, grads)


def _check(params: Any, grads: Any) -> None:
    shapes = dict(_shapes(params))
    given = dict(_shapes(grads))
    if shapes == given:
        return
    missing, unknown = shapes.keys() - given.keys(), given.keys() - shapes.keys()
    if missing or unknown:
        found = [f"no gradient for params{name}" for name in sorted(missing)]
        found += [f"a gradient for params{name}, which is not there" for name in sorted(unknown)]
        raise ShapeError(
            f"sgd: there is {'; '.join(found)}.",
            why="params and grads are nested alike, one gradient for each parameter.",
            write="optim.sgd(params, {name: grads[name] for name in params}, lr)",
        )
    name = next(name for name in shapes if shapes[name] != given[name])
    raise ShapeError(
        f"sgd: params{name} has shape {shapes[name]}, its gradient {given[name]}.",
        why="broadcasting would change the shape of the parameter.",
        write=f"grads{name} in the shape {shapes[name]}",
    )


def _shapes(tree: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, getattr(leaf, "shape", ())) for name, leaf in tree_leaves(tree)]
