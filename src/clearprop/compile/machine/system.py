"""Functions of the system and of Python that machine code calls, by names of our own."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

import llvmlite.binding as llvm

YIELD = "clearprop_yield"  # int (): let another thread have this core
ACQUIRE = "clearprop_acquire"  # int (ptr lock, int wait): Python's, which needs no interpreter
RELEASE = "clearprop_release"  # void (ptr lock)


@functools.cache
def provide() -> None:
    """Tell LLVM where these functions are; code that calls them can be loaded after that."""
    library = ctypes.CDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)
    leave = library.SwitchToThread if os.name == "nt" else library.sched_yield
    llvm.add_symbol(YIELD, _address(leave))
    llvm.add_symbol(ACQUIRE, _address(ctypes.pythonapi.PyThread_acquire_lock))
    llvm.add_symbol(RELEASE, _address(ctypes.pythonapi.PyThread_release_lock))


def _address(function: Any) -> int:
    """Give where a function lies."""
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
