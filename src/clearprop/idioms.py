"""What people type who come from elsewhere, and the line to write here: one table.

PyTorch, JAX, HIPS autograd and Keras have names for things that are here under another name, or are
not needed. Such a name is an `AttributeError`, as any other that is not there, and says what to
write. The names of layers and update rules stand in `nn` and `optim`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from clearprop.errors import MissingMethodError, UnknownKeywordError
from clearprop.places import current_line

_F = TypeVar("_F", bound=Callable[..., Any])

TORCH, JAX, AUTOGRAD, KERAS = "PyTorch", "JAX", "HIPS autograd", "Keras"

_MEMORY = "All arrays are NumPy's, in the memory of the processor."
_PLAIN = "It would give the memory or the plain numbers, which remember nothing."
_PURE = "Parameters are arrays that a function takes and gives."
_FOLLOWS = "Whether something is differentiated is said where the derivative is asked for."
_SPELLED = "A recorded value has the methods of NumPy's arrays."
_RECORD = "The record of a call has every value and its derivative, under the name in your code."
_MODE = "Training is no state of a layer: each call says what it is."

#: For each owner: names, whose they are (nobody's where NumPy has them), why they are not here,
#: and the line to write instead.
_ROWS: dict[str, list[tuple[str, str, str, str]]] = {
    "A recorded value": [
        (
            "detach detach_",
            TORCH,
            "A constant is a step of its own, which pictures and source show.",
            "cp.stop_gradient(x); after the derivative is computed: x.value",
        ),
        ("numpy", TORCH, "It holds a NumPy array.", "x.value"),
        ("data", "", _PLAIN, "x.value, the plain array; x.value.data, its memory"),
        ("cpu cuda to pin_memory is_cuda", TORCH, _MEMORY, "the expression without it."),
        ("device", "", _MEMORY, "the expression without it."),
        ("block_until_ready", JAX, "Nothing runs behind your back.", "the expression without it."),
        (
            "requires_grad requires_grad_ is_leaf",
            TORCH,
            _FOLLOWS,
            "x = cp.tensor(data), which is recorded; or cp.grad(f)(x) with a plain array.",
        ),
        ("grad_fn next_functions", TORCH, _RECORD, "g = cp.trace(f, x), and print(g)"),
        (
            "retain_grad register_hook",
            TORCH,
            _RECORD,
            'd = cp.trace(f, x).backward(), then d["name"]',
        ),
        (
            "at",
            JAX,
            "Assignment is recorded, and makes a new version.",
            "y = x.copy(), then y[i] = value or y[i] += value",
        ),
        (
            "zero_ fill_ copy_ add_ sub_ mul_ div_ clamp_",
            TORCH,
            "Writing is spelled as in NumPy.",
            "x[...] = value, x += value; to forget a gradient: x.grad = None",
        ),
        ("view", "", _PLAIN, "x.reshape(…) for another shape; x.value.view(…) for plain numbers"),
        ("clone contiguous", TORCH, _SPELLED, "x.copy()"),
        ("permute", TORCH, _SPELLED, "x.transpose(…)"),
        ("t", TORCH, _SPELLED, "x.T"),
        ("unsqueeze", TORCH, _SPELLED, "np.expand_dims(x, axis)"),
        ("expand expand_as", TORCH, _SPELLED, "np.broadcast_to(x, shape)"),
        (
            "float double half long",
            TORCH,
            _SPELLED,
            "x.astype(np.float32), x.astype(np.float64), …",
        ),
        ("numel", TORCH, _SPELLED, "x.size"),
        ("dim", TORCH, _SPELLED, "x.ndim"),
        ("matmul mm bmm", TORCH, _SPELLED, "x @ y"),
        ("pow", TORCH, _SPELLED, "x**y"),
        ("clamp", TORCH, _SPELLED, "np.clip(x, low, high)"),
        ("norm", TORCH, _SPELLED, "np.linalg.norm(x)"),
        *(
            (name, TORCH, "It is a function of NumPy.", f"np.{name}(x)")
            for name in (
                "abs",
                "exp",
                "log",
                "log1p",
                "sqrt",
                "square",
                "sign",
                "sin",
                "cos",
                "tanh",
            )
        ),
        ("relu", TORCH, "It is a function of NumPy.", "np.maximum(x, 0)"),
        ("sigmoid", TORCH, "It is an expression of NumPy.", "1 / (1 + np.exp(-x))"),
        (
            "softmax log_softmax",
            TORCH,
            "It is a layer, with its stable form.",
            "nn.Softmax().forward(x), nn.SoftmaxWithLoss() with the loss",
        ),
    ],
    "A layer": [
        (
            "state_dict",
            TORCH,
            "A network holds its arrays in two dicts.",
            "{**net.params, **net.state}; to a file: interop.save_safetensors(net, path)",
        ),
        (
            "load_state_dict",
            TORCH,
            "A network holds its arrays in two dicts.",
            "net.params = params; from a file: interop.load_safetensors(net, path)",
        ),
        (
            "named_parameters named_buffers",
            TORCH,
            "A network holds its arrays in two dicts.",
            "net.params.items(), net.state.items()",
        ),
        ("modules named_modules children", TORCH, "Layers have names.", "net.layers"),
        (
            "train eval training",
            TORCH,
            _MODE,
            "net.gradient(x, t) trains; net.predict(x) does not.",
        ),
        ("call", KERAS, "A layer is computed by forward.", "layer.forward(x)"),
        (
            "zero_grad",
            TORCH,
            "A gradient is given, and never added to an old one.",
            "the program without it.",
        ),
        ("to cpu cuda", TORCH, _MEMORY, "the program without it."),
        (
            "float double half",
            TORCH,
            "Parameters are made in the dtype that they keep.",
            'nn.Affine.initial(…, dtype="float32")',
        ),
        (
            "requires_grad_ requires_grad trainable",
            f"{TORCH}'s and {KERAS}",
            _FOLLOWS,
            "grads of the parameters to train, given to rule.update",
        ),
        (
            "register_hook register_forward_hook register_full_backward_hook",
            TORCH,
            _RECORD,
            "net.outputs(x) for the values; cp.trace(f, …).backward() for the derivatives",
        ),
        ("parameters_to_vector", TORCH, _PURE, "flat, unravel = cp.ravel(net.params)"),
        (
            "fit train_on_batch",
            KERAS,
            "Training is a function.",
            "cp.train.fit(net, ((x, t), None))",
        ),
        (
            "compile",
            KERAS,
            "The loss belongs to the network, the optimiser to the run.",
            "nn.Sequential(…, loss=nn.SoftmaxWithLoss()), then "
            "cp.train.fit(net, ((x, t), None), optimizer=cp.optim.Adam())",
        ),
        ("evaluate", KERAS, "The two numbers have names.", "net.loss(x, t), net.accuracy(x, t)"),
        (
            "get_weights weights variables trainable_weights trainable_variables",
            KERAS,
            "Parameters have names.",
            "net.params",
        ),
        ("set_weights", KERAS, "Parameters have names.", "net.params = params"),
        (
            "save save_weights",
            KERAS,
            "Saving is a function.",
            "interop.save_safetensors(net, path)",
        ),
        ("load_weights", KERAS, "Loading is a function.", "interop.load_safetensors(net, path)"),
        ("add", KERAS, "A network is made of all its layers at once.", "nn.Sequential(a, b, …)"),
        ("count_params", KERAS, "The table has it.", "net.summary(input_shape)"),
        ("apply init", JAX, _PURE, "net.predict(x, params=params), net.loss(x, t, params=params)"),
        (
            "weight kernel",
            f"{TORCH}'s and {KERAS}",
            "Parameters have the names of the formula.",
            "layer.W; PyTorch's Linear has its transpose.",
        ),
        ("bias", f"{TORCH}'s and {KERAS}", "Parameters have the names of the formula.", "layer.b"),
    ],
    "An update rule": [
        (
            "step minimize",
            f"{TORCH}'s and {KERAS}",
            "An update is a pure function: nothing is written.",
            "params, state = rule.update(params, grads, state)",
        ),
        (
            "apply_gradients apply apply_updates",
            f"{KERAS}'s and {JAX}",
            "An update is a pure function: nothing is written.",
            "params, state = rule.update(params, grads, state)",
        ),
        (
            "zero_grad",
            TORCH,
            "A gradient is given, and never added to an old one.",
            "the program without it.",
        ),
        (
            "state_dict load_state_dict param_groups variables build",
            f"{TORCH}'s and {KERAS}",
            "A rule holds numbers only; what it remembers is yours to keep.",
            "state = rule.init(params)",
        ),
        ("learning_rate", KERAS, "It has a short name.", "rule.lr"),
    ],
    "cp.tensor": [
        ("requires_grad", TORCH, "Every cp.tensor is recorded.", "cp.tensor(data)"),
        ("device", f"{TORCH}'s and {JAX}", _MEMORY, "cp.tensor(data)"),
    ],
    "clearprop": [
        (
            "no_grad inference_mode enable_grad set_grad_enabled",
            TORCH,
            "Plain arrays are never recorded.",
            "f(x) with plain arrays; inside a derivative: cp.stop_gradient(x)",
        ),
        ("jit", JAX, "It has another name.", "cp.compile(f)"),
        ("vmap", JAX, "Batches are an axis.", "an expression with a leading axis, as in NumPy."),
        ("numpy", f"{JAX}'s and {AUTOGRAD}", "NumPy itself is recorded.", "import numpy as np"),
        ("jacrev jacfwd", JAX, "The cheaper way is taken.", "cp.jacobian(f)"),
        (
            "elementwise_grad egrad",
            AUTOGRAD,
            "A derivative starts at a scalar.",
            "cp.grad(lambda x: np.sum(f(x)))",
        ),
        ("make_jvp", AUTOGRAD, "It has another name.", "cp.jvp(f, (x,), (v,))"),
        ("make_vjp", AUTOGRAD, "It has another name.", "y, pullback = cp.vjp(f, x)"),
        ("make_hvp hessian_vector_product", AUTOGRAD, "It has another name.", "cp.hvp(f)(x, v)"),
        (
            "custom_vjp custom_jvp custom_gradient Function defvjp",
            f"{JAX}'s, {AUTOGRAD}'s and {TORCH}",
            "A function with a derivative of its own is a primitive.",
            '@cp.primitive, and @f.vjp("x") for its derivative',
        ),
        ("GradientTape", KERAS, "A derivative is that of a function.", "cp.value_and_grad(f)(x)"),
        (
            "tree tree_util tree_map tree_leaves",
            JAX,
            "Nested dicts, lists, tuples and dataclasses are taken as they are.",
            "cp.grad(f)(params); one vector and back: flat, unravel = cp.ravel(params)",
        ),
        ("lax", JAX, "Loops and branches are Python's.", "for, while, np.where(…)"),
        (
            "manual_seed PRNGKey",
            f"{TORCH}'s and {JAX}",
            "Random numbers are NumPy's.",
            "rng = np.random.default_rng(0), and seed= of layers and cp.train.fit",
        ),
        ("gradcheck", TORCH, "It has another name.", "cp.check(f, x)"),
        ("check_grads", f"{JAX}'s and {AUTOGRAD}", "It has another name.", "cp.check(f, x)"),
        (
            "save load",
            TORCH,
            "Files belong to networks, and run nothing when they are read.",
            "cp.interop.save_safetensors(net, path), cp.interop.load_safetensors(net, path)",
        ),
        ("device cuda", f"{TORCH}'s and {JAX}", _MEMORY, "the program without it."),
    ],
}

_NO_KEYWORD = ("", "Its keywords are those of its signature.", "the call without it.")

#: The same by owner and name.
IDIOMS = {
    owner: {
        name: (whose, why, write) for names, whose, why, write in rows for name in names.split()
    }
    for owner, rows in _ROWS.items()
}


def unknown(owner: str, name: str) -> MissingMethodError | None:
    """Give the error for a name that is known from elsewhere; None for any other.

    Examples
    --------
    >>> print(unknown("A layer", "state_dict").write)
    {**net.params, **net.state}; to a file: interop.save_safetensors(net, path)
    """
    found = IDIOMS[owner].get(name)
    if found is None:
        return None
    whose, why, write = found
    has = "clearprop has no cp." if owner == "clearprop" else f"{owner} has no ."
    return MissingMethodError(
        f"{has}{name}{_of(whose)}.", where=current_line(2), why=why, write=write
    )


def _of(whose: str) -> str:
    return f", which is {whose}'s" if whose else ""


def refuse_keywords(function: str, given: dict[str, Any]) -> None:
    """Refuse keywords that a function here does not have.

    Raises
    ------
    UnknownKeywordError
    """
    for name in given:
        whose, why, write = IDIOMS[function].get(name, _NO_KEYWORD)
        raise UnknownKeywordError(
            f"{function} has no keyword {name}{_of(whose)}.",
            where=current_line(2),
            why=why,
            write=write,
        )


def refusing(call: _F) -> _F:
    """Mark a ``__call__`` that only says what to write in the place of the call."""
    call.refuses = True  # type: ignore[attr-defined]
    return call


def is_called(value: Any) -> bool:
    """Whether a value is there to be called: one with a `refusing` ``__call__`` is not."""
    return callable(value) and not hasattr(type(value).__call__, "refuses")


class FromElsewhere:
    """A class whose unknown attributes, where they are known from elsewhere, say what to write."""

    _owner = "A layer"

    if not TYPE_CHECKING:  # a type checker is to see unknown attributes

        def __getattr__(self, name: str) -> Any:
            error = unknown(type(self)._owner, name)
            if error is not None:
                raise error
            return object.__getattribute__(self, name)  # raises again what brought us here
