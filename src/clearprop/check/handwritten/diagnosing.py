"""From a probe that failed to findings: the cause, the line, what to write instead."""

from __future__ import annotations

import ast
import re
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.edits.slicing import dead_names, slices_of
from clearprop.check.handwritten.entering import line_that_begins
from clearprop.check.handwritten.meaning import last_of
from clearprop.check.handwritten.model import FAULT, Array, Evidence, Finding, Place
from clearprop.check.handwritten.order import (
    line_that_changes,
    line_that_sets,
    of_order,
    overwritten_cache,
    stale_attribute,
)
from clearprop.check.handwritten.probing import (
    Comparison,
    Shot,
    line_of_error,
    play,
    quiet,
    shoot,
)
from clearprop.check.handwritten.repair import (
    Repair,
    forward_of,
    parts_of,
    repair,
    replaced,
    uncollected,
)
from clearprop.check.handwritten.shrinking import smaller, smallest
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.stages import Blame, first_wrong, lines_cleared, stages_of
from clearprop.check.handwritten.state import arrays_in, is_real
from clearprop.check.handwritten.symptoms import Case, Symptom, symptom_of
from clearprop.check.handwritten.truth import Cotangents, cotangents_of
from clearprop.check.handwritten.turns import Clues, Participant

#: Causes that numbers alone make sure of, whichever edit mends it.
_CERTAIN = ("upstream-ignored", "upstream-twice", "accumulated", "stale-cache")
#: Causes that say little of what is to be written.
_VAGUE = ("unknown", "mask", "window")
#: A probe that takes longer, in seconds, is searched with smaller arrays first.
_SLOW = 1e-3
#: At most so many faults are mended one after another in one candidate.
_MOST = 6


