"""What threads share inside compiled code: a barrier.

It lies in a piece of memory, ``shared``, that the caller of a compiled function hands to it.
Each word that threads write has cache lines of its own.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir

from clearprop.compile.machine.system import YIELD

LINE = 128  # two lines of 64 bytes, which x86 fetches together; one of Apple's
PAUSES = 0  # how many pauses a thread waits before it yields its core
ARRIVED = LINE  # how many threads have come to the barrier
GENERATION = 2 * LINE  # how often it has opened
SHARED_BYTES = 3 * LINE

_I64, _PTR, _VOID = ir.IntType(64), ir.PointerType(), ir.VoidType()
_I8, _I32 = ir.IntType(8), ir.IntType(32)


def write_barrier(module: ir.Module) -> ir.Function:
    """Write ``void barrier(ptr shared, i64 threads)``, if it is not there; give it.

    Whatever a thread wrote before it is visible to all threads after it. A thread that waits pauses
    for some microseconds and then yields its core, so that more threads than cores get on as well.

    Parameters
    ----------
    module : ir.Module

    Returns
    -------
    ir.Function
        It is to be called by every thread, equally often; one thread passes at once.
    """
    f, is_new = _function(module, "barrier", _VOID, _PTR, _I64)
    if not is_new:
        return f
    relax = write_relax(module)
    shared, threads = f.args
    shared.name, threads.name = "shared", "threads"
    b = ir.IRBuilder(f.append_basic_block("entry"))
    blocks = [f.append_basic_block(n) for n in ("several", "last", "wait", "again", "open")]
    several, last, wait, again, opened = blocks
    arrived, generation = (
        b.gep(shared, [_I64(at)], source_etype=_I8) for at in (ARRIVED, GENERATION)
    )
    b.cbranch(b.icmp_signed(">", threads, _I64(1)), several, opened)

    b.position_at_end(several)
    seen = b.load_atomic(generation, "acquire", 8, typ=_I64)
    before = b.atomic_rmw("add", arrived, _I64(1), "acq_rel")
    is_last = b.icmp_signed("==", b.add(before, _I64(1)), threads)
    b.cbranch(is_last, last, wait)

    b.position_at_end(last)  # nobody else touches these words until the generation changes
    b.store(_I64(0), arrived, align=8)
    b.atomic_rmw("add", generation, _I64(1), "release")
    b.branch(opened)

    b.position_at_end(wait)
    waited = b.phi(_I64)
    waited.add_incoming(_I64(0), several)
    now = b.load_atomic(generation, "acquire", 8, typ=_I64)
    b.cbranch(b.icmp_signed("!=", now, seen), opened, again)

    b.position_at_end(again)
    pauses = b.load(b.gep(shared, [_I64(PAUSES)], source_etype=_I8), typ=_I64, align=8)
    b.call(relax, [waited, pauses])
    waited.add_incoming(b.add(waited, _I64(1)), again)
    b.branch(wait)

    b.position_at_end(opened)
    b.ret_void()
    return f


def write_relax(module: ir.Module) -> ir.Function:
    """Write ``void relax(i64 waited, i64 pauses)``, if it is not there; give it.

    Parameters
    ----------
    module : ir.Module

    Returns
    -------
    ir.Function
        What a thread does between two looks: a pause, or, after so many of them, it yields.
    """
    f, is_new = _function(module, "relax", _VOID, _I64, _I64)
    if is_new:
        b = ir.IRBuilder(f.append_basic_block("entry"))
        pause, leave = f.append_basic_block("pause"), f.append_basic_block("yield")
        b.cbranch(b.icmp_signed("<", *f.args), pause, leave)
        b.position_at_end(pause)
        _write_pause(module, b)
        b.ret_void()
        b.position_at_end(leave)
        b.call(_declared(module, YIELD, _I32), [])
        b.ret_void()
    return f


def _write_pause(module: ir.Module, b: ir.IRBuilder) -> None:
    """Write the instruction that tells a core it is waiting, where there is one."""
    machine = llvm.get_default_triple().partition("-")[0]
    if machine in ("x86_64", "i686", "i386"):
        b.call(_declared(module, "llvm.x86.sse2.pause", _VOID), [])
    elif machine in ("aarch64", "arm64"):
        b.call(_declared(module, "llvm.aarch64.hint", _VOID, _I32), [_I32(1)])


def _declared(module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    """Declare a function that stands elsewhere."""
    found = module.globals.get(name)
    return found or ir.Function(module, ir.FunctionType(result, arguments), name)


def _function(
    module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type
) -> tuple[ir.Function, bool]:
    """Give a function of this module, and whether it has no body yet."""
    function = _declared(module, name, result, *arguments)
    function.linkage = "internal"  # each object file has its own
    return function, not function.blocks
