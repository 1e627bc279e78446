"""The ``ctx`` of a `torch.autograd.Function`, and what torch does to the gradients it is given."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import Array

#: How arrays are written, and how tensors are.
_IN_TORCH = (
    (r"\.copy\(\)", ".clone()"),
    (r"\baxis=", "dim="),
    (r"\bkeepdims=", "keepdim="),
    (r"(\.t\(\)|\.T)\.T\b", ""),
    (r"\._saved = \((.*?),?\)$", r".save_for_backward(\1)"),
)


class Context:
    """What forward and backward know as ``ctx``; the user's code may set whatever it likes."""

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self._saved: tuple[Any, ...] = ()
        self._versions: tuple[int | None, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._constant: tuple[Any, ...] = ()
        self._materializes = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors, or None."""
        for i, each in enumerate(tensors):
            if each is not None and not is_tensor(each):
                kind = type(each).__name__
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {kind}"
                )
        self._saved = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward has written to."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether a gradient that is not there is zeros, or None."""
        self._materializes = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """Give what was saved, unless it was written to since."""
        for tensor, version in zip(self._saved, self._versions, strict=False):
            if tensor is not None and tensor._version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    "inplace operation"
                )
        return self._saved

    def seal(self) -> None:
        """Remember, after forward, in which state the saved tensors are."""
        self._versions = tuple(None if t is None else t._version for t in self._saved)


def as_torch(text: str) -> str:
    """Write for tensors what was written for arrays.

    Examples
    --------
    >>> as_torch("db = torch.sum(g.copy(), axis=0, keepdims=True)")
    'db = torch.sum(g.clone(), dim=0, keepdim=True)'
    >>> as_torch("ctx._saved = (x,)"), as_torch("g @ w.t().T")
    ('ctx.save_for_backward(x)', 'g @ w')
    """
    for pattern, instead in _IN_TORCH:
        text = re.sub(pattern, instead, text)
    return text


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of torch."""
    torch: Any = sys.modules["torch"]
    return isinstance(value, torch.Tensor)


def needs_gradient(value: Any) -> bool:
    """Whether a value is a tensor that may move."""
    return is_tensor(value) and bool(value.requires_grad)


def array_of(tensor: Any) -> Array:
    """Copy a tensor into an array."""
    dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    return np.array(dense.cpu().numpy())


def summed(part: Array | None, shape: tuple[int, ...]) -> Any:
    """Sum a gradient to a shape that it could be broadcast from, as torch does."""
    if part is None or not _is_expandable(shape, part.shape):
        return part
    extra = part.ndim - len(shape)
    axes = [i + extra for i, n in enumerate(shape) if n == 1 and part.shape[i + extra] != 1]
    return part.sum(axis=(*range(extra), *axes)).reshape(shape)


def _is_expandable(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    if len(shape) > len(to):
        return False
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return all(n in (1, m) for n, m in pairs)


def loses_an_axis(found: Any, shape: Any) -> bool:
    """Whether a gradient is right but for axes of length 1, and torch does not take it."""
    found, shape = tuple(found), tuple(shape)
    same = [n for n in found if n != 1] == [n for n in shape if n != 1]
    return same and not _is_expandable(shape, found)
