"""The text of a compiled program, executed."""

import numpy as np

from clearprop.compile.joining import JoinedNumber, wholes
from clearprop.compile.text import names_of
from clearprop.graph import Node
from clearprop.trees import tree_leaves


def executed(compiled, *args):
    """Run ``compiled.source``, of the latest call, on arguments of the same shapes.

    Give the leaves of the result, those that are the same in every call included.
    """
    program = compiled._last
    module = {}
    exec(compiled.source, module)
    run, plan = module["run"], program.plan
    given = [value for _, value in tree_leaves(args) if _is_data(value)]
    values = program.arguments.values([np.asarray(value) for value in given])
    taken = [v for leaf, v in zip(program.leaves, values, strict=True) if leaf in plan.arrays]
    names = names_of(plan)
    large = {names[a]: v for a, v in plan.constants.items() if names[a] in _by_name(run)}
    with np.errstate(all="ignore"):
        found = run(*(v.copy() for v in taken), **large)
    parts = [part for _, part in tree_leaves(program.result)]
    computed = [part for part in wholes(parts) if isinstance(part, Node)]
    results = dict(zip(computed, found if len(computed) > 1 else [found], strict=True))
    return [np.asarray(_of(part, results)) for part in parts]


def _of(part, results):
    if isinstance(part, JoinedNumber):
        return results[part.node][part.at]
    return results[part] if isinstance(part, Node) else part


def _is_data(value):
    return isinstance(value, np.ndarray | np.generic) or type(value) in (int, float)


def _by_name(function):
    code = function.__code__
    return code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
