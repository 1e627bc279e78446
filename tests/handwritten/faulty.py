"""A layer with a fault in it, run."""

import ast

import numpy as np

from clearprop.check.handwritten.edits import edits, scope_of
from handwritten.making import LAYERS


class Faulty:
    """``wrong`` in the place of ``right`` in a layer; ``tree`` is its backward, ``good`` was."""

    def __init__(self, name, right="", wrong=""):
        source, self.arguments, self.inputs = LAYERS[name]
        before, found, after = source.rpartition(right) if right else (source, "", "")
        assert found == right
        self.source = before + wrong + after
        self.namespace = {"np": np}
        exec(compile(self.source, "layers.py", "exec"), self.namespace)
        trees, were = (
            {n.name: n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)}
            for text in (self.source, source)
        )
        changed = [n for n in trees if ast.dump(trees[n]) != ast.dump(were[n])]
        self.forward = next(n for n in trees if "forward" in n or n == "loss")
        self.name = next(n for n in trees if "backward" in n or n == "gradient")
        edited = changed[0] if changed else self.name
        self.tree, self.good = trees[edited], were[edited]
        classes = [v for v in self.namespace.values() if isinstance(v, type)]
        self.owner = classes[-1] if classes else None
        private = edited.startswith("__")
        where = vars(self.owner) if self.owner else self.namespace
        self.key = f"_{self.owner.__name__}{edited}" if private else edited
        self.function = where[self.key]
        self.shape, self.attributes, self.values = self.after_forward(trees[self.name])
        self.forward_tree = trees[self.forward]

    def make(self):
        np.random.seed(3)  # noqa: NPY002  # what the layers themselves use
        if self.owner is None:
            return None
        return self.owner(*map(np.copy, self.arguments))

    def after_forward(self, backward):
        instance = self.make()
        if instance is None:
            out, cache = self.namespace[self.forward](*self.inputs)
            taken = next(n for n in ast.walk(backward) if isinstance(n, ast.Assign))
            names = [one.id for one in taken.targets[0].elts]
            return np.shape(out), {}, dict(zip(names, cache, strict=True))
        out = getattr(instance, self.forward)(*self.inputs)
        return np.shape(instance.output if out is None else out), vars(instance), {}

    def scope(self, **options):
        skip = 0 if self.owner is None else 1
        upstream = [a.arg for a in self.tree.args.args[skip : skip + 1]]
        values = self.values | dict.fromkeys(upstream, np.ones(self.shape))
        return scope_of(
            self.tree,
            self.attributes,
            self.forward_tree,
            upstream,
            values=values,
            source=self.source,
            **options,
        )

    def edits(self, **options):
        return edits(self.tree, self.scope(**options))

    def gradients(self, function=None):
        """Run forward and backward, with another function in the place of the faulty one."""
        dout = np.random.default_rng(7).normal(size=self.shape)
        kept = dout.copy()
        instance = self.make()
        where = type(instance) if instance is not None else None
        with np.errstate(all="ignore"):
            if where is None:
                _, cache = self.namespace[self.forward](*self.inputs)
                found = (function or self.function)(dout, cache)
                result = list(found if isinstance(found, tuple) else (found,))
            else:
                old = vars(where)[self.key]
                setattr(where, self.key, function or old)
                try:
                    result = self._of_instance(instance, dout)
                finally:
                    setattr(where, self.key, old)
        return [*result, np.array_equal(kept, dout)]

    def _of_instance(self, instance, dout):
        getattr(instance, self.forward)(*self.inputs)
        before = {k: np.copy(v) for k, v in vars(instance).items() if isinstance(v, np.ndarray)}
        backward = getattr(instance, self.name)
        found = backward(*[dout][: backward.__code__.co_argcount - 1])
        if isinstance(found, dict):
            found = tuple(found[key] for key in sorted(found))
        result = list(found if isinstance(found, tuple) else (found,))
        state = vars(instance)
        result += [state[key] for key in sorted(state) if key.startswith("d")]
        same = {k: np.array_equal(v, state[k]) for k, v in before.items() if k[0] != "d"}
        return [*result, getattr(instance, "W", None), *same.values()]


def close(found, expected):
    """Whether two lists of gradients are the same."""
    if len(found) != len(expected):
        return False
    for a, b in zip(found, expected, strict=True):
        if a is None or b is None or isinstance(a, tuple | dict):
            if a is not b:
                return False
        elif np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-7, atol=1e-9):
            return False
    return True
