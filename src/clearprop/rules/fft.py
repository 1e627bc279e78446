"""Fourier transforms. Each is linear, and its rule is one of them.

Cotangents are paired without conjugation, and the matrix of a complex transform is symmetric: its
rule is the transform itself. Lengths and zeros at the end are slices and padding beside it.
"""

import numpy as np

from clearprop.kinds import OPAQUE
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import NUMBERS, conjugated
from clearprop.rules.reduction import axes_of

#: The norm with which the transform back, without its own, has the factor of the transform.
_FACTOR_OF = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
_CASES = [
    Case(NUMBERS, axes=(1,)),
    Case((4, 3), axes=(0,)),
    Case((2, 3, 4), axes=(0, -1), norm="ortho"),
    Case((5,), axes=(0,), norm="forward"),
]


def _along_each(transform):
    """Transform along one axis after the other as NumPy does, from the second on in place."""

    def run(x, *, axes, norm=None):
        y = transform(x, axis=axes[-1], norm=norm)
        for axis in axes[-2::-1]:
            y = transform(y, axis=axis, norm=norm, out=y)
        return y

    return run


@primitive(
    kind=OPAQUE,
    symbol="F",
    latex=r"\mathcal F x",
    cases=_CASES,
    implementation=_along_each(np.fft.fft),
)
def fftn(x, *, axes, norm=None):
    return np.fft.fftn(x, axes=axes, norm=norm)


@fftn.vjp("x", latex=r"\mathcal F \bar y")
def _(dy, *, axes, norm):
    return fftn(dy, axes=axes, norm=norm)


@primitive(
    kind=OPAQUE,
    symbol="F⁻¹",
    latex=r"\mathcal F^{-1} x",
    cases=_CASES,
    implementation=_along_each(np.fft.ifft),
)
def ifftn(x, *, axes, norm=None):
    return np.fft.ifftn(x, axes=axes, norm=norm)


@ifftn.vjp("x", latex=r"\mathcal F^{-1} \bar y")
def _(dy, *, axes, norm):
    return ifftn(dy, axes=axes, norm=norm)


@primitive(
    kind=OPAQUE,
    symbol="F",
    latex=r"\mathcal F x",
    cases=[
        Case((6,), axis=0),
        Case((2, 5), axis=-1, norm="ortho"),
        Case((4, 3), axis=0, norm="forward"),
        Case((1,), axis=0),
    ],
)
def rfft(x, *, axis, norm=None):
    return np.fft.rfft(x, axis=axis, norm=norm)


@rfft.vjp("x", latex=r"n \mathcal F^{-1} \overline{\bar y / w}")
def _(dy, x_shape, *, axis, norm):
    n = x_shape[axis]
    halves = conjugated(dy / _times(dy, axis, n))
    return irfft(halves, n=n, axis=axis, norm=_FACTOR_OF[norm])


@primitive(
    kind=OPAQUE,
    symbol="F⁻¹",
    latex=r"\mathcal F^{-1} x",
    cases=[
        Case(NUMBERS, n=2, axis=0),
        Case(NUMBERS, n=3, axis=-1, norm="ortho"),
        Case((3, 4), n=6, axis=1, norm="forward"),
    ],
)
def irfft(x, *, n, axis, norm=None):
    return np.fft.irfft(x, n=n, axis=axis, norm=norm)


@irfft.vjp("x", latex=r"\tfrac{1}{n} w\,\overline{\mathcal F \bar y}")
def _(dy, *, n, axis, norm):
    half = rfft(dy, axis=axis, norm=_FACTOR_OF[norm])
    return conjugated(half) * _times(half, axis, n)


def _times(half, axis, n):
    """Say how often each number of half a spectrum stands in the whole: the inner ones, twice."""
    m = n // 2 + 1
    times = np.full(m, 2, np.finfo(half.dtype).dtype)
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    return np.reshape(times, (m,) + (1,) * (half.ndim - 1 - axis % half.ndim))


# ---- NumPy's functions: lengths, axes, and what is said by another one --------------------------


