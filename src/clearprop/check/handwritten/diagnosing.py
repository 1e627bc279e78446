"""From a probe that failed to findings: the cause, the line, what to write instead."""

from __future__ import annotations

import ast
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.edits.slicing import dead_names, slices_of
from clearprop.check.handwritten.entering import line_that_begins
from clearprop.check.handwritten.evidence import (
    evidence_of,
    symptom_inside,
    symptom_of_gradient,
    words_without_cause,
)
from clearprop.check.handwritten.meaning import last_of
from clearprop.check.handwritten.model import FAULT, Array, Finding
from clearprop.check.handwritten.order import (
    line_that_changes,
    line_that_sets,
    overwritten_cache,
    stale_attribute,
)
from clearprop.check.handwritten.pointing import (
    added,
    adds,
    beside,
    end_of_loop,
    line_that_gives,
    multiplied,
    never_filled,
    next_line,
    place_in,
)
from clearprop.check.handwritten.probing import Comparison, Shot, play, quiet, shoot
from clearprop.check.handwritten.raised import finding_of_error
from clearprop.check.handwritten.repair import (
    Repair,
    forward_of,
    parts_of,
    repair,
    replaced,
    uncollected,
)
from clearprop.check.handwritten.shrinking import smaller, smallest
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.stages import Blame, first_wrong, lines_cleared, stages_of
from clearprop.check.handwritten.symptoms import Symptom
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
                    cause = self._cause(shot, fixed) if fixed else "raises"
                    self.findings.append(
                        finding_of_error(self.driver, self.files, self.base, shot, fixed, cause)
                    )
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
            if wrong and self.blame is not None and symptom_inside(shot, self.blame, truths):
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

    def _cause(self, shot: Shot, fixed: Repair) -> str:
        """Name the cause that an edit stands for: what is too much the second time is added."""
        again = shot.plan.lower().count("b") > 1
        return "accumulated" if again and fixed.cause == "extra-term" else fixed.cause

    def _found(
        self, shot: Shot, wrong: list[Comparison], fixed: Repair | None, truths: Cotangents
    ) -> None:
        c = wrong[0]
        symptom = symptom_of_gradient(self.driver, self.stages, shot, c, truths)
        labels = ", ".join(dict.fromkeys(w.gradient.shown for w in wrong))
        if fixed is not None:
            cause, place = (
                self._cause(shot, fixed),
                place_in(self.driver, fixed.edit.at, fixed.function),
            )
            remedy = fixed.edit.after
            adding = self._line_that_adds(c) if cause == "accumulated" else 0
            if adding and fixed.edit.old[-1] in fixed.edit.new:
                place = place_in(self.driver, adding)  # a line is put before others: this one adds
            if symptom is not None and symptom.cause in _CERTAIN and cause != "overwritten":
                cause = symptom.cause
            if symptom is not None and symptom.cause == "none" and cause == "missing-term":
                cause = symptom.cause  # all of it is missing
            sentence = self._sentence(c, symptom, fixed, labels)
        else:
            cause, sentence, line, remedy = self._unmended(shot, c, symptom, truths, labels)
            cause, sentence, line = self._forgotten(cause, sentence, line, len(shot.wrong))
            in_forward = cause == "stale-cache"
            place = place_in(self.driver, line, forward_of(self.driver) if in_forward else None)
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
            local = symptom_inside(shot, self.blame, truths)
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
                return "unknown", f"{about} {words_without_cause(c)}", stage.line, ""
            if symptom.term and (line := self._line_of(c)) and added(tree, line, symptom.term):
                return symptom.cause, symptom.sentence, line, added(tree, line, symptom.term)
            return symptom.cause, f"{symptom.sentence} {about}", stage.line, ""
        if symptom is not None:
            line = self._line_of(c)
            if symptom.cause == "upstream-ignored" and tree is not None:
                line = line_that_begins(tree, c.gradient.label) or line
            remedy = multiplied(tree, line, symptom.factor) or added(tree, line, symptom.term)
            return symptom.cause, symptom.sentence, line, remedy
        return "unknown", words_without_cause(c), self._line_of(c), ""

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

    def _sentence(self, c: Comparison, symptom: Symptom | None, fixed: Repair, labels: str) -> str:
        how = fixed.edit.what
        guesses = ("missing-term", "local-factor", "jacobian", "factor", "mask")
        if symptom is not None and (symptom.cause == fixed.cause or symptom.cause not in guesses):
            return f"{symptom.sentence} What mends it: {how}."
        several = "is" if "," not in labels else "are"
        return f"{labels} {several} wrong. What mends it: {how}."

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
