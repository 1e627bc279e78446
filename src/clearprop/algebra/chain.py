"""A chain of local derivatives: its factors, their product, and what it comes to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.algebra.matrices import Pattern, pattern_of
from clearprop.algebra.paths import between, passed
from clearprop.algebra.simplest import local_form, simplest
from clearprop.algebra.symbols import Formulas, sympy
from clearprop.algebra.text import latex, plain
from clearprop.algebra.tidy import all_zero, in_results, tidy
from clearprop.errors import MissingRuleError, OptionError
from clearprop.graph import Node
from clearprop.kinds import ELEMENTWISE
from clearprop.mathml import mathml
from clearprop.places import current_line
from clearprop.plumbing import ALIAS
from clearprop.sweep import sweep
from clearprop.tracing import Graph

_MOST = 16  # elements of an array that is written out


@dataclass(frozen=True)
class Chain:
    """The derivative along a path, as the documents write it.

    Attributes
    ----------
    steps : tuple of (str, str)
        The LaTeX of each form after the first, with how it follows: ``factors``, ``product``,
        ``simplified``.
    text, latex : str
        The whole line, as plain text and as LaTeX.
    notes : tuple of str
        For which sizes it was proved, and what was used of the arguments.
    exact : bool
        Whether SymPy proved product and last form equal.
    error : float
        How far the last form, as numbers, is from what the sweep gives: the larger of the absolute
        and relative, over all elements.
    """

    text: str
    latex: str
    steps: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    exact: bool = True
    error: float = 0.0
    result: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return "\n".join([self.text, *(f"  {note}" for note in self.notes)])

    @property
    def mathml(self) -> str:
        """The line as MathML, for a page."""
        return mathml(self.latex, block=True)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


def _refuse_complex(graph: Graph) -> None:
    """Refuse complex numbers, of which the formulas of real ones do not hold."""
    for node in graph.nodes:
        dtypes = node.dtype if isinstance(node.dtype, tuple) else (node.dtype,)
        if any(dtype.kind == "c" for dtype in dtypes):
            raise MissingRuleError(
                f"{node.operation} of complex numbers cannot be written as a formula.",
                where=current_line(3),
                why="The rules by which formulas are simplified are those of real numbers.",
                write="cp.source(f, z), the backward pass as a program.",
            )


def write_chain(graph: Graph, path: tuple[str | Node, ...]) -> Chain:
    """Write a chain: see `clearprop.algebra`."""
    sympy()
    if not path:
        raise OptionError(
            f"{graph.name}: by what is it derived?",
            why="a path ends at an argument or an intermediate value.",
            write=f"cp.algebra(graph, {next(iter(graph.inputs))!r})" if graph.inputs else None,
        )
    nodes = [graph.find(one) for one in path]
    if len(nodes) == 1:
        nodes.insert(0, graph.outputs[0])
    stops = [nodes[0]]
    for top, bottom in itertools.pairwise(nodes):
        stops += passed(graph, top, bottom)[1:]
    on_the_way = {n for a, b in itertools.pairwise(stops) for n in between(a, b)}
    _refuse_complex(graph)
    one_by_one = all(
        node.primitive is not None
        and (node.primitive.kind is ELEMENTWISE or node.primitive is ALIAS)
        for node in on_the_way
    )
    formulas = Formulas(graph, one_by_one)
    every = passed(graph, nodes[0], nodes[-1])
    is_part = any(node not in every for node in nodes)  # other ways lead past it
    if one_by_one:
        return _of_numbers(formulas, stops, nodes, is_part)
    if len(path) > 1:
        return _of_arrays(formulas, nodes, is_part)
    named = [n for n in stops[1:-1] if graph.name_of(n) and _is_small(n)]
    return _of_arrays(formulas, _joined(formulas, [stops[0], *named, stops[-1]]), False)


def _is_small(node: Node) -> bool:
    return int(np.prod(node.shape)) <= _MOST


# ---- element by element ----------------------------------------------------------------------


def _of_numbers(formulas: Formulas, stops: list[Node], nodes: list[Node], is_part: bool) -> Chain:
    graph, s = formulas.graph, sympy()
    unnamed = [n for n in stops[1:-1] if graph.name_of(n) is None]
    written: dict[Any, Any] = {}  # what stands for a value without a name
    for node in reversed(unnamed):
        below = stops[stops.index(node) + 1]
        inner = formulas.of(node, {below: formulas.symbols(below)}).item().of
        written[formulas.symbols(node).item().of] = inner.subs(written)
    factors = []
    for top, bottom in itertools.pairwise(stops):
        a = formulas.symbols(bottom).item().of
        expression = formulas.of(top, {bottom: formulas.symbols(bottom)}).item().of
        local = local_form(expression, a, formulas.symbols(top).item().of)
        factors.append(local.subs(written))
    product = s.Mul(*factors)
    top, bottom = stops[0], stops[-1]
    a = formulas.symbols(bottom).item().of
    whole = formulas.of(top, {bottom: formulas.symbols(bottom)}).item().of
    y = formulas.symbols(top).item().of
    truth = s.diff(whole, a)
    if is_part:  # the derivatives of its pieces, in the arguments
        inner = _expanded(formulas, [n for n in stops[:-1] if n is not bottom], bottom)
        truth = s.Mul(*_pieces(formulas, nodes)).subs(inner)
    last, exact = simplest(product, whole, truth, a, y)
    names = [n for n in stops if n not in unnamed]
    symbols = [formulas.symbols(n).item().of for n in names]
    over = [_fraction(a, b) for a, b in itertools.pairwise(symbols)]
    left = _fraction(symbols[0], symbols[-1])
    forms_latex = [left[0]] + ([r" \cdot ".join(o[0] for o in over)] if len(over) > 1 else [])
    forms_text = [left[1]] + ([" · ".join(o[1] for o in over)] if len(over) > 1 else [])
    steps = [("chain", forms_latex[-1])] if len(over) > 1 else []
    if len(factors) > 1:
        steps.append(("factors", r" \cdot ".join(_bracketed(f, latex(f)) for f in factors)))
        forms_text.append(" · ".join(_bracketed(f, plain(f)) for f in factors))
    said = sorted(map(str, s.Mul.make_args(product))) == sorted(map(str, factors))
    said = said or (product in factors and last != product)
    for how, form in (("product", product), ("simplified", last)):
        if plain(form) != forms_text[-1] and not (said and form == product and len(factors) > 1):
            steps.append((how, latex(form)))
            forms_text.append(plain(form))
    latex_forms = [left[0], *(text for _, text in steps)]
    notes: tuple[str, ...] = ()
    if is_part:
        notes = (f"a part of {left[1]}: other ways lead there, too",)
        latex_forms, forms_text = latex_forms[1:], forms_text[1:]
    error = _error(formulas, nodes, s.Matrix([[last]]))
    line = " = ".join(latex_forms)
    return Chain(" = ".join(forms_text), line, tuple(steps), notes, exact, error, last)


def _pieces(formulas: Formulas, nodes: list[Node]) -> list[Any]:
    """Differentiate each of the values that were named by the next."""
    found = []
    for top, bottom in itertools.pairwise(nodes):
        fixed = {bottom: formulas.symbols(bottom)}
        a = fixed[bottom].item().of
        found.append(sympy().diff(formulas.of(top, fixed).item().of, a))
    return found


def _fraction(top: Any, bottom: Any) -> tuple[str, str]:
    written = rf"\frac{{\partial {latex(top)}}}{{\partial {latex(bottom)}}}"
    return written, f"∂{plain(top)}/∂{plain(bottom)}"


def _bracketed(factor: Any, text: str) -> str:
    """Put a sum or a minus into parentheses, as a factor needs them."""
    return f"({text})" if factor.is_Add or text.startswith(("-", "−")) else text


# ---- arrays ------------------------------------------------------------------------------------


def _of_arrays(formulas: Formulas, stops: list[Node], is_part: bool) -> Chain:
    graph, s = formulas.graph, sympy()
    for node in (stops[0], stops[-1]):
        if not _is_small(node):
            raise OptionError(
                f"{graph.name_of(node) or node.operation} has shape {node.shape}.",
                why=f"The algebra writes out every element, at most {_MOST}.",
                write="cp.trace(f, …) with smaller arguments: the formula is the same",
            )
    jacobians = [_jacobian(formulas, a, b)[0] for a, b in itertools.pairwise(stops)]
    names = [formulas.name(node) for node in stops]
    over = [_fraction(s.Symbol(a), s.Symbol(b)) for a, b in itertools.pairwise(names)]
    left = _fraction(s.Symbol(names[0]), s.Symbol(names[-1]))
    product = jacobians[0]
    for jacobian in jacobians[1:]:
        product = product * jacobian
    rows = _sums_to_one(formulas)
    shapes = [np.shape(formulas.value(n)) for n in stops]
    full = product.applyfunc(tidy)
    last = full.applyfunc(lambda form: _shorter(form, rows))
    forms = [
        pattern_of(j, shapes[k], shapes[k + 1], names[k], names[k + 1], "ik")
        for k, j in enumerate(jacobians)
    ]
    steps, texts = [], [left[1]]
    if len(over) > 1:
        steps.append(("chain", r"\,".join(o[0] for o in over)))
        texts.append(" · ".join(o[1] for o in over))
        factors = _summed(forms) or _multiplied(forms)
        steps.append(("factors", factors.latex))
        texts.append(factors.text)
    shown = pattern_of(last, shapes[0], shapes[-1], names[0], names[-1], "ji")
    steps.append(("simplified", shown.latex))
    texts.append(shown.text)
    line = " = ".join([left[0], *(text for _, text in steps)])
    # the product is that of the derivatives, so it is the derivative of the whole
    whole = product if is_part else _jacobian(formulas, stops[0], stops[-1])[0]
    inner = _expanded(formulas, stops[1:-1] + stops[:1], stops[-1])
    exact = all_zero(
        _without_last(s.expand((a - b).subs(inner)), rows) for a, b in zip(whole, last, strict=True)
    )
    sizes = ", ".join(f"{n}: {v}" for n, v in zip(names, shapes, strict=True) if v)
    notes = [f"written out for {sizes}, and {'proved' if exact else 'not proved'} for it"]
    if last != full:
        used = sorted({str(row[0]).split("_")[0] for row in rows})
        notes += [f"used: Σ {name} = 1, as in the arguments" for name in used]
    error = _error(formulas, stops, last)
    if is_part:
        notes += [f"a part of {left[1]}: other ways lead there, too"]
        line, texts = " = ".join(text for _, text in steps), texts[1:]
    return Chain(" = ".join(texts), line, tuple(steps), tuple(notes), exact, error, last)


def _multiplied(forms: list[Pattern]) -> Pattern:
    return Pattern(
        " · ".join(_around(f.text) for f in forms),
        r" \cdot ".join(_around(f.latex) for f in forms),
    )


def _summed(forms: list[Pattern]) -> Pattern | None:
    """Write a row times a matrix as the sum that it is: ``Σₖ (−tₖ/yₖ) Jₖᵢ``."""
    if len(forms) != 2 or "ₖ" not in forms[0].text or not forms[1].text.startswith("diag("):
        return None
    row, matrix = forms
    sign = row.text.startswith("−")
    first = (f"({row.text})", rf"\left({row.latex}\right)") if sign else (row.text, row.latex)
    text = f"Σₖ {first[0]} ({matrix.text})ₖᵢ"
    return Pattern(text, rf"\sum_k {first[1]} \left({matrix.latex}\right)_{{ki}}")


def _around(text: str) -> str:
    return f"({text})" if any(sign in text for sign in (" + ", " - ", " − ")) else text


def _jacobian(formulas: Formulas, top: Node, bottom: Node) -> tuple[Any, bool]:
    """Differentiate every element of one node by every element of another; in y if that is known.

    Returns
    -------
    tuple
        The matrix, and whether it is written in the elements of ``top`` itself.
    """
    s = sympy()
    by = [f.of for f in formulas.symbols(bottom).reshape(-1)]
    fixed = {bottom: formulas.symbols(bottom)}
    of = [f.of for f in np.asarray(formulas.of(top, fixed)).reshape(-1)]
    matrix = s.Matrix([[s.diff(element, a) for a in by] for element in of])
    if formulas.graph.name_of(top) is not None:
        known = in_results(matrix, of, [f.of for f in formulas.symbols(top).reshape(-1)])
        if known is not None:
            return known, True
    return matrix.applyfunc(tidy), False


def _joined(formulas: Formulas, stops: list[Node]) -> list[Node]:
    """Leave out the stops inside of what is known as a whole: a softmax."""
    kept = list(stops)
    for a in range(len(kept)):
        for b in range(len(kept) - 1, a + 1, -1):
            if b < len(kept) and kept[a].shape and _jacobian(formulas, kept[a], kept[b])[1]:
                del kept[a + 1 : b]
    return kept


def _expanded(formulas: Formulas, nodes: list[Node], bottom: Node) -> dict[Any, Any]:
    """Say what the symbols of intermediate values are, in those of the last one."""
    found: dict[Any, Any] = {}
    for node in nodes:
        made = np.asarray(formulas.of(node, {bottom: formulas.symbols(bottom)})).reshape(-1)
        symbols = formulas.symbols(node).reshape(-1)
        found |= {a.of: b.of for a, b in zip(symbols, made, strict=True)}
    return found


def _without_last(form: Any, rows: list[list[Any]]) -> Any:
    for row in rows:
        form = form.subs(row[-1], 1 - sum(row[:-1]))
    return form


def _sums_to_one(formulas: Formulas) -> list[list[Any]]:
    """List the rows of arguments that add up to 1, as labels do."""
    rows = []
    for node in formulas.graph.inputs.values():
        value = np.asarray(node.value)
        if node.dtype.kind != "f" or not value.ndim or not 2 <= value.shape[-1] <= _MOST:
            continue
        if (value >= 0).all() and np.allclose(value.sum(axis=-1), 1, atol=1e-12):
            for row in formulas.symbols(node).reshape(-1, value.shape[-1]):
                rows += [[f.of for f in row]]
    return rows


def _shorter(form: Any, rows: list[list[Any]]) -> Any:
    """Use that the elements of a row add up to 1, where it makes a formula shorter."""
    s = sympy()
    for row in rows:
        if not form.free_symbols & set(row):
            continue
        others = [tidy(form.subs(e, 1 - sum(o for o in row if o is not e))) for e in row]
        others += [
            tidy((form + e).subs(o, 1 - sum(p for p in row if p is not o))) - e
            for e in row
            for o in row
            if o is not e
        ][: 2 * len(row)]
        others += [s.expand(other) for other in others]
        form = min([form, *others], key=lambda f: (s.count_ops(f), str(f)))
    return form


# ---- numbers -----------------------------------------------------------------------------------


def _values(formulas: Formulas, stops: list[Node]) -> dict[Any, float]:
    """Give the number of every symbol there is."""
    nodes = {*formulas.graph.inputs.values(), *stops}
    found = {}
    for node in nodes:
        if node.dtype.kind == "f":
            for each in formulas.symbols(node).reshape(-1):
                found[each.of] = float(each.value)
    for symbols in formulas.every():
        found |= {each.of: float(each.value) for each in symbols.reshape(-1)}
    return found


def _error(formulas: Formulas, nodes: list[Node], last: Any) -> float:
    """Compare the last form, as numbers, with what the sweep gives."""
    exact = np.eye(formulas.value(nodes[0]).size)
    for top, bottom in itertools.pairwise(nodes):
        exact = exact @ _swept(formulas, top, bottom)
    values = _values(formulas, nodes)
    found = np.array(last.subs(values).evalf().tolist(), dtype=float)
    return float(np.max(np.abs(found - exact) / np.maximum(1, np.abs(exact)), initial=0.0))


def _swept(formulas: Formulas, top: Node, bottom: Node) -> Any:
    """Give the derivatives of one node by another as the sweep has them, a row an element."""
    rows = []
    for place in range(formulas.value(top).size):
        dy = np.zeros(top.shape, top.dtype)
        dy.reshape(-1)[place] = 1
        found = sweep([(top, dy[()])], start=bottom.index, keep_all=True)
        row = np.asarray(found.get(bottom, 0.0)) + np.zeros(bottom.shape)
        rows.append(row.reshape(-1)[: formulas.value(bottom).size])
    return np.array(rows)