@dataclass
class Diagnosis:
    """What is known while a candidate is judged."""

    driver: Driver
    files: set[str]
    tolerance: float
    seconds: float
    findings: list[Finding] = field(default_factory=list)
    mended: ExitStack = field(default_factory=ExitStack)
    unmended: set[str] = field(default_factory=set)
    blame: Blame | None = None
    clues: Clues = field(default_factory=Clues)
    stages: list[tuple[str, Array]] = field(default_factory=list)
    base: Shot | None = None
    proposal: Proposal | None = None

    def explain(self, shot: Shot, others: list[Shot]) -> None:
        """Add findings for a probe that failed; ``others`` are like it, at other inputs.

        A fault that an edit mends stays mended until the judgement is done, so that the next one
        is seen alone.
        """
        first = len(self.findings)
        with quiet(), uncollected():
            truths = cotangents_of(self.driver, shot.given, shot.leaves, shot.upstream, shot.seed)
            while not shot.right and len(self.findings) - first < _MOST:
                parts = parts_of(self.driver, shot, self.files)
                self._watch(shot, parts, truths)
                fixed = repair(
                    self.driver,
                    shot,
                    others,
                    parts,
                    truths,
                    self.tolerance,
                    self.seconds,
                    self.clues,
                    self._small(shot),
                )
                if shot.error is not None:
                    self._raised(shot, fixed)
                elif fixed is not None:
                    chosen = [c for c in shot.wrong if c.gradient.leaf in fixed.mended]
                    self._found(shot, chosen, fixed, truths)
                if fixed is None:
                    break
                self.driver.source.learn(fixed.code, fixed.edit.build())
                self.mended.enter_context(replaced(fixed.function, fixed.code))
                shot = shoot(self.driver, replace(shot), self.tolerance)
            wrong = shot.wrong if shot.error is None else []
            self.unmended |= {c.gradient.leaf for c in wrong}
            if wrong and self.blame is not None and self._local(shot, self.blame, truths):
                self._found(shot, wrong, None, truths)  # they all follow from one
                return
            for c in wrong:
                self._found(shot, [c], None, truths)

    def _small(self, shot: Shot) -> Shot | None:
        """Give a smaller probe that fails alike, where running this one takes long."""
        if shot.plan != "fb" or self.proposal is None:
            return None
        start = time.perf_counter()
        with suppress(Exception):
            play(self.driver, shot)
        if time.perf_counter() - start < _SLOW:
            return None
        return smaller(self.driver, self.proposal, shot, self.tolerance)

    def _watch(self, shot: Shot, parts: list[Participant], truths: Cotangents) -> None:
        """Find the first named value of backward that is wrong."""
        codes = [part.function.__code__ for part in parts if not part.caching]
        adding = {
            node.lineno
            for part in parts
            for node in ast.walk(part.tree)
            if isinstance(node, ast.stmt) and adds(node)
        }
        stages = stages_of(self.driver, shot, codes)
        self.stages = list({s.name: (s.name, s.value) for s in stages}.values())
        self.blame = first_wrong(stages, truths, adding, self._sure(shot))
        suspect = self.blame.stage.line if self.blame else 0
        labels = {c.gradient.label for c in shot.comparisons}
        if self.blame is not None and last_of(self.blame.stage.name) in labels:
            suspect = 0  # it may follow from a value whose name says nothing
        ends: frozenset[int] = frozenset()
        tree = self.driver.source.tree(self.driver.backward_function)
        if len(shot.wrong) == 1 and tree is not None:
            ends = frozenset({line_that_gives(tree, shot.wrong[0].gradient.label, False)} - {0})
        self.clues = Clues(suspect, lines_cleared(stages, truths) - {suspect}, ends)

    def _sure(self, shot: Shot) -> set[str]:
        """Name what right gradients are made of, whatever else its name may say that it is."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if tree is None or shot.error is not None:
            return set()
        slices = slices_of(tree)
        labels = {last_of(c.gradient.label) for c in shot.comparisons if not c.kind}
        reached = slices.reaching(name for name in slices.made if last_of(name) in labels)
        return {name for name in reached if len(slices.made.get(name, ())) == 1}

    def _raised(self, shot: Shot, fixed: Repair | None) -> None:
        error = shot.error
        assert error is not None
        line = self._line_in_backward(error) or line_of_error(error, self.files)
        text = str(error).split("\n")[0]
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        sentence = f"backward raises {said}"
        if shot.title:
            sentence = f"{shot.when}: {sentence}"
        place = self._place(fixed.edit.at, fixed.function) if fixed else self._place(line)
        remedy = fixed.edit.after if fixed else ""
        cause = self._cause(shot, fixed) if fixed else "raises"
        stale = stale_attribute(self.driver, shot) if shot.before else ""
        if stale:
            forward = forward_of(self.driver)
            where = line_that_sets(self.driver.source.tree(forward), stale)
            sentence += f". self.{stale} is of an earlier forward pass."
            remedy = f"self.{stale} = …  # in every forward"
            place = self._place(where, forward)
            self.findings.append(Finding(FAULT, "stale-cache", sentence, "", remedy, place))
            return
        local = re.search(r"local variable '(\w+)'", text)
        if isinstance(error, UnboundLocalError) and local:
            sentence += f". {local[1]} is read before it is set"
            if fixed is not None and cause == "exchanged":
                sentence += f". What mends it: {fixed.edit.what}"
            else:
                cause = "unset"
            self.findings.append(Finding(FAULT, cause, sentence + ".", "", remedy, place))
            return
        name, line = self._unset(error, text, line)
        if name and line:
            cause, place = "unset", self._place(line, forward_of(self.driver))
            sentence += f". forward never keeps self.{name}, which backward reads"
            if not fixed:
                known = names_set_in(self.driver.source.tree(forward_of(self.driver)))
                remedy = f"self.{name} = {name if name in known else '…'}  # in forward"
        elif name:
            cause = "unset"
            sentence += f". self.{name} is read before it is set"
        elif fixed is not None:
            sentence += f". What mends it: {fixed.edit.what}"
        self.findings.append(Finding(FAULT, cause, sentence + ".", "", remedy, place))

    def _cause(self, shot: Shot, fixed: Repair) -> str:
        """Name the cause that an edit stands for: what is too much the second time is added."""
        again = shot.plan.lower().count("b") > 1
        return "accumulated" if again and fixed.cause == "extra-term" else fixed.cause

    def _line_in_backward(self, error: BaseException) -> int:
        """Give the line of backward itself that an error passed; 0 for none."""
        code = function_of(self.driver.backward_function).__code__
        frames = traceback.walk_tb(error.__traceback__)
        return next((line for frame, line in frames if frame.f_code is code), 0)

    def _unset(self, error: BaseException, text: str, line: int) -> tuple[str, int]:
        """Name the attribute that is not there, and the line of a forward that never sets it."""
        backward = self.driver.source.tree(self.driver.backward_function)
        forward = self.driver.source.tree(forward_of(self.driver))
        name = ""
        match = re.search(r"object has no attribute '(\w+)'", text)
        if isinstance(error, AttributeError) and match and "NoneType" not in text:
            owner = re.match(r"'(\w+)' object", text)
            own = getattr(getattr(self.driver, "cls", None), "__name__", "")
            name = match[1] if owner and owner[1] in (own, f"{own}Backward") else ""
        elif isinstance(error, AttributeError | TypeError) and "None" in text and backward:
            held = self.driver.source.attributes_on_line(backward, line)
            name = next((n for n in held if self._is_none(n)), "")
        if not name:
            return "", 0
        is_set = line_that_sets(backward, name) or line_that_sets(forward, name)
        is_set = is_set or is_gradient(name)  # that is for backward to set
        return name, 0 if is_set or forward is None else forward.lineno

    def _is_none(self, name: str) -> bool:
        shot = self.base
        try:
            with quiet():
                layer = play(self.driver, replace(shot, plan="f")).layer if shot else None
        except Exception:
            return False
        return layer is not None and getattr(layer, name, 0) is None

    def _found(
        self, shot: Shot, wrong: list[Comparison], fixed: Repair | None, truths: Cotangents
    ) -> None:
        c = wrong[0]
        symptom = self._symptom(shot, c, truths)
        labels = ", ".join(dict.fromkeys(w.gradient.shown for w in wrong))
        if fixed is not None:
            cause, place = self._cause(shot, fixed), self._place(fixed.edit.at, fixed.function)
            remedy = fixed.edit.after
            adding = self._line_that_adds(c) if cause == "accumulated" else 0
            if adding and fixed.edit.old[-1] in fixed.edit.new:
                place = self._place(adding)  # a line is put before others: this one adds
            if symptom is not None and symptom.cause in _CERTAIN and cause != "overwritten":
                cause = symptom.cause
            if symptom is not None and symptom.cause == "none" and cause == "missing-term":
                cause = symptom.cause  # all of it is missing
            sentence = self._sentence(c, symptom, fixed, labels)
        else:
            cause, sentence, line, remedy = self._unmended(shot, c, symptom, truths, labels)
            cause, sentence, line = self._forgotten(cause, sentence, line, len(shot.wrong))
            in_forward = cause == "stale-cache"
            place = self._place(line, forward_of(self.driver) if in_forward else None)
        if shot.title:
            sentence = f"{shot.when}: {sentence}"
        evidence = evidence_of(shot, c)
        if cause == "unknown" and self.proposal is not None and not shot.title:
            small = smallest(self.driver, self.proposal, c.gradient.leaf, shot.seed, self.tolerance)
            if small is not None:
                evidence = evidence_of(*small)
        self.findings.append(Finding(FAULT, cause, sentence, labels, remedy, place, evidence))

    def _line_that_adds(self, c: Comparison) -> int:
        """Give the line that reads a gradient of an earlier call; 0 without one."""
        tree = self.driver.source.tree(self.driver.backward_function)
        name = last_of(c.gradient.label)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.AugAssign) and last_of(ast.unparse(node.target)) == name:
                return node.lineno
            if isinstance(node, ast.Call) and ast.unparse(node).startswith(
                f"getattr(self, '{name}'"
            ):
                return node.lineno
        return 0

    def _unmended(
        self,
        shot: Shot,
        c: Comparison,
        symptom: Symptom | None,
        truths: Cotangents,
        label: str,
    ) -> tuple[str, str, int, str]:
        """Say what can be said of a gradient that no single edit mends."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if symptom is not None and symptom.cause == "stale-cache":
            name = stale_attribute(self.driver, shot)
            line = line_that_sets(self.driver.source.tree(forward_of(self.driver)), name)
            return symptom.cause, symptom.sentence, line, f"self.{name} = …  # in every forward"
        if symptom is None or symptom.cause not in ("accumulated", "none"):
            name = overwritten_cache(self.driver, shot)
            if name:
                sentence = (
                    f"backward writes into self.{name}, which forward kept: {label} is wrong."
                )
                if name.startswith("cache["):
                    sentence = f"backward writes into what forward kept ({name}): {label} is wrong."
                line = line_that_changes(tree, name) or self._line_of(c)
                return "overwritten", sentence, line, f"a copy, in the place of self.{name}"
        if self.blame is not None and c.kind != "none":
            local = self._local(shot, self.blame, truths)
            stage = self.blame.stage
            about = f"{stage.name} is the first wrong value: it is not the gradient that it says."
            if local is not None:
                follows = "follow" if "," in label else "follows"
                remedy = multiplied(tree, stage.line, local.factor)
                return (
                    local.cause,
                    f"{local.sentence} {label} {follows} from it.",
                    stage.line,
                    remedy,
                )
            if symptom is None:
                return "unknown", f"{about} {_unknown(c)}", stage.line, ""
            if symptom.term and (line := self._line_of(c)) and added(tree, line, symptom.term):
                return symptom.cause, symptom.sentence, line, added(tree, line, symptom.term)
            return symptom.cause, f"{symptom.sentence} {about}", stage.line, ""
        if symptom is not None:
            line = self._line_of(c)
            if symptom.cause == "upstream-ignored" and tree is not None:
                line = line_that_begins(tree, c.gradient.label) or line
            remedy = multiplied(tree, line, symptom.factor) or added(tree, line, symptom.term)
            return symptom.cause, symptom.sentence, line, remedy
        return "unknown", _unknown(c), self._line_of(c), ""

    def _forgotten(self, cause: str, sentence: str, line: int, wrong: int) -> tuple[str, str, int]:
        """See whether a line is missing: a sum that nothing is added to, a value never read."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if tree is not None and cause == "none" and "never written" in sentence:
            return cause, sentence, beside(tree, line) or end_of_loop(tree, line) or line
        made = never_filled(tree, line) if tree is not None and cause in _VAGUE else ""
        if tree is not None and made:
            said = f"{made} is made, and nothing is written to it."
            return "none", said, beside(tree, line) or end_of_loop(tree, line) or line
        unread = dead_names(tree) if tree is not None and cause in _VAGUE else []
        if unread:
            several = "are" if len(unread) > 1 else "is"
            arrays = {name for name, _ in self.stages} & set(unread)
            if tree is not None:  # what should read them comes after the last of them
                last = max((line_that_gives(tree, n, False) for n in arrays), default=0)
                ends = wrong == 1 and self.blame is not None and line > last
                line = line if ends else next_line(tree, last) or line
            names = ", ".join(sorted(unread))
            return "missing-term", f"{names} {several} computed and never read. {sentence}", line
        return cause, sentence, line

    def _local(self, shot: Shot, blame: Blame, truths: Cotangents) -> Symptom | None:
        """Look for a symptom of one value inside of backward."""
        stage = blame.stage
        if stage.value.shape != blame.expected.shape:
            return None
        values = [(s.name, s.value) for s in blame.before] + truths.forwards
        upstream = np.asarray(shot.upstream[0]) if shot.upstream else np.ones(())
        return symptom_of(
            Case(
                stage.name,
                "",
                blame.expected,
                stage.value,
                upstream,
                values=values,
                batch=_batch(shot),
            )
        )

    def _sentence(self, c: Comparison, symptom: Symptom | None, fixed: Repair, labels: str) -> str:
        how = fixed.edit.what
        guesses = ("missing-term", "local-factor", "jacobian", "factor", "mask")
        if symptom is not None and (symptom.cause == fixed.cause or symptom.cause not in guesses):
            return f"{symptom.sentence} What mends it: {how}."
        several = "is" if "," not in labels else "are"
        return f"{labels} {several} wrong. What mends it: {how}."

    def _symptom(self, shot: Shot, c: Comparison, truths: Cotangents) -> Symptom | None:
        label = c.gradient.shown
        if c.kind == "none":
            return Symptom(
                "none",
                f"{label} is {c.gradient.value}: no gradient is given for {c.gradient.leaf}.",
            )
        assert c.found is not None
        other = self._found_under(shot, c, _other)
        double = self._found_under(shot, c, _double)
        values = list(truths.forwards)
        if shot.run is not None and shot.run.layer is not None:
            held = arrays_in(shot.run.layer)
            given = {o.gradient.label for o in shot.comparisons}
            kept = {k: v for k, v in held.items() if is_real(v) and k not in given}
            values = [(f"self.{k}", v) for k, v in kept.items()] + values
            if self.driver.numpy:  # what another library computed is not traced
                values += [(k, v) for k, v in self.stages if not is_gradient(k)]
        case = Case(
            label,
            c.gradient.leaf,
            np.asarray(c.expected),
            np.asarray(c.found),
            np.asarray(shot.upstream[0]) if shot.upstream else np.ones(()),
            other,
            double,
            {o.gradient.shown: o.expected for o in shot.comparisons if o is not c},
            values,
            _batch(shot),
            self.stages,
        )
        found = of_order(self.driver, shot, c, label) or symptom_of(case)
        if found is None and c.kind == "shape":
            return Symptom(
                "shape",
                f"{label} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}.",
            )
        return found

    def _found_under(self, shot: Shot, c: Comparison, change: Any) -> Array | None:
        if self.driver.upstream not in ("upstream", "input") or shot.plan != "fb":
            return None
        try:
            with quiet():
                run = play(self.driver, replace(shot, upstream=tuple(map(change, shot.upstream))))
        except Exception:
            return None
        for g in self.driver.gradients(run, shot.leaves):
            if g.leaf == c.gradient.leaf and g.value is not None:
                return np.asarray(g.value)
        return None

    def _place(self, line: int, function: Any = None) -> Place | None:
        function = function or self.driver.backward_function
        return self.driver.source.place(function, line) if line else None

    def _line_of(self, c: Comparison) -> int:
        """Give the line that last assigns a gradient; else the last return, or the first line."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if tree is None:
            return 0
        if c.kind == "none" and c.gradient.leaf in {p.name for p in self.driver.inputs}:
            return line_that_gives(tree, "") or tree.lineno
        if c.kind == "none":
            given = line_that_gives(tree, c.gradient.label, False)
            whole = (n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assign))
            return given if given in whole else tree.lineno  # += alone gives nothing
        updated = line_that_gives(tree, c.gradient.leaf, False) if self.driver.rate else 0
        own = line_that_gives(tree, c.gradient.label, False)
        return own or updated or line_that_gives(tree, c.gradient.label) or tree.lineno


