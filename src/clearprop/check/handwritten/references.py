"""Named forwards, to judge a backward by that has none.

A loss is the mean over the samples, the rows of its input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.prelude import sigmoid, softmax
from clearprop.errors import OptionError


@dataclass(frozen=True)
class Reference:
    """A function with a name, and what its backward may expect to find.

    Attributes
    ----------
    name : str
        As in ``--as``: ``softmax``.
    forward : callable
        Plain NumPy: ``forward(x, W, b)``.
    arguments : tuple of str
        The names of its arguments; the first is the input.
    parameters : tuple of str
        Those that a layer keeps, and has gradients of.
    target : str
        The argument that holds labels or targets; "" for a layer. A loss has one.
    labels : bool
        Whether the target may hold one integer a row instead of a row of probabilities.
    attributes : mapping of str to str
        What ``self.NAME`` means in a backward: an argument, or one of ``values``.
    values : mapping of str to callable
        What else may be kept, computed from the same arguments: ``y`` is the output, ``p`` the
        probabilities before the loss, ``blocked`` and ``passed`` the two masks of a kink.
    given : str
        What backward is called with: ``dy``, the upstream gradient; ``x``, the input of the loss;
        ``p``, the output of the activation in front of the loss.
    alternatives : tuple of str
        Other references that go by the same name, such as the same loss averaged otherwise.
    positive : bool
        Whether the input holds probabilities.
    """

    name: str
    forward: Callable[..., Any]
    arguments: tuple[str, ...] = ("x",)
    parameters: tuple[str, ...] = ()
    target: str = ""
    labels: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    given: str = "dy"
    alternatives: tuple[str, ...] = ()
    positive: bool = False


# ---- the forwards ------------------------------------------------------------------------------


def affine(x: Any, W: Any, b: Any) -> Any:
    """Give x W + b."""
    return np.dot(x, W) + b


def leaky_relu(x: Any, alpha: float = 0.01) -> Any:
    """Give x where it is positive, else alpha x."""
    return np.where(x > 0, x, alpha * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Give x where it is positive, else alpha (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def log_softmax(x: Any) -> Any:
    """Give x - log sum exp(x), over the last axis."""
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def rows(t: Any, x: Any) -> Any:
    """Give a target of the shape of x: labels become rows with a single 1."""
    if np.ndim(t) < np.ndim(x):
        return np.eye(x.shape[-1])[np.asarray(t, dtype=int).reshape(-1)]
    return t


def cross_entropy(x: Any, t: Any) -> Any:
    """-sum t log x / N, of probabilities."""
    return -np.sum(rows(t, x) * np.log(x)) / x.shape[0]


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """-sum t log softmax(x) / N, of scores."""
    return -np.sum(rows(t, x) * log_softmax(x)) / x.shape[0]


def binary_cross_entropy(x: Any, t: Any) -> Any:
    """-sum (t log x + (1 - t) log(1 - x)) / N, of probabilities."""
    t = np.reshape(t, x.shape)
    return -np.sum(t * np.log(x) + (1 - t) * np.log(1 - x)) / x.shape[0]


def sigmoid_binary_cross_entropy(x: Any, t: Any) -> Any:
    """`binary_cross_entropy` of sigmoid(x), of scores."""
    t = np.reshape(t, x.shape)
    return np.sum(np.logaddexp(0, x) - t * x) / x.shape[0]


def hinge(x: Any, t: Any) -> Any:
    """Give the sum of max(0, x_j - x_t + 1) over j that is not t, / N."""
    chosen = rows(t, x)
    right = np.sum(x * chosen, axis=-1, keepdims=True)
    return np.sum(np.maximum(0, x - right + 1) * (1 - chosen)) / x.shape[0]


# ---- the table ---------------------------------------------------------------------------------


def _roles(role: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), role)


_INPUT = _roles("x", "x X input inputs input_ inp z Z a_prev A_prev")
_OUTPUT = _roles("y", "y Y output outputs out a A activation activations result")
_WEIGHTS = {
    **_roles("W", "W w weight weights kernel"),
    **_roles("b", "b B bias biases"),
}
_TARGET = _roles("t", "t T target targets label labels y_true y_train true")
_PREDICTION = _roles("x", "y Y y_pred y_hat pred predict prediction probs p yhat")
_MASKS = {"mask": "blocked"}


def _layer(name: str, forward: Callable[..., Any], **options: Any) -> Reference:
    attributes = {**_INPUT, **_OUTPUT, **options.pop("attributes", {})}
    values = {"y": forward, **options.pop("values", {})}
    return Reference(name, forward, attributes=attributes, values=values, **options)


def _loss(name: str, forward: Callable[..., Any], **options: Any) -> Reference:
    attributes = {**_INPUT, **_PREDICTION, **_TARGET, **options.pop("attributes", {})}
    values = {"y": forward, **options.pop("values", {})}
    options = {"given": "x", **options}
    arguments = ("x", "t")
    return Reference(
        name, forward, arguments, target="t", attributes=attributes, values=values, **options
    )


_KINK = {"blocked": lambda x: x <= 0, "passed": lambda x: x > 0}
_OF_SCORES: dict[str, Any] = {
    "given": "p",
    "attributes": dict.fromkeys((*_PREDICTION, *_OUTPUT, "probabilities", "scores_softmax"), "p"),
}

_TABLE = (
    _layer("identity", lambda x: x * 1),
    Reference(
        "affine",
        affine,
        ("x", "W", "b"),
        ("W", "b"),
        attributes={**_INPUT, **_OUTPUT, **_WEIGHTS},
        values={"y": affine},
    ),
    _layer("relu", lambda x: np.maximum(x, 0), attributes=_MASKS, values=_KINK),
    _layer("leaky relu", leaky_relu, attributes=_MASKS, values=_KINK),
    _layer("elu", elu),
    _layer("softplus", lambda x: np.logaddexp(0, x)),
    _layer("sigmoid", sigmoid),
    _layer("tanh", np.tanh),
    _layer("softmax", softmax, attributes={"probs": "y", "p": "y"}),
    _layer("log softmax", log_softmax),
    _layer("exp", np.exp),
    _layer("log", np.log, positive=True),
    _layer("square", np.square),
    Reference("add", lambda x, y: x + y, ("x", "y"), attributes={"x": "x", "y": "y"}),
    Reference("multiply", lambda x, y: x * y, ("x", "y"), attributes={"x": "x", "y": "y"}),
    _loss(
        "softmax with cross-entropy",
        softmax_cross_entropy,
        labels=True,
        values={"p": lambda x, t: softmax(x)},
        **_OF_SCORES,
    ),
    _loss(
        "sigmoid with binary cross-entropy",
        sigmoid_binary_cross_entropy,
        values={"p": lambda x, t: sigmoid(x)},
        **_OF_SCORES,
    ),
    _loss(
        "cross-entropy",
        cross_entropy,
        labels=True,
        positive=True,
        alternatives=("softmax with cross-entropy",),
    ),
    _loss(
        "binary cross-entropy",
        binary_cross_entropy,
        positive=True,
        alternatives=("binary cross-entropy (mean of all)", "sigmoid with binary cross-entropy"),
    ),
    _loss(
        "binary cross-entropy (mean of all)",
        lambda x, t: binary_cross_entropy(x, t) * x.shape[0] / x.size,
        positive=True,
    ),
    _loss(
        "mean squared error",
        lambda x, t: np.mean((x - t) ** 2),
        alternatives=(
            "mean squared error (sum over outputs)",
            "half squared error",
            "half squared error (sum)",
            "sum of squares",
        ),
    ),
    _loss("mean squared error (sum over outputs)", lambda x, t: np.sum((x - t) ** 2) / x.shape[0]),
    _loss("half squared error", lambda x, t: np.sum((x - t) ** 2) / (2 * x.shape[0])),
    _loss("half squared error (sum)", lambda x, t: np.sum((x - t) ** 2) / 2),
    _loss("sum of squares", lambda x, t: np.sum((x - t) ** 2)),
    _loss("mean absolute error", lambda x, t: np.mean(np.abs(x - t))),
    _loss("hinge", hinge, labels=True),
)

#: Every reference by its name.
REFERENCES: dict[str, Reference] = {reference.name: reference for reference in _TABLE}

#: What a name without spaces and signs holds → a reference; the first that fits counts.
_WORDS = (
    (r"softmax.*(loss|entropy|nll|ce$)|(loss|entropy).*softmax", "softmax with cross-entropy"),
    (r"activation.*loss|loss.*activation", "softmax with cross-entropy"),
    (r"sigmoid.*(loss|entropy|bce)|bce.*(logits|sigmoid)", "sigmoid with binary cross-entropy"),
    (r"binary.*entropy|bce|logloss|logisticloss|binaryloss", "binary cross-entropy"),
    (r"logsoftmax", "log softmax"),
    (r"softmax", "softmax"),
    (r"cross.?entropy|crossent|categorical|negativeloglik|nllloss", "cross-entropy"),
    (r"meansquared|squaredloss|squareloss|squarederror|mse|l2loss|quadraticcost",
     "mean squared error"),
    (r"meanabsolute|absoluteerror|mae|l1loss", "mean absolute error"),
    (r"hinge|svm", "hinge"),
    (r"leaky.?relu|lrelu", "leaky relu"),
    (r"gelu|selu|silu|celu|prelu|rrelu|relu6", ""),
    (r"relu|rectifiedlinear|rectifier", "relu"),
    (r"elu", "elu"),
    (r"softplus", "softplus"),
    (r"tanh|hyperbolictangent", "tanh"),
    (r"hardsigmoid|logsigmoid", ""),
    (r"sigmoid|logistic", "sigmoid"),
    (r"nonlinear|bilinear|piecewiselinear|convol|linearact", ""),
    (r"affine|dense|linear|fullyconnected|fclayer|layerfc", "affine"),
)  # fmt: skip

#: Short words, which must stand alone.
_ALONE = {
    "fc": "affine",
    "add": "add",
    "addition": "add",
    "plus": "add",
    "mul": "multiply",
    "multiply": "multiply",
    "multiplication": "multiply",
    "exp": "exp",
    "log": "log",
    "square": "square",
    "identity": "identity",
    "ce": "cross-entropy",
}


def reference_for(*names: str) -> str:
    """Propose the reference that a class, a function, or the headings above it go by.

    Parameters
    ----------
    *names : str
        The name first, then the headings, nearest first.

    Returns
    -------
    str
        The name of a reference; "" where none fits.

    Examples
    --------
    >>> reference_for("Dense Layer"), reference_for("ActivationSoftMax")
    ('affine', 'softmax')
    >>> reference_for("Layer", "Implementation", "Binary Cross-Entropy loss")
    'binary cross-entropy'
    """
    for name in names:
        found = _by_words(name)
        if found:
            return found
    return ""


def reference(name: str) -> Reference:
    """Give a reference by its name, however it is spelled.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    if name in REFERENCES:
        return REFERENCES[name]
    found = reference_for(name)
    if not found:
        raise OptionError(
            f"There is no reference {name!r}.", write=f"one of: {', '.join(REFERENCES)}."
        )
    return REFERENCES[found]


def _by_words(name: str) -> str:
    squashed = re.sub(r"[^a-z0-9]", "", name.lower())
    for pattern, found in _WORDS:
        if re.search(pattern, squashed):
            return found
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()
    words = re.findall(r"[a-z]+", split)
    return next((_ALONE[word] for word in words if word in _ALONE), "")
