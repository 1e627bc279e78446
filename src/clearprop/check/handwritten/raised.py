"""From a backward that raised to a finding."""

from __future__ import annotations

import re
import traceback
from dataclasses import replace

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.model import FAULT, Finding
from clearprop.check.handwritten.order import line_that_sets, stale_attribute
from clearprop.check.handwritten.pointing import names_set_in, place_in
from clearprop.check.handwritten.probing import Shot, line_of_error, play, quiet
from clearprop.check.handwritten.repair import Repair, forward_of
from clearprop.check.handwritten.sources import function_of


def finding_of_error(
    driver: Driver, files: set[str], base: Shot | None, shot: Shot, fixed: Repair | None, cause: str
) -> Finding:
    """Say why backward raised, and what mends it; ``base`` is a probe whose attributes are seen."""
    error = shot.error
    assert error is not None
    line = _line_in_backward(driver, error) or line_of_error(error, files)
    text = str(error).split("\n")[0]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    sentence = f"backward raises {said}"
    if shot.title:
        sentence = f"{shot.when}: {sentence}"
    place = place_in(driver, fixed.edit.at, fixed.function) if fixed else place_in(driver, line)
    remedy = fixed.edit.after if fixed else ""
    stale = stale_attribute(driver, shot) if shot.before else ""
    if stale:
        forward = forward_of(driver)
        where = line_that_sets(driver.source.tree(forward), stale)
        sentence += f". self.{stale} is of an earlier forward pass."
        remedy = f"self.{stale} = …  # in every forward"
        place = place_in(driver, where, forward)
        return Finding(FAULT, "stale-cache", sentence, "", remedy, place)
    local = re.search(r"local variable '(\w+)'", text)
    if isinstance(error, UnboundLocalError) and local:
        sentence += f". {local[1]} is read before it is set"
        if fixed is not None and cause == "exchanged":
            sentence += f". What mends it: {fixed.edit.what}"
        else:
            cause = "unset"
        return Finding(FAULT, cause, sentence + ".", "", remedy, place)
    name, line = _unset(driver, base, error, text, line)
    if name and line:
        cause, place = "unset", place_in(driver, line, forward_of(driver))
        sentence += f". forward never keeps self.{name}, which backward reads"
        if not fixed:
            known = names_set_in(driver.source.tree(forward_of(driver)))
            remedy = f"self.{name} = {name if name in known else '…'}  # in forward"
    elif name:
        cause = "unset"
        sentence += f". self.{name} is read before it is set"
    elif fixed is not None:
        sentence += f". What mends it: {fixed.edit.what}"
    return Finding(FAULT, cause, sentence + ".", "", remedy, place)


def _line_in_backward(driver: Driver, error: BaseException) -> int:
    """Give the line of backward itself that an error passed; 0 for none."""
    code = function_of(driver.backward_function).__code__
    frames = traceback.walk_tb(error.__traceback__)
    return next((line for frame, line in frames if frame.f_code is code), 0)


def _unset(
    driver: Driver, base: Shot | None, error: BaseException, text: str, line: int
) -> tuple[str, int]:
    """Name the attribute that is not there, and the line of a forward that never sets it."""
    backward = driver.source.tree(driver.backward_function)
    forward = driver.source.tree(forward_of(driver))
    name = ""
    match = re.search(r"object has no attribute '(\w+)'", text)
    if isinstance(error, AttributeError) and match and "NoneType" not in text:
        owner = re.match(r"'(\w+)' object", text)
        own = getattr(getattr(driver, "cls", None), "__name__", "")
        name = match[1] if owner and owner[1] in (own, f"{own}Backward") else ""
    elif isinstance(error, AttributeError | TypeError) and "None" in text and backward:
        held = driver.source.attributes_on_line(backward, line)
        name = next((n for n in held if _is_none(driver, base, n)), "")
    if not name:
        return "", 0
    is_set = line_that_sets(backward, name) or line_that_sets(forward, name)
    is_set = is_set or is_gradient(name)  # that is for backward to set
    return name, 0 if is_set or forward is None else forward.lineno


def _is_none(driver: Driver, base: Shot | None, name: str) -> bool:
    try:
        with quiet():
            layer = play(driver, replace(base, plan="f")).layer if base else None
    except Exception:
        return False
    return layer is not None and getattr(layer, name, 0) is None
