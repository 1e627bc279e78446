"""The views of a graph: the whole, and each of its groups."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from clearprop.draw.building import model_of
from clearprop.draw.facts import Facts
from clearprop.draw.groups import Group, opened
from clearprop.draw.layout import Layout, make_layout
from clearprop.draw.model import Model
from clearprop.errors import OptionError, UnknownNameError
from clearprop.places import current_line

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

LIMIT = 60  # with more boxes than this, groups are closed
MOST = 2000  # operations in one picture: more take minutes to draw, and a browser too long to show


class View:
    """What one picture shows. Its boxes and their places are found when somebody asks.

    Attributes
    ----------
    name : str
        The name of the traced function, or the title of the group.
    number : int
        Its place in the list of views.
    parent : int or None
        The view that shows it as one box, or with a frame around it.
    group : Group
    is_open : bool
        Whether the groups in it are shown with all their operations.
    """

    def __init__(self, facts: Facts, group: Group, limit: int, is_open: bool | None = None) -> None:
        self.facts = facts
        self.group = group
        self.name = group.title
        self.number = group.number
        self.parent = None if group.parent is None else group.parent.number
        self._limit = limit
        self._asked = is_open

    @cached_property
    def model(self) -> Model:
        """The boxes and arrows."""
        if self._asked is None and len(self.group) <= self._limit:
            model = model_of(self.facts, self.group, opened(self.group))
            if len(model.boxes) <= self._limit:
                return model
        most = {None: self._limit // 2, True: None, False: 0}[self._asked]
        return model_of(self.facts, self.group, opened(self.group, most))

    @property
    def is_too_large(self) -> bool:
        """Whether all operations are asked for, and they are too many for a picture."""
        return bool(self._asked) and len(self.group) > MOST

    @property
    def is_open(self) -> bool:
        """Whether the groups in it are shown with all their operations."""
        return all(box.kind != "group" for box in self.model.boxes)

    @cached_property
    def layout(self) -> Layout:
        """Where everything stands."""
        return make_layout(self.model)


def make_views(
    graph: Graph,
    gradients: Gradients | None = None,
    limit: int = LIMIT,
    is_open: bool | None = None,
    local: bool = False,
) -> list[View]:
    """List the views of a graph: the whole first, then one for each group.

    Parameters
    ----------
    graph : Graph
    gradients : Gradients, optional
        Of the same graph. Without them no derivative is shown.
    limit : int
        What has at most so many boxes is shown with all its operations, and frames around its
        groups; else each group is one box.
    is_open : bool, optional
        Open all groups, up to 2,000 operations in one picture, or close them.
    local : bool, default False
        Whether the operations say their local derivatives.

    Returns
    -------
    list of View
        The number of a group (`Box.group`, `Frame.group`) is the number of its view.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> from clearprop.draw.views import make_views
    >>> def f(x):
    ...     for _ in range(100):
    ...         x = np.sin(x) * 2
    ...     return x
    >>> views = make_views(cp.trace(f, 1.0))
    >>> [(view.number, view.parent, view.name) for view in views[:3]]
    [(0, None, 'f'), (1, 0, 'steps 1–10'), (2, 1, 'step 1')]
    >>> [box.text for box in views[0].model.boxes][:3]
    ['x', 'steps 1–10', 'steps 11–20']
    """
    facts = Facts(graph, gradients, most=limit // 2, local=local)
    return [View(facts, group, limit, is_open) for group in facts.groups]


def find_view(views: list[View], wanted: int | str) -> View:
    """Find a view by its number or its name.

    Raises
    ------
    UnknownNameError
        If there is none.
    OptionError
        If it is to show more operations than a picture can have.
    """
    for view in views:
        if wanted in (view.number, view.name):
            if view.is_too_large:
                raise _too_large(view)
            return view
    names = list(dict.fromkeys(view.name for view in views[1:]))
    raise UnknownNameError(
        f"{wanted!r} is no group of {views[0].name}.",
        where=current_line(1),
        why="A group is a call of a function or a layer, a loop, or a step of one.",
        write=f"one of {names[:20]}" if names else "nothing: this graph has no groups.",
    )


def _too_large(view: View) -> OptionError:
    inner = [unit for unit in view.group.members if isinstance(unit, Group) and len(unit) <= MOST]
    write = "without is_open: what is large is drawn as groups, each with a view of its own."
    if inner:
        write = f'view="{inner[0].title}", is_open=True for one group; or is_open=None for groups.'
    return OptionError(
        f"{view.name} has {len(view.group):,} operations, and is_open=True draws them all.",
        where=current_line(1),
        why=f"A picture of more than {MOST:,} operations takes minutes, and nobody can read it.",
        write=write,
    )
