"""How well `clearprop check` finds mistakes in hand-written backward passes; see README.md."""
