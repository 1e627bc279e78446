"""Is a backward pass that somebody wrote by hand right, and if not, why?

The stages, each a module, in the order in which they run::

    reading    a file (.py, .ipynb, .md, pasted text) → blocks of code with their line numbers
    loading    the definitions in them, executed, with the prelude's names at hand
    finding    what in them has a backward: layers, losses, pairs, derivatives, networks → Candidate
    driving    one face for every style: make, forward, backward → gradients by name
               (driving_classes, driving_functions, referring, torch_functions, autograd_rules;
               training and steps, driving_steps, driving_methods, driving_globals, engines for
               what learns in place)
    proposing  inputs and parameters that the code accepts (texts, guesses, specs; constructing and
               standins: layers, activations, lists; setting_up: what is called before forward), and
    choosing   which of them it is judged with (attempts: how far forward comes;
               alternatives: what is tried beside the first; setups: which use is likelier)
    truth      the exact derivative of its forward, and a numerical one that must agree
    probing    many calls of both, compared (varying: which); kinks, writing, order: what else shows
    reaching   probes for the branches that did not run (running, unrun, switches); what is left
    conventions  what is right under a convention
    repair     which edit of the source makes it right (edits)
    stages     which of the values that backward names is the first wrong
    symptoms   what relates the gradient found to the one expected
    diagnosing  these three → findings (evidence: what the numbers show; pointing: which line;
               raised: of errors); shrinking, where they know nothing
    judging    all of these in order → Judgement
"""
