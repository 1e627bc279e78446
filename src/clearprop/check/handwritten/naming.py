"""What the names of functions say: which is the backward, the derivative, the forward of which."""

from __future__ import annotations

import re

_BACK = "backward|backwards|backprop|bprop|bwd|backward_pass|backpropagation|back"
_FORTH = "forward|forwards|fprop|fwd|forward_pass|forward_propagation|forwardprop|feedforward"
_DERIVED = (
    "derivative|derivate|deriv|der|prime|gradient|gradients|grad|backward|bwd|d|dx|diff|jacobian"
)

#: Methods, the likeliest first.
FORWARD_METHODS = (
    "forward",
    "fprop",
    "forward_pass",
    "forward_propagation",
    "forwardprop",
    "forward_prop",
    "feedforward",
    "feed_forward",
    "fwd",
    "__call__",
    "call",
    "calculate",
    "compute",
    "loss",
)
BACKWARD_METHODS = (
    "backward",
    "bprop",
    "backprop",
    "backward_pass",
    "backward_propagation",
    "backpropagation",
    "back_prop",
    "backpropagate",
    "bwd",
    "back",
)
GRADIENT_METHODS = ("gradient", "gradients", "grad", "grads", "compute_gradients", "calc_gradient")
LOSS_METHODS = ("loss", "cost", "loss_function", "compute_loss", "cost_function", "calc_loss")
DERIVATIVE_METHODS = (
    *("derivative", "gradient", "grad", "prime", "deriv", "derivate", "df", "d"),
    *("activation_prime", "activation_derivative", "loss_prime", "gradient_wrt_input"),
)
VALUE_METHODS = (
    *("__call__", "forward", "loss", "activate", "activation", "function", "func", "fn", "f"),
    *("call", "evaluate", "value", "compute", "calculate", "cost"),
)

#: Parameters of a function that make it give its derivative.
FLAGS = {"deriv", "derivative", "derivate", "derv", "prime", "grad", "gradient", "d", "backward"}

#: ``d``, ``dy``, ``dh1``, ``dZ``, ``dLdy``, ``d_anything``, ``dout``, ``dvalues``, ``grad_output``
_UPSTREAM = re.compile(
    r"d|d[a-z]\d?|d[A-Z]\w*|d_\w+|d\d"
    r"|d(out|val|loss|score|logit|prob|pred|next|prev|hid|act|top|err|res|feat)\w*"
    r"|delta\w*|\w*grad\w*|up(stream)?\w*|g|g_?out\w*|error|err"
)


def backward_stem(name: str) -> tuple[str, str] | None:
    """Split ``conv_backward_naive`` into ("conv", "naive"); None where it is no backward.

    Examples
    --------
    >>> backward_stem("batchnorm_backward_alt"), backward_stem("backward_affine")
    (('batchnorm', 'alt'), ('affine', ''))
    >>> backward_stem("backward"), backward_stem("feedback")
    (('', ''), None)
    """
    return _split(snake(name), _BACK)


def forward_stem(name: str) -> tuple[str, str] | None:
    """Split ``conv_forward_naive`` into ("conv", "naive"); None where it is no forward."""
    return _split(snake(name), _FORTH)


def derivative_stems(name: str) -> list[str]:
    """Give the functions that a name may be the derivative of.

    Examples
    --------
    >>> derivative_stems("sigmoid_prime"), derivative_stems("dsigmoid"), derivative_stems("d_tanh")
    (['sigmoid'], ['sigmoid'], ['tanh'])
    >>> derivative_stems("derivative_of_relu"), derivative_stems("softmax")
    (['relu'], [])
    """
    found = []
    text = snake(name)
    after = re.fullmatch(rf"(.+?)_(?:{_DERIVED})", text)
    before = re.fullmatch(rf"(?:{_DERIVED})_(?:of_)?(.+)", text)
    if after:
        found.append(after[1])
    if before:
        found.append(before[1])
    if re.fullmatch(r"d[a-z]\w+", text) and not found:
        found.append(text[1:])
    return found


def is_upstream(name: str) -> bool:
    """Whether a parameter holds the gradient from above: ``dout``, ``dA``, ``grad_output``."""
    return bool(_UPSTREAM.fullmatch(name.lstrip("_")))


def snake(name: str) -> str:
    """Write ``sigmoidPrime`` as ``sigmoid_prime``, and ``reluBackward`` as ``relu_backward``."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)
    return text.strip("_").lower()


def squash(name: str) -> str:
    """Leave letters and digits, of one case: ``Dense Layer`` and ``dense_layer`` are one name."""
    return re.sub(r"[\W_]", "", name).lower()


def _split(text: str, words: str) -> tuple[str, str] | None:
    inner = re.fullmatch(rf"(?:(.+?)_)?(?:{words})(?:_(\w+))?", text)
    if not inner:
        return None
    before, after = inner[1] or "", inner[2] or ""
    return (before, after) if before else (after, "")
