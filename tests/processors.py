"""Descriptions of processors that this machine can run code for."""

from clearprop.compile.machine.engine import Processor, this_processor

_AVX2 = "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,-avx512f"
NARROW = Processor("haswell", _AVX2, vector_bytes=32, registers=16)
NARROWER = Processor("haswell", _AVX2, vector_bytes=16, registers=16)


def processors():
    """Give this one, and poorer ones."""
    here = this_processor()
    return [here, *([NARROW, NARROWER] if "+avx2" in here.features else [])]
