"""Convolutions of known shapes as machine code: each of y, x and W from the other two.

``y[n,f,i,j] = Σ x[n,c,i·s + u·d - p, j·s + v·d - p] · W[f,c,u,v]``, arrays in the order N, C, H, W.
No matrix of windows is made. One sample's images are copied, with their padding, into memory that
stays in a cache; windows are read there by vectors that need not be aligned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.convolution_weights import write_weights
from clearprop.compile.machine.correlation import CorrelationWriter
from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.grids import write_clear, write_grid
from clearprop.compile.machine.vectors import INDEX, POINTER, Vectors, constant
from clearprop.compile.machine.windows import (
    Convolution,
    backward,
    forward,
    sizes,
    x_grid,
    y_grid,
)
from clearprop.compile.machine.winograd import fits, pays, winograd_scratch_bytes, write_winograd
from clearprop.compile.machine.winograd_weights import (
    winograd_weights_scratch_bytes,
    write_winograd_weights,
)

__all__ = ["Convolution", "convolution_scratch_bytes", "fits", "pays", "write_convolution"]


def convolution_scratch_bytes(spec: Convolution, processor: Processor | None = None) -> int:
    """Give the size of the memory that one call needs beside its arguments."""
    if spec.transformed and spec.target == "W":
        return winograd_weights_scratch_bytes(spec, processor or this_processor())
    if spec.transformed:
        return winograd_scratch_bytes(spec, processor or this_processor())
    return sum(sizes(spec, processor or this_processor())) * np.dtype(spec.dtype).itemsize


def write_convolution(
    module: ir.Module, name: str, spec: Convolution, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(out, a, b, scratch, i64 start, i64 stop)`` for a range of samples.

    Parameters
    ----------
    module : llvmlite.ir.Module
    name : str
    spec : Convolution
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        With target 'y' it computes the samples `start` to `stop` of y from x and W, with 'x' those
        of dx from dy and W; with 'W' it writes the sum over these samples alone to `out`, from x
        and dy: every sample is summed from 0, row by row, and the samples are added in order.
        `scratch` has `convolution_scratch_bytes(spec)` bytes that no other call uses then.
    """
    processor = processor or this_processor()
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 4 + [INDEX] * 2)
    function = ir.Function(module, kind, name)
    for argument, title in zip(
        function.args, ("out", "a", "b", "scratch", "start", "stop"), strict=True
    ):
        argument.name = title
    v = Vectors(ir.IRBuilder(function.append_basic_block("entry")), spec.dtype, processor)
    if spec.transformed:
        assert fits(spec), spec
    if spec.transformed and spec.target == "W":
        write_winograd_weights(v, name, spec, processor, *function.args)
    elif spec.target == "W":
        write_weights(v, name, spec, processor, *function.args)
    elif spec.transformed:
        write_winograd(v, name, spec, processor, *function.args)
    else:
        _write_images(v, name, spec, processor, *function.args)
    v.b.ret_void()
    return function


def _write_images(
    v: Vectors,
    name: str,
    spec: Convolution,
    processor: Processor,
    out: Any,
    a: Any,
    W: Any,
    scratch: Any,
    start: Any,
    stop: Any,
) -> None:
    """Write y from x and W, or x from dy and W."""
    lanes, masks = processor.lanes(v.dtype.itemsize), processor.vector_bytes > 16
    to_y = spec.target == "y"
    g, found = (x_grid(spec), forward(spec)) if to_y else (y_grid(spec), backward(spec))
    source, target = (spec.x, spec.y) if to_y else (spec.y, spec.x)
    writers = [CorrelationWriter(v, f"{name}.{n}", c) for n, c in enumerate(found)]
    if not g.as_it_is:
        write_clear(v, scratch, g.items(lanes), lanes)

    def sample(n: Any) -> None:
        begin = v.at(a, v.scaled(n, int(np.prod(source))))
        end = v.at(out, v.scaled(n, int(np.prod(target))))
        if not g.as_it_is:
            write_grid(v, g, scratch, begin, lanes, masks=masks)
            begin = scratch

        def group(k: Any) -> None:
            one = v.at(begin, v.scaled(k, g.channels // spec.groups * g.channel))
            to = v.at(end, v.scaled(k, int(np.prod(target)) // spec.groups))
            weights = v.at(W, v.scaled(k, int(np.prod(spec.W)) // spec.groups))
            for writer in writers:
                writer.write(to, one, weights)

        v.loop(constant(0), constant(spec.groups), group)

    v.loop(start, stop, sample)