def _of_length(x, n, axis):
    """Cut an axis, or put zeros at its end."""
    if n is None or n == np.shape(x)[axis]:
        return x
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")  # as NumPy has it
    more = n - np.shape(x)[axis]
    if more < 0:
        return x[(slice(None),) * (axis % np.ndim(x)) + (slice(n),)]
    width = [(0, 0)] * np.ndim(x)
    width[axis] = (0, more)
    return np.pad(x, width)


def _cut(a, s, axes):
    """Give an array with the lengths that were asked for, the axes, and these lengths."""
    if s is not None and axes is None:
        axes = tuple(range(-len(s), 0))
    axes = axes_of(None, np.ndim(a)) if axes is None else tuple(axes)
    lengths = [-1] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError("Shape and axes have different lengths.")  # as NumPy has it
    # As they are now: where an axis is named twice, the first transform may change its length.
    lengths = [np.shape(a)[i] if n == -1 else n for i, n in zip(axes, lengths, strict=True)]
    return a, axes, lengths


@composition(np.fft.fft)
def fft_of(a, n=None, axis=-1, norm=None):
    return fftn(_of_length(a, n, axis), axes=(axis,), norm=norm)


@composition(np.fft.ifft)
def ifft_of(a, n=None, axis=-1, norm=None):
    return ifftn(_of_length(a, n, axis), axes=(axis,), norm=norm)


@composition(np.fft.fftn)
def fftn_of(a, s=None, axes=None, norm=None):
    return _transformed(fftn, a, s, axes, norm)


@composition(np.fft.ifftn)
def ifftn_of(a, s=None, axes=None, norm=None):
    return _transformed(ifftn, a, s, axes, norm)


@composition(np.fft.fft2)
def fft2_of(a, s=None, axes=(-2, -1), norm=None):
    return _transformed(fftn, a, s, axes, norm)


@composition(np.fft.ifft2)
def ifft2_of(a, s=None, axes=(-2, -1), norm=None):
    return _transformed(ifftn, a, s, axes, norm)


def _transformed(transform, a, s, axes, norm):
    a, axes, lengths = _cut(a, s, axes)
    for n, axis in zip(lengths, axes, strict=True):
        a = _of_length(a, n, axis)
    return transform(a, axes=axes, norm=norm) if axes else a


@composition(np.fft.rfft)
def rfft_of(a, n=None, axis=-1, norm=None):
    return rfft(_of_length(a, n, axis), axis=axis, norm=norm)


@composition(np.fft.irfft)
def irfft_of(a, n=None, axis=-1, norm=None):
    n = 2 * (np.shape(a)[axis] - 1) if n is None else n
    return irfft(_of_length(a, n // 2 + 1, axis), n=n, axis=axis, norm=norm)


@composition(np.fft.rfftn)
def rfftn_of(a, s=None, axes=None, norm=None):
    a, axes, lengths = _cut(a, s, axes)
    half = np.fft.rfft(a, lengths[-1], axes[-1], norm)
    return _transformed(fftn, half, lengths[:-1], axes[:-1], norm)


@composition(np.fft.irfftn)
def irfftn_of(a, s=None, axes=None, norm=None):
    a, axes, lengths = _cut(a, s, axes)
    whole = _transformed(ifftn, a, lengths[:-1], axes[:-1], norm)
    return np.fft.irfft(whole, None if s is None else lengths[-1], axes[-1], norm)


@composition(np.fft.rfft2)
def rfft2_of(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.rfftn(a, s, axes, norm)


@composition(np.fft.irfft2)
def irfft2_of(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.irfftn(a, s, axes, norm)


@composition(np.fft.hfft)
def hfft(a, n=None, axis=-1, norm=None):
    return irfft_of(conjugated(a), n, axis, _FACTOR_OF[norm])


@composition(np.fft.ihfft)
def ihfft(a, n=None, axis=-1, norm=None):
    return conjugated(rfft_of(a, n, axis, _FACTOR_OF[norm]))


@composition(np.fft.fftshift)
def fftshift(x, axes=None):
    return _shifted(x, axes, 1)


@composition(np.fft.ifftshift)
def ifftshift(x, axes=None):
    return _shifted(x, axes, -1)


def _shifted(x, axes, sign):
    axes = axes_of(axes, np.ndim(x))
    return np.roll(x, tuple(sign * (np.shape(x)[i] // 2) for i in axes), axes)
