"""Blocks of items that are to have one height, stacked from the top."""

from __future__ import annotations

from clearprop.draw.room import Room


class Blocks:
    """Items in blocks: each line is one, and each other item.

    Parameters
    ----------
    lines : list of list of int
        Items in different ranks that are to have one height; no item is on two lines.
    room : Room
    """

    def __init__(self, lines: list[list[int]], room: Room) -> None:
        on_line = {item for line in lines for item in line}
        singles = [[item] for item in range(len(room.y)) if item not in on_line]
        self.room = room
        self.blocks = [*lines, *singles]
        self.of = [0] * len(room.y)  # the block of an item
        self.settled = [False] * len(self.blocks)
        self.waits = [0] * len(self.blocks)  # for so many blocks above it
        self.ready: list[int] = []
        for number in range(len(self.blocks)):
            self._enter(number)

    def settle(self) -> None:
        """Give each block the mean height of its items, or a greater one to keep its distances.

        Two lines that cross between their ends cannot both be level: the shorter one is not.
        """
        first = 0
        while first < len(self.blocks):
            while self.ready:
                self._place(self.ready.pop())
            if self.settled[first]:
                first += 1
            else:
                self._split(self._shortest_in_circle(first))

    def _enter(self, number: int) -> None:
        self.waits[number] = 0
        for item in self.blocks[number]:
            self.of[item] = number
            above = self.room.above[item]
            self.waits[number] += above is not None and not self.settled[self.of[above[0]]]
        if self.waits[number] == 0:
            self.ready.append(number)

    def _place(self, number: int) -> None:
        block, y = self.blocks[number], self.room.y
        height = sum(y[item] for item in block) / len(block)
        for item in block:
            above = self.room.above[item]
            if above is not None:
                height = max(height, y[above[0]] + above[1])
        self.settled[number] = True
        for item in block:
            y[item] = height
            below = self.room.below[item]
            if below is not None:
                waiting = self.of[below[0]]
                self.waits[waiting] -= 1
                if self.waits[waiting] == 0:
                    self.ready.append(waiting)

    def _shortest_in_circle(self, number: int) -> int:
        """Find blocks each of which waits for the next, and the last for the first."""
        path: dict[int, None] = {}
        while number not in path:
            path[number] = None
            above = (self.room.above[item] for item in self.blocks[number])
            number = next(
                self.of[a[0]] for a in above if a is not None and not self.settled[self.of[a[0]]]
            )
        walked = list(path)
        circle = walked[walked.index(number) :]
        return min(
            (n for n in circle if len(self.blocks[n]) > 1), key=lambda n: len(self.blocks[n])
        )

    def _split(self, number: int) -> None:
        block = self.blocks[number]
        self.blocks[number] = block[:1]
        for item in block[1:]:
            self.blocks.append([item])
            self.settled.append(False)
            self.waits.append(0)
            self.of[item] = len(self.blocks) - 1
        for part in (number, *range(len(self.blocks) - len(block) + 1, len(self.blocks))):
            self._enter(part)
