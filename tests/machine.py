"""Functions of lanes, compiled to loops over arrays, for tests."""

import ctypes
from dataclasses import replace

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.engine import Library, machine_code, this_processor
from clearprop.compile.machine.instructions import Emitter, scalar_type

PROCESSOR = this_processor()
X86 = PROCESSOR.features and "+sse2" in PROCESSOR.features
#: Descriptions of processors, all of which this one can stand in for.
AVX2 = replace(
    PROCESSOR,
    name="x86-64-v3",
    features="+avx2,+fma,+bmi,+bmi2,+f16c,+sse4.1,+sse4.2",
    vector_bytes=32,
    registers=16,
)
SSE = replace(
    PROCESSOR, name="x86-64-v2", features="+sse4.1,+sse4.2", vector_bytes=16, registers=16
)


def _stored(dtype):
    return ir.IntType(8) if dtype.kind == "b" else scalar_type(dtype)


def body(module, name, function, inputs, lanes, processor):
    """Write ``y[i:i + lanes] = function(x[i:i + lanes], ...)`` for i up to n."""
    pointer, index = ir.PointerType(), ir.IntType(64)
    count = len(inputs)
    f = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [index, pointer] + [pointer] * count), name
    )
    builder = ir.IRBuilder(f.append_basic_block())
    before = builder.block
    head, body, after = (f.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(index)
    i.add_incoming(index(0), before)
    builder.cbranch(builder.icmp_signed("<", i, f.args[0]), body, after)
    builder.position_at_end(body)
    emitter = Emitter.at(builder, processor)
    values = []
    for argument, dtype in zip(f.args[2:], inputs, strict=True):
        kind = _stored(dtype)
        at = builder.gep(argument, [i], source_etype=kind)
        wide = kind if lanes == 1 else ir.VectorType(kind, lanes)
        x = emitter.value(builder.load(at, typ=wide, align=1), "u1" if dtype.kind == "b" else dtype)
        values.append(x != 0 if dtype.kind == "b" else x)
    y = function(*values).spread(lanes)
    out = y.dtype
    at = builder.gep(f.args[1], [i], source_etype=_stored(out))
    stored = y._converted(np.dtype("u1")) if out.kind == "b" else y
    builder.store(stored.ir, at, align=1)
    i.add_incoming(builder.add(i, index(lanes)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    builder.ret_void()
    return out


def compiled(functions, processor=PROCESSOR, lanes=None):
    """Compile functions into one library; give them as functions of arrays.

    ``functions`` is a dict from a name to (function, dtypes of its operands); ``lanes`` is by
    default what fits into a vector.
    """
    module = ir.Module()
    outputs = {}
    for name, (function, dtypes) in functions.items():
        inputs = [np.dtype(d) for d in dtypes]
        width = lanes or processor.lanes(max(d.itemsize for d in inputs))
        outputs[name] = inputs, width, body(module, name, function, inputs, width, processor)
    code = machine_code(str(module), processor)
    library = Library(code)
    functions = {name: _caller(library, name, *form) for name, form in outputs.items()}
    for f in functions.values():
        f.code = code
    return functions


def _caller(library, name, inputs, lanes, output):
    call = library.function(name, ctypes.c_int64, *[ctypes.c_void_p] * (len(inputs) + 1))

    def run(*arrays, out=None):
        n = len(arrays[0])
        if n % lanes:  # the last vector is filled up with the last element
            arrays = [np.concatenate([a, np.repeat(a[-1:], -n % lanes)]) for a in arrays]
        arrays = [np.ascontiguousarray(a, d) for a, d in zip(arrays, inputs, strict=True)]
        y = np.empty(len(arrays[0]), output) if out is None else out
        call(len(arrays[0]), y.ctypes.data, *(a.ctypes.data for a in arrays))
        return y[:n]

    return run