def names_set_in(tree: ast.FunctionDef | None) -> set[str]:
    """Name the arguments and locals of a function."""
    nodes = list(ast.walk(tree)) if tree is not None else []
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in nodes if isinstance(n, ast.arg)}


def adds(statement: ast.stmt) -> bool:
    """Whether a statement makes more of a value that is there: adds to it, or fills a part."""
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, ast.Add | ast.Sub)
    if not isinstance(statement, ast.Assign):
        return False
    read = {ast.unparse(n) for n in ast.walk(statement.value) if isinstance(n, ast.expr)}
    return any(
        isinstance(target, ast.Subscript) or ast.unparse(target) in read
        for target in statement.targets
    )


def beside(tree: ast.FunctionDef, line: int) -> int:
    """Give the line that adds to the neighbour of a sum to which nothing is added; 0 without one.

    Sums are begun in the order in which they are added to: ``dW = zeros``, ``db = zeros``.
    """
    begun: dict[str, int] = {}
    added_to: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            begun.setdefault(ast.unparse(node.targets[0]), node.lineno)
        if isinstance(node, ast.Assign | ast.AugAssign) and adds(node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in map(ast.unparse, targets):
                added_to.setdefault(name.partition("[")[0], node.lineno)
    sums = [name for name, at in begun.items() if added_to.get(name, 0) > max(at, line)]
    order = sorted([*sums, *(n for n, at in begun.items() if at == line)], key=begun.__getitem__)
    mine = next((n for n, at in begun.items() if at == line), "")
    if mine not in order or mine in added_to:
        return 0
    at = order.index(mine)
    nearest = [n for n in (*order[at + 1 :], *reversed(order[:at])) if n in sums]
    return added_to[nearest[0]] if nearest else 0


def next_line(tree: ast.FunctionDef, line: int) -> int:
    """Give the line of the next statement of the same block; the line itself at the end of one."""
    for node in ast.walk(tree):
        block = getattr(node, "body", None)
        for one, other in pairwise(block) if isinstance(block, list) else ():
            if one.lineno == line:
                return int(other.lineno)
    return line


def never_filled(tree: ast.FunctionDef, line: int) -> str:
    """Name the array that a line makes, of zeros or of anything, if nothing is written into it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or node.lineno != line or len(node.targets) != 1:
            continue
        name = ast.unparse(node.targets[0])
        if not re.match(r"(np|numpy)\.(zeros|empty)(_like)?\(", ast.unparse(node.value)):
            return ""
        others = [
            ast.unparse(target).partition("[")[0]
            for n in ast.walk(tree)
            if isinstance(n, ast.Assign | ast.AugAssign) and n is not node
            for each in (n.targets if isinstance(n, ast.Assign) else [n.target])
            for target in (each.elts if isinstance(each, ast.Tuple) else [each])
        ]
        calls = re.search(rf"\.at\({re.escape(name)}\b|out={re.escape(name)}\b", ast.unparse(tree))
        return name if name not in others and not calls else ""
    return ""


def end_of_loop(tree: ast.FunctionDef, line: int) -> int:
    """Give the last line of the innermost loop below a line; 0 without one."""
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.For) and n.lineno > line]
    inner = [n for n in loops if not any(isinstance(s, ast.For) for s in n.body)]
    return inner[0].body[-1].lineno if inner else 0


def line_that_gives(tree: ast.FunctionDef, label: str, or_return: bool = True) -> int:
    """Give the line of a function that last assigns a gradient; else that of its last return."""
    name = last_of(label)
    best = 0
    returned = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Return):
            returned = max(returned, node.lineno)
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            for part in ast.walk(target):
                own = getattr(part, "attr", getattr(part, "id", None))
                if own == name:
                    best = max(best, target.lineno)
    return best or (returned if or_return else 0)


def multiplied(tree: ast.FunctionDef | None, line: int, factor: str) -> str:
    """Give the statement on a line with one more factor; "" without a factor."""
    for node in ast.walk(tree) if tree is not None and factor else ():
        if isinstance(node, ast.Assign | ast.Return) and node.lineno == line and node.value:
            value = ast.unparse(node.value)
            bare = isinstance(node.value, ast.BinOp) and not isinstance(node.value.op, ast.Mult)
            product = f"({value}) * {factor}" if bare else f"{value} * {factor}"
            if isinstance(node, ast.Return):
                return "" if isinstance(node.value, ast.Tuple) else f"return {product}"
            return f"{' = '.join(map(ast.unparse, node.targets))} = {product}"
    return ""


def added(tree: ast.FunctionDef | None, line: int, term: str) -> str:
    """Give the statement on a line with one more term; "" without a term."""
    for node in ast.walk(tree) if tree is not None and term else ():
        if isinstance(node, ast.Assign | ast.Return) and node.lineno == line and node.value:
            value = f"{ast.unparse(node.value)} + {term}"
            if isinstance(node, ast.Return):
                return "" if isinstance(node.value, ast.Tuple) else f"return {value}"
            return f"{' = '.join(map(ast.unparse, node.targets))} = {value}"
    return ""


def evidence_of(shot: Shot, c: Comparison) -> Evidence:
    """Put expected beside found."""
    values = {k: v for k, v in shot.given.items() if isinstance(v, np.ndarray) and v.size <= 30}
    return Evidence(c.gradient.shown, c.expected, c.found, c.wrong, values, shot.title)


def _unknown(c: Comparison) -> str:
    if c.kind == "shape":
        assert c.found is not None
        label = c.gradient.shown
        return f"{label} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}."
    count = int(np.sum(c.wrong)) if c.wrong is not None else 0
    return (
        f"{c.gradient.shown} is wrong at {count} of {c.expected.size} entries; "
        "the cause is not known."
    )


def _batch(shot: Shot) -> int:
    for value in shot.given.values():
        if isinstance(value, np.ndarray) and value.ndim > 1:
            return int(value.shape[0])
    return 0


def _double(w: Any) -> Any:
    return 2.0 * w


def _other(w: Any) -> Any:
    rng = np.random.default_rng(99)
    return rng.normal(size=np.shape(w)) if np.shape(w) else 0.37 * w
