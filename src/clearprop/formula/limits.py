"""How much a formula may ask for: what stands here is enough for a page, and ends in a moment."""

from __future__ import annotations

CHARACTERS = 4_000  #: of the text
WORDS = 600  #: names, numbers and signs
BRACKETS = 30  #: inside one another
DEPTH = 80  #: of the tree
NAMES = 60  #: without a value of their own
DIGITS = 40  #: of one number
ELEMENTS = 10_000  #: of one array
WORK = 20_000_000  #: elements computed, and products in matrix products, together
DIMENSIONS = 8  #: of one array
WHOLE = 2**53  #: whole numbers up to here are exact as floats
