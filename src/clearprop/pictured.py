"""What has a picture: a graph, and a graph with its derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.errors import OptionError
from clearprop.places import current_line

if TYPE_CHECKING:
    from os import PathLike

    from clearprop.tracing import Gradients, Graph

    File = str | PathLike[str] | None


class Pictured:
    """The methods that draw; they are the same for `Graph` and `Gradients`."""

    def _drawn(self) -> tuple[Graph, Gradients | None]:
        raise NotImplementedError

    def _view(self, gradients: Gradients | None, view: Any, is_open: Any, local: bool) -> Any:
        from clearprop.draw.views import find_view, make_views

        graph, found = self._with(gradients)
        return find_view(make_views(graph, found, is_open=is_open, local=local), view)

    def _with(self, gradients: Gradients | None) -> tuple[Graph, Gradients | None]:
        """Give the graph and the derivatives to draw; those of another graph would all be 0."""
        graph, own = self._drawn()
        if gradients is None:
            return graph, own
        if getattr(gradients, "graph", None) is graph:
            return graph, gradients
        raise OptionError(
            f"The gradients are not those of this graph of {graph.name}.",
            where=current_line(),
            why="A graph has the values of one run, and its derivatives belong to them.",
            write="d = graph.backward(), and then d.to_svg()",
        )

    def to_svg(
        self,
        path: File = None,
        gradients: Gradients | None = None,
        *,
        view: int | str = 0,
        is_open: bool | None = None,
        local: bool = False,
    ) -> str:
        """Draw the graph: values above the arrows, derivatives below them.

        Parameters
        ----------
        path : path, optional
            Where to write the picture.
        gradients : Gradients, optional
            The result of `backward`; without it derivatives are marked as not computed. A picture
            of `Gradients` has its own.
        view : int or str, default 0
            What to draw: 0 is the whole; else the title of a group (``"softmax"``,
            ``"Affine 2"``), or its number. A group is a call of a function or a layer, or a step
            of a loop.
        is_open : bool, optional
            Whether groups are drawn with all their operations, up to 2,000, or as one box each.
            By default they are open where the whole has at most 60 boxes.
        local : bool, default False
            Whether to write the local derivatives under each operation: what it multiplies by,
            and where that is a number, the number.

        Returns
        -------
        str
            The picture, as SVG. The arrow below each line carries the derivative that this very
            arrow passes back; where several paths meet, in an argument or at a dot, stands their
            sum.

        Raises
        ------
        UnknownNameError
            If the graph has no such group.
        OptionError
            If ``gradients`` are those of another graph, or ``is_open`` would draw more than 2,000
            operations.

        Examples
        --------
        >>> import clearprop as cp
        >>> def total(apple, number):
        ...     return apple * number
        >>> d = cp.trace(total, 100.0, 2.0).backward()
        >>> "∂/∂apple = number = 2" in d.to_svg(local=True)
        True
        """
        from clearprop.draw.svg import draw

        text: str = draw(self._view(gradients, view, is_open, local).layout)
        return _kept(text, path)

    def to_html(self, path: File = None, gradients: Gradients | None = None) -> str:
        """Write a page on which the graph can be walked: forward, backward, with every number.

        Parameters
        ----------
        path : path, optional
            Where to write the page: one file, which needs nothing beside it.
        gradients : Gradients, optional
            The result of `backward`; without it the page walks forward only. A page of `Gradients`
            has its own.

        Returns
        -------
        str
            The page, as HTML. Its arguments can be changed where the function computes the same
            steps for other numbers; the page says where it does not.

        Examples
        --------
        >>> import clearprop as cp
        >>> def total(price, tax):
        ...     return price * tax
        >>> g = cp.trace(total, 200.0, 1.1)
        >>> page = g.to_html(gradients=g.backward())
        >>> page[:15], "https://" in page
        ('<!doctype html>', False)
        """
        from clearprop.draw.page import write_page

        text: str = write_page(*self._with(gradients))
        return _kept(text, path)

    def to_dot(
        self,
        path: File = None,
        gradients: Gradients | None = None,
        *,
        view: int | str = 0,
        is_open: bool | None = None,
        local: bool = False,
    ) -> str:
        r"""Write the graph in the DOT language, for Graphviz; see `to_svg`.

        Examples
        --------
        >>> import clearprop as cp
        >>> print(cp.trace(lambda x: x * x, 3.0).backward().to_dot().splitlines()[-3])
          b0 -> b1 [label="3\n← 3"];
        """
        from clearprop.draw.dot import dot

        text: str = dot(self._view(gradients, view, is_open, local).model)
        return _kept(text, path)

    def to_mermaid(
        self,
        path: File = None,
        gradients: Gradients | None = None,
        *,
        view: int | str = 0,
        is_open: bool | None = None,
        local: bool = False,
    ) -> str:
        """Write the graph as a Mermaid flowchart, for wikis and README files; see `to_svg`.

        Mermaid itself refuses more than 500 arrows, unless its ``maxEdges`` is set higher.

        Examples
        --------
        >>> import clearprop as cp
        >>> print(cp.trace(lambda x: x * x, 3.0).backward().to_mermaid().splitlines()[-2])
          b0 -->|"3<br/>← 3"| b1
        """
        from clearprop.draw.mermaid import mermaid

        text: str = mermaid(self._view(gradients, view, is_open, local).model)
        return _kept(text, path)

    def to_png(
        self,
        path: File = None,
        gradients: Gradients | None = None,
        *,
        scale: float = 2.0,
        view: int | str = 0,
        is_open: bool | None = None,
        local: bool = False,
    ) -> bytes:
        """Draw the graph as PNG; see `to_svg`.

        Parameters
        ----------
        scale : float, default 2
            Dots for each pixel of the SVG.

        Returns
        -------
        bytes

        Raises
        ------
        MissingExtraError
            If Matplotlib is not installed: ``pip install 'clearprop[pictures]'``.
        OptionError
            If the scale is not a number from 0.1 to 20.
        """
        if not 0.1 <= scale <= 20:
            raise OptionError(
                f"The scale of a PNG is {scale!r}.",
                where=current_line(),
                why="It says how many dots there are for each pixel of the SVG: 0.1 to 20.",
                write="to_png(path, scale=2)",
            )
        svg = self.to_svg(None, gradients, view=view, is_open=is_open, local=local)
        return _rendered(svg, path, "png", scale)

    def to_pdf(
        self,
        path: File = None,
        gradients: Gradients | None = None,
        *,
        view: int | str = 0,
        is_open: bool | None = None,
        local: bool = False,
    ) -> bytes:
        """Draw the graph as PDF, in lines and letters; see `to_svg`.

        Returns
        -------
        bytes

        Raises
        ------
        MissingExtraError
            If Matplotlib is not installed: ``pip install 'clearprop[pictures]'``.
        """
        svg = self.to_svg(None, gradients, view=view, is_open=is_open, local=local)
        return _rendered(svg, path, "pdf", 1.0)

    def _repr_svg_(self) -> str:
        return self.to_svg()


def _rendered(svg: str, path: File, form: str, scale: float) -> bytes:
    from clearprop.draw.paper import rendered

    content = rendered(svg, form, scale)
    if path is None:
        return content
    Path(path).write_bytes(content)
    return _WrittenBytes(content)


class _Written(str):
    """A text that stands in a file: a prompt or a notebook need not show all of it again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<text of {len(self):,} characters, written>"


class _WrittenBytes(bytes):
    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes, written>"


def _kept(text: str, path: File) -> str:
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return _Written(text)
