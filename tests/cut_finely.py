"""Programs in many pieces, whatever their sizes."""

from contextlib import contextmanager

import pytest

from clearprop.compile import cutting, planning, program


def on_all_threads(patch):
    """Let small programs run on several threads too, where they only wait for each other."""
    patch.setattr(program, "_WORTH_MEETING", 0)


@contextmanager
def cut_finely():
    """Compile what is called inside with shards of few rows, and blocks of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_LEAST_WORK", 1)
        patch.setattr(cutting, "_BLOCK_BYTES", 1)
        patch.setattr(planning, "_LITTLE", 0)
        patch.setattr(planning, "_SPLIT", 1)
        on_all_threads(patch)
        yield
