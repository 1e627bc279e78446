"""LLVM, as far as it is used here: a module of its language becomes machine code."""

from __future__ import annotations

import ctypes
import functools
import os
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from clearprop.compile.machine.system import provide

# One thread at a time is in LLVM, by a lock of llvmlite's. A process forks while none is: else the
# child would wait for ever for a thread that it has not.
_lock: Any = getattr(llvm.ffi.lib, "_lock", None)
if _lock is not None and hasattr(os, "register_at_fork"):
    _leave = functools.partial(_lock.__exit__, None, None, None)
    os.register_at_fork(before=_lock.__enter__, after_in_parent=_leave, after_in_child=_leave)


@dataclass(frozen=True)
class Processor:
    """The processor that code is made for.

    Attributes
    ----------
    name : str
        As LLVM calls it.
    features : str
        What its instructions can do, as LLVM writes it; part of the key of whatever is kept.
    vector_bytes : int
        The width of its vectors: 64 with AVX-512, 32 with AVX, else 16.
    registers : int
        The number of its vector registers.
    """

    name: str
    features: str
    vector_bytes: int
    registers: int

    def lanes(self, item_bytes: int) -> int:
        """Give the number of elements in one vector."""
        return self.vector_bytes // item_bytes


@functools.cache
def _ready() -> None:
    """Let LLVM know the machine code of this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def this_processor() -> Processor:
    """Look at the processor that runs this."""
    _ready()
    found = llvm.get_host_cpu_features()
    has_512 = all(found.get(f"avx512{part}") for part in ("f", "bw", "dq", "vl"))
    width = 64 if has_512 else 32 if found.get("avx2") and found.get("fma") else 16
    registers = 32 if has_512 or found.get("neon") else 16
    return Processor(llvm.get_host_cpu_name(), found.flatten(), width, registers)


def machine_code(text: str, processor: Processor | None = None) -> bytes:
    """Compile the text of a module; give the object file.

    Parameters
    ----------
    text : str
        A module in LLVM's language.
    processor : Processor, optional
        By default the one that runs this.

    Raises
    ------
    RuntimeError
        If the text is no module; LLVM says where.
    """
    _ready()
    processor = processor or this_processor()
    module = llvm.parse_assembly(text)
    module.verify()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=processor.name, features=processor.features, opt=3, reloc="pic", codemodel="default"
    )
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False  # the vectors are written, not found
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(target.emit_object(module))


class Library:
    """Machine code in memory; it stays there as long as this object.

    Parameters
    ----------
    code : bytes
        An object file, as `machine_code` gives it.
    """

    def __init__(self, code: bytes) -> None:
        _ready()
        provide()
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Give where a function lies."""
        return int(self._engine.get_function_address(name))

    def function(self, name: str, *arguments: Any) -> Any:
        """Give a function that returns nothing, as ctypes calls it; calls release the lock.

        Parameters
        ----------
        name : str
        *arguments : ctypes types
        """
        call: Any = ctypes.CFUNCTYPE(None, *arguments)(self.address(name))
        call.code = self  # it lives as long as whoever may call it
        return call
