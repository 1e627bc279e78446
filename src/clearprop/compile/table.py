"""The words of the table that machine code is called with."""

FIRST, LAST = 0, 1  # the phases to run
TROUBLE = 2  # where it is noted what went wrong, in four words: one of those below, details
OUT_OF_BOUNDS, SINGULAR, NOT_POSITIVE_DEFINITE = 1, 2, 3  # of an index: it, the axis, its length
SCRATCH, SCRATCH_STEP = 3, 4  # memory for each thread, and how far apart
STEPS = 5  # how often all phases run
MOVES, MOVE_COUNT = 6, 7  # pairs: a word, and what is added to it after every step
SWAPS, SWAP_COUNT = 8, 9  # pairs of words that change places after every step
ARRAYS = 10  # from here on where each array lies
