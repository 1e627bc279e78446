"""Many steps of a program in one call, without Python between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.compile.joining import JoinedNumber, taken_apart, wholes
from clearprop.compile.table import FIRST, LAST, MOVE_COUNT, MOVES, STEPS, SWAP_COUNT, SWAPS
from clearprop.graph import Node
from clearprop.trees import tree_values

if TYPE_CHECKING:
    from clearprop.compile.program import Memory, Program


class Steps:
    """The steps of a loop: where each finds what the one before it handed on.

    Parameters
    ----------
    program : Program
        Its result is a pair: what a step hands on, and what it gives besides.
    carried : int
        How many of the arguments, the first ones, a step hands on to the next; its first results
        are their new values.
    of_steps : int
        How many of the arguments after that have a row for each step.
    """

    def __init__(self, program: Program, carried: int, of_steps: int) -> None:
        parts = list(tree_values(program.result))
        self._program = program
        self._rows = carried, carried + of_steps
        self._handed, self._given = parts[:carried], parts[carried:]
        self._before = wholes(self._handed)
        self._besides = wholes(self._given)
        count = len(self._before)
        self._row_leaves = range(count, program.arguments.count(carried + of_steps))
        #: Whether the steps are machine code and nothing else.
        self.fit = (
            not program.calls
            and all(isinstance(part, Node | JoinedNumber) for part in parts)  # no constants
            and program.arguments.fits(self._handed)
            and self._has_places()
        )

    def _has_places(self) -> bool:
        """Whether each result has a place of its own, or is the argument that it replaces."""
        leaves, fresh = self._program.leaves, self._program.fresh
        stays = zip(self._before, leaves, strict=False)
        results = [*self._before, *self._besides]
        own = [part for part in results if part not in leaves[: len(self._before)]]
        return (
            all(part in fresh for part in own)
            and all(part is leaf or part not in leaves for part, leaf in stays)
            and len(set(own)) == len(own)
            and not any(part in leaves for part in self._besides)
        )

    def run(self, steps: int, arrays: list[Any]) -> list[Any]:
        """Run them.

        Parameters
        ----------
        steps : int
        arrays : list of ndarray
            The arguments.

        Returns
        -------
        list of ndarray
            The results: those that are handed on as they are after the last step, of the others a
            row for each step.
        """
        program = self._program
        given = program.arguments.values(arrays, self._rows)
        with program.memory() as memory:
            moves = self._put(memory, given, steps)
            last, swaps = self._hand_on(memory, given, steps)
            rows = []
            for part in self._besides:
                array = program.plan.arrays[part]
                made = np.empty((steps, *array.shape), array.dtype)
                memory.put(array, made)
                moves += [memory.words[array], made.itemsize * array.size]
                rows.append(made)
            if steps:
                _call(program, memory, steps, moves, swaps)
        last = [v if np.ndim(v) else v[()] for v in taken_apart(self._handed, last)]
        return [*last, *taken_apart(self._given, rows)]

    def _put(self, memory: Memory, given: list[Any], steps: int) -> list[int]:
        """Put the arguments where they are read; say which words move on after a step."""
        program = self._program
        moves = []
        for k, (leaf, value) in enumerate(zip(program.leaves, given, strict=True)):
            if leaf not in program.plan.arrays:
                continue
            array = program.plan.arrays[leaf]
            is_own = k < len(self._before)  # it is written over
            own = (np.array if is_own else np.ascontiguousarray)(value, array.dtype)
            memory.put(array, own)
            if k in self._row_leaves and array in memory.words and steps:
                moves += [memory.words[array], own.nbytes // steps]
        return moves

    def _hand_on(self, memory: Memory, given: list[Any], steps: int) -> tuple[list[Any], list[int]]:
        """Give what is handed on, as the last step leaves it; and which words change places."""
        program, arrays = self._program, self._program.plan.arrays
        found, swaps = [], []
        for part, leaf, value in zip(self._before, program.leaves, given, strict=False):
            is_read = leaf in arrays and arrays[leaf] in memory.words
            before = memory.arrays[arrays[leaf]] if is_read else np.array(value, leaf.dtype)
            if part is leaf:
                found.append(before)
                continue
            array = arrays[part]
            if is_read and arrays[leaf] in program.over.get(array, ()):
                memory.put(array, before)
                found.append(before)
                continue
            after = np.empty(array.shape, array.dtype)
            memory.put(array, after)
            if is_read:
                swaps += [memory.words[arrays[leaf]], memory.words[array]]
            found.append(after if steps % 2 or (steps and not is_read) else before)
        return found, swaps


def _call(program: Program, memory: Memory, steps: int, moves: list[int], swaps: list[int]) -> None:
    """Run so many steps with what lies in a memory."""
    from clearprop.compile.machine.threads import call

    table = memory.table
    pairs = [np.array(part or [0], np.int64) for part in (moves, swaps)]
    memory.trouble[0] = 0
    table[[FIRST, LAST, STEPS]] = 0, len(program.plan.phases), steps
    table[[MOVES, MOVE_COUNT]] = pairs[0].ctypes.data, len(moves) // 2
    table[[SWAPS, SWAP_COUNT]] = pairs[1].ctypes.data, len(swaps) // 2
    try:
        call(program.address, table.ctypes.data, program.threads)
    finally:
        table[[STEPS, MOVE_COUNT, SWAP_COUNT]] = 1, 0, 0
    memory.check()
