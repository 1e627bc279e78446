"""What a picture shows: boxes and arrows, without any place yet.

The boxes are in an order in which every arrow leads from an earlier one to a later one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from clearprop.draw.numbers import Shown, plain

if TYPE_CHECKING:
    from clearprop.graph import Node

#: A *junction* is where the paths of an intermediate value part (and its derivatives meet); a
#: *reference* stands for the other end of a line that would be too long to follow, or that leads
#: out of what is shown; a *group* for operations that are shown elsewhere.
Kind = Literal[
    "argument", "constant", "operation", "group", "junction", "output", "unused", "reference"
]
State = Literal["computed", "no path", "no derivative", "not computed"]


@dataclass(frozen=True)
class Derivative:
    """What flows back along an arrow, or meets in a box."""

    state: State
    shown: Shown | None = None

    @property
    def line(self) -> str:
        """It in words."""
        return "not computed" if self.shown is None else self.shown.line


NO_PATH = Derivative("no path", plain("0 (no path)"))
NO_DERIVATIVE = Derivative("no derivative", plain("– no derivative"))
NOT_COMPUTED = Derivative("not computed")


@dataclass
class Box:
    """One box: an argument, a constant, an operation, …

    Attributes
    ----------
    kind : Kind
    text : str
        What stands in it: the name of an argument, the symbol of an operation, a constant.
    number : int
        The step of an operation, from 1; 0 for other boxes.
    group : int or None
        The number of the group that it stands for.
    refers : tuple of int
        The steps that a reference stands for; for a group its first.
    frame : int
        The innermost frame of the model in which it stands; -1 for none.
    node : Node or None
        The operation, or the value of an argument, a junction or an output.
    caption : str
        What stands under it.
    local : tuple of str
        The local derivatives of an operation, where they are asked for.
    value : Shown or None
        The value of an argument that no arrow leads from.
    derivative : Derivative or None
        The sum of what its arrows bring back, where they do not say it themselves.
    hint : str
        What a reader is told who points at it.
    inputs : list of int
        For each arrow that arrives what it brings: 2 a computed value, 1 an argument (or, to a
        group, what is computed from arguments alone), 0 a constant. The higher, the more level it
        should be.
    outputs : int
        The number of different values that leave it.
    """

    kind: Kind
    text: str
    number: int = 0
    caption: str = ""
    value: Shown | None = None
    derivative: Derivative | None = None
    hint: str = ""
    inputs: list[int] = field(default_factory=list)
    outputs: int = 1
    local: tuple[str, ...] = ()
    group: int | None = None
    refers: tuple[int, ...] = ()
    frame: int = -1
    node: Node | None = field(default=None, compare=False)


@dataclass
class Arrow:
    """One value on its way from box to box, and the derivative on its way back.

    Attributes
    ----------
    source, target : int
        The boxes.
    operand : int
        Which of the arrows that arrive at the target it is, in order.
    output : int
        Which of the values that leave the source it is.
    name : str
        The variable that the value was assigned to.
    value : Shown or None
        None for a constant, whose box says it.
    derivative : Derivative or None
        The part that comes back along this very arrow; None where there is nothing to say.
    node : Node or None
        Whose value it is; None for a constant, and for several values in one arrow.
    """

    source: int
    target: int
    operand: int = 0
    output: int = 0
    name: str = ""
    value: Shown | None = None
    derivative: Derivative | None = None
    node: Node | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Frame:
    """A group whose operations are all shown, inside a line with its title.

    Attributes
    ----------
    group : int
        The number of the group.
    title : str
    parent : int
        The frame around it; -1 for none.
    """

    group: int
    title: str
    parent: int = -1


@dataclass
class Model:
    """What a picture shows: a whole graph, or one group of it."""

    name: str
    boxes: list[Box]
    arrows: list[Arrow]
    steps: int
    differentiated: bool
    frames: list[Frame] = field(default_factory=list)
    #: whether no result depends on an argument: there is nothing to differentiate
    is_constant: bool = False
    #: of the groups that are one box each, by their numbers
    first_steps: dict[int, int] = field(default_factory=dict)
    #: the numbers of its first and its last step
    first: int = 1
    last: int = 0

    def add(self, box: Box) -> int:
        """Add a box; give its number."""
        self.boxes.append(box)
        return len(self.boxes) - 1
