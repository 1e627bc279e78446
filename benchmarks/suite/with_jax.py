"""A training loop in JAX: `jit` for one step, or the whole loop under `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.suite.side import Problem, Run

Tree = Any
Loss = Callable[
    ..., Any
]  # (params, x, t) -> loss; with state: (params, state, x, t) -> loss, state
Update = Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]  # params, gradient, memory -> both anew


def cross_entropy(scores: Any, t: Any) -> Any:
    log_p = jax.nn.log_softmax(scores)
    return -jnp.mean(jnp.take_along_axis(log_p, t[:, None], axis=1))


def sgd(lr: float) -> tuple[Update, Callable[[Tree], Tree]]:
    def update(params: Tree, gradient: Tree, memory: Tree) -> tuple[Tree, Tree]:
        return jax.tree.map(lambda p, g: p - lr * g, params, gradient), memory

    return update, lambda params: ()


def adam(lr: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Any:
    def update(params: Tree, gradient: Tree, memory: Tree) -> tuple[Tree, Tree]:
        m, v, n = memory
        n = n + 1
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, gradient)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, gradient)
        mean, root = 1 / (1 - b1**n), 1 / jnp.sqrt(1 - b2**n)
        params = jax.tree.map(
            lambda p, m, v: p - lr * (m * mean) / (jnp.sqrt(v) * root + eps), params, m, v
        )
        return params, (m, v, n)

    def memory(params: Tree) -> Tree:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.float32)

    return update, memory


def training(
    problem: Problem,
    params: Tree,
    loss: Loss,
    optimizer: Any,
    *,
    state: Tree = None,
    scanned: bool = False,
    image: str = "",
) -> Run:
    """Make the loop. The carry is donated: parameters are updated in place."""
    update, memory = optimizer
    data = problem.x.reshape(-1, *{"NCHW": (1, 28, 28), "NHWC": (28, 28, 1)}.get(image, (784,)))
    x, t = jnp.asarray(data), jnp.asarray(problem.t.astype(np.int32))
    params = jax.tree.map(jnp.asarray, params)

    def one(carry: Any, indices: Any, x: Any, t: Any) -> tuple[Any, Any]:
        params, state, kept = carry
        xs, ts = x[indices], t[indices]
        if state is None:
            value, gradient = jax.value_and_grad(loss)(params, xs, ts)
        else:
            both = jax.value_and_grad(loss, has_aux=True)
            (value, state), gradient = both(params, state, xs, ts)
        params, kept = update(params, gradient, kept)
        return (params, state, kept), value

    @partial(jax.jit, donate_argnums=0)
    def loop(carry: Any, order: Any, x: Any, t: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda c, i: one(c, i, x, t), carry, order)

    step = jax.jit(one, donate_argnums=0)
    carry = (params, state, memory(params))

    def steps(order: Any) -> np.ndarray:
        nonlocal carry
        if scanned:
            carry, losses = loop(carry, order, x, t)
        else:
            kept = []
            for indices in order:
                carry, value = step(carry, indices, x, t)
                kept.append(value)
            losses = kept
        jax.block_until_ready((carry, losses))
        return np.asarray(jax.device_get(losses), np.float32)

    def convert(order: np.ndarray) -> Any:
        order = order.astype(np.int32)
        return jnp.asarray(order) if scanned else [jnp.asarray(row) for row in order]

    return Run(convert, steps)


def function(problem_x: np.ndarray, f: Callable[[Any], Any]) -> Run:
    """Value and gradient of a function of one large array."""
    x = jnp.asarray(problem_x)
    both = jax.jit(jax.value_and_grad(f))
    last: list[Any] = []

    def steps(order: Any) -> np.ndarray:
        values = []
        for _ in range(len(order)):
            last.clear()
            value, gradient = both(x)
            values.append(jax.block_until_ready(value))
            last.append(gradient)
        jax.block_until_ready(last)
        return np.asarray(values, np.float32)

    return Run(lambda order: order, steps, lambda: np.asarray(last[0][:: len(x) // 50]).tolist())


def random_key() -> Any:
    """Give a key of the generator that is fast on every device."""
    return jax.random.key(0, impl="rbg")


class Images:
    """Convolution and pooling in one of the two layouts."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.filters = {"NCHW": "OIHW", "NHWC": "HWIO"}[layout]

    def params(self, params: Any, flattened: dict[str, tuple[int, int, int]]) -> Any:
        """Reorder the parameters of (N, C, H, W): filters, and dense weights after flattening."""
        if self.layout == "NCHW":
            return params
        new = {k: v.transpose(2, 3, 1, 0) if v.ndim == 4 else v for k, v in params.items()}
        for name, shape in flattened.items():
            W = params[name]
            new[name] = W.reshape(*shape, -1).transpose(1, 2, 0, 3).reshape(W.shape)
        return new

    def convolve(self, x: Any, W: Any, b: Any, padding: int) -> Any:
        dimensions = (self.layout, self.filters, self.layout)
        pads = ((padding, padding),) * 2
        y = jax.lax.conv_general_dilated(x, W, (1, 1), pads, dimension_numbers=dimensions)
        return y + (b[:, None, None] if self.layout == "NCHW" else b)

    def max_pool(self, x: Any) -> Any:
        window = (1, 1, 2, 2) if self.layout == "NCHW" else (1, 2, 2, 1)
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
