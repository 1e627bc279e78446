"""Formulas: ``price * count * tax``, typed by somebody, read by a list and never run as Python.

The stages are the files: `words` cuts the text and refuses what no formula has; `reading` parses
it, and `checking` looks at every node; `computing` walks the tree and calls the functions of
`table`, within `limits`; `given` reads the values of its names, and proposes what nobody gave.
"""

from clearprop.formula.formula import Formula as Formula
from clearprop.formula.given import propose as propose
from clearprop.formula.given import read_value as read_value
from clearprop.formula.given import written as written
from clearprop.formula.pointing import pointed as pointed
from clearprop.formula.running import Run as Run
from clearprop.formula.running import run as run
