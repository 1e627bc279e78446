"""Is a backward pass that somebody wrote by hand right, and if not, why?

The stages, each a module, in the order in which they run::

    reading    a file (.py, .ipynb, .md, pasted text) → blocks of code with their line numbers
    loading    the definitions in them, executed, with the prelude's names at hand
    finding    what in them has a backward: layers, losses, pairs, derivatives, networks → Candidate
    driving    one face for every style: make, forward, backward → gradients by name
    proposing  inputs and parameters that the code accepts
    truth      the exact derivative of its forward, and a numerical one that must agree
    probing    many calls of both, compared
    symptoms   what relates the gradient found to the one expected
    repair     which edit of the source makes it right
    judging    all of these in order → Judgement
"""
