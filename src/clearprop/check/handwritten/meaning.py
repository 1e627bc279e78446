"""Names: what is a gradient of what, what is an upstream gradient, a target, a cache."""

from __future__ import annotations

import re
from functools import cache

#: Names that mean the same thing in different books.
_SYNONYMS = [
    {"x", "inputs", "input", "inp", "data", "features", "in", "a_prev", "aprev", "z", "values"},
    {"w", "weights", "weight", "kernel", "kernels", "filters", "filter"},
    {"b", "biases", "bias"},
    {"gamma", "scale"},
    {"beta", "shift"},
    {"y_pred", "predict", "predictions", "prediction", "yhat", "y_hat", "scores", "logits", "pred"},
]
_TARGETS = re.compile(
    r"^(t|target|targets|y_?true|labels?|y_?target|true|truth|ground_?truth|teacher|ys|y_batch|t_batch)$",
    re.I,
)
_PREDICTIONS = re.compile(
    r"^(y_?preds?|predict|predictions?|predicted|preds?|y_?hat|y_?prob\w*|y_?scores?|outputs?"
    r"|(log_?)?probs?|probabilities|p|scores|logits)$",
    re.I,
)
_PARAMETER = re.compile(
    r"^([wu]\w?\d?|weights?|b\d?|bias(es)?|gamma|beta|kernels?|filters?)$", re.I
)
_UPSTREAM = re.compile(
    r"^(d[A-Za-z_0-9]*|grad\w*|g[A-Z]?\w{0,3}|delta\w*|upstream\w*|error\w*|err|back\w*|\w+_grad|\w*gradient\w*)$",
    re.I,
)
_CACHE = re.compile(r"^(\w*cache\w*|ctx|context|memory|saved|tape|meta)$", re.I)
_LAST = re.compile(r"(?:\.|^)(\w+)$|\[['\"]?([^\]'\"]+)['\"]?\]$")
_VALUE = re.compile(r"^_?(data|value|val|array|tensor|weights?|w|v)$", re.I)
_BESIDE_IT = re.compile(r"^_?(grads?|gradients?|g|diff|delta)$", re.I)
_CONTAINERS = re.compile(r"^_?(grads?|gradients?|dparams?|d_?parameters)$", re.I)


def is_target(name: str) -> bool:
    """Whether an argument is by its name what a loss compares with."""
    return bool(_TARGETS.match(name))


def is_prediction(name: str) -> bool:
    """Whether an argument is by its name what a network predicts."""
    return bool(_PREDICTIONS.match(name))


def is_parameter(name: str) -> bool:
    """Whether a name is one that people give to weights, biases and scales."""
    return bool(_PARAMETER.match(name))


def is_upstream(name: str) -> bool:
    """Whether an argument of a backward is by its name the incoming gradient."""
    return bool(_UPSTREAM.match(name))


def is_cache(name: str) -> bool:
    """Whether an argument of a backward is by its name what forward kept."""
    return bool(_CACHE.match(name))


@cache
def last_of(path: str) -> str:
    """Give the last name of a path: ``W1`` of ``params['W1']``."""
    found = _LAST.search(path)
    return (found[1] or found[2]) if found else path


@cache
def stems(label: str) -> tuple[str, ...]:
    """Give what a gradient's name may be the gradient of: ``W``, of ``dW`` or ``grad_W``."""
    found = []
    label = label.strip("_")
    for pattern in (
        r"^d_?(.+)$",
        r"^[dD]L?_?d_?(.+)$",
        r"^d[jlJLeEcC]_d_?(.+)$",
        r"^grads?_?(?:of_|wrt_)?(.+)$",
        r"^gradients?_?(?:of_|wrt_)?(.+)$",
        r"^(?:delta|nabla|g)_?(.+)$",
        r"^(.+?)_?[gG]rads?$",
        r"^(.+?)_?gradients?$",
    ):
        match = re.match(pattern, label)
        if match:
            found.append(match[1])
    return tuple(found)


@cache
def same_thing(one: str, other: str) -> bool:
    """Whether two names mean the same: equal, or synonyms, or singular and plural."""
    a, b = one.lower().strip("_"), other.lower().strip("_")
    return a == b or a.rstrip("s") == b.rstrip("s") or any(a in s and b in s for s in _SYNONYMS)


@cache
def is_gradient_of(label: str, leaf: str) -> bool:
    """Whether a path such as ``dW`` or ``grads['W1']`` names the gradient of another."""
    own, of = _split(label), _split(leaf)
    if own[0] == of[0] != "" and _VALUE.match(of[1]) and _BESIDE_IT.match(own[1]):
        return True  # W.data and W.grad
    if own[0] == of[0]:
        return any(same_thing(stem, of[1]) for stem in stems(own[1]))
    holder, container = _split(own[0].rstrip(".")) if own[0] else ("", "")
    if _CONTAINERS.match(container):
        there = _split(of[0].rstrip("."))[0] if of[0] else ""
        return (own[1] == of[1] and holder == there) or any(
            same_thing(s, of[1]) for s in stems(own[1])
        )
    return False


def _split(path: str) -> tuple[str, str]:
    """Split ``a.b['c']`` into its holder ``a.b`` and its last name ``c``."""
    last = last_of(path)
    match = _LAST.search(path)
    start = match.start() if match else 0
    return path[:start].rstrip("."), last


def is_statistic(name: str) -> bool:
    """Whether an array is by its name kept over many batches, not learned."""
    return bool(re.match(r"^_?(running|moving|pop(ulation)?|ema|global|test|avg)_", name, re.I))
