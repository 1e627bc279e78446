"""What a program cannot do: look at a value, and go on according to what it saw.

While interpreting, ``if x > 0:`` runs for the value that is there. A program is made from one run:
the answer of that run would be built in, for every other value too.
"""

from __future__ import annotations

from contextvars import ContextVar

from clearprop.errors import StagingError
from clearprop.graph import Node, TracedLeaf
from clearprop.places import current_line

#: Whether a function is being run to make a program of it.
is_staging: ContextVar[bool] = ContextVar("clearprop_is_staging", default=False)

#: What these give depends on the shape of their operand alone.
_OF_SHAPES = frozenset(["zeros_like", "ones_like", "empty_like"])


def refuse_reading(node: Node, how: str) -> None:
    """Refuse to read a value that depends on an argument, while a program is being made.

    Raises
    ------
    StagingError
    """
    if _is_static(node):
        return
    where = current_line(3)
    text = (where or "").partition(": ")[2]
    shape = f" of shape {node.shape}" if node.shape else ""
    error = StagingError(
        f"A traced value{shape} (the result of {node.operation}) is read as a plain "
        f"{_KINDS.get(how, 'value')} while a program is made.",
        where=where,
        why="cp.source and cp.compile make the program from one run of the function: what was "
        "read there would be fixed, whatever the arguments of later calls.",
        write=_instead(how, text, node.dtype.kind),
    )
    if node.tape is not None and node.tape.refusal is None:
        node.tape.refusal = error
    raise error


def refuse_state(layer: str) -> None:
    """Refuse that a layer changes its state, while a program is being made.

    Raises
    ------
    StagingError
    """
    if is_staging.get():
        raise StagingError(
            f"{layer}.forward(…, train=True) changes the state of the layer while a program "
            "is made.",
            where=current_line(2),
            why="cp.source and cp.compile make the program from one run of the function: its calls "
            "would change no state, and read that of one run.",
            write="layer.compute(x, *parameters, *buffers, train=True), which is pure, with the "
            "buffers (such as the key of Dropout) as arguments of the function.",
        )


_KINDS = {
    "bool": "bool",
    "int()": "int",
    "Indexing with the value": "int",
    "float()": "float",
    ".item()": "number",
    ".tolist()": "list",
    "np.asarray()": "array",
}


def _is_static(node: Node) -> bool:
    """Whether a value is the same for all arguments of one program."""
    seen: set[Node] = set()
    stack = [node]
    while stack:
        node = stack.pop()
        if node in seen or (node.primitive is not None and node.primitive.name in _OF_SHAPES):
            continue
        seen.add(node)
        if node.primitive is None and not (isinstance(node, TracedLeaf) and node.whole):
            return False
        stack += [source for source in node.inputs if source is not None]
    return True


def _instead(how: str, text: str, kind: str) -> str:
    if how == "bool":
        if text.startswith("while"):
            return (
                "a for loop with a fixed number of steps, and np.where(condition, new, old) in it."
            )
        if text.startswith("assert"):
            return "the check before the call, outside the function."
        return "np.where(condition, a, b), which computes both branches and takes one."
    if how == "Indexing with the value":
        return (
            "x[i] with the value as an index array, or np.where(mask, x, 0.0); a slice, an axis "
            "or a range needs a Python int as the argument."
        )
    if how == "np.asarray()" and kind in "iu":
        return (
            "def f(table, rows): …, with the array that is read by index as an argument too; "
            "else np.* functions of the value itself, which go into the program."
        )
    return "np.* functions of the value itself, which go into the program."
