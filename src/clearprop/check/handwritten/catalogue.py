"""The catalogue of causes: an identifier and a title for each."""

from __future__ import annotations

#: Faults.
FAULTS = {
    "factor": "a constant factor",
    "sign": "the sign",
    "batch-factor": "1/N missing, or taken twice",
    "upstream-ignored": "the upstream gradient is ignored",
    "upstream-twice": "the upstream gradient is used twice",
    "transposed": "transposed",
    "batch-sum": "the sum over the batch is missing, over the wrong axis, or a mean",
    "local-factor": "a factor of the local derivative is missing or wrong",
    "missing-term": "a term is missing",
    "extra-term": "a term too many",
    "exchanged": "gradients of two arguments are exchanged",
    "mask": "the wrong mask, or the wrong side of a kink",
    "jacobian": "the off-diagonal terms of a Jacobian are dropped, or an outer product is not one",
    "stale-cache": "a value kept from an earlier pass",
    "unset": "an attribute is read before it exists",
    "accumulated": "a gradient is added to the old one where it should replace it",
    "not-accumulated": "a gradient replaces another part of it where it should be added",
    "updated-parameter": "the updated parameter instead of the old one",
    "window": "the index arithmetic of a window (stride, padding, flip)",
    "wrong-value": "another value is meant here",
    "operator": "another operation is meant here",
    "shape": "the shape",
    "dtype": "the dtype",
    "none": "no gradient is left or returned",
    "layout": "right only for arrays whose numbers lie in one piece",
    "not-finite": "NaN or infinity",
    "overwritten": "an array of the caller is overwritten",
    "epsilon": "an epsilon or a clip in forward has no counterpart",
    "raises": "backward raises",
    "unknown": "unknown",
}

#: Conventions: told once, quietly.
CONVENTIONS = {
    "kink": "a subgradient at a kink",
    "mean-of-losses": "a loss per sample whose backward is of the mean",
    "starts-the-chain": "backward starts the chain and ignores what it is given",
    "small-epsilon": "an epsilon too small to matter",
    "kept-dimension": "a gradient with an axis of length 1 more or less",
    "accumulates": "gradients add up until they are set to zero",
    "takes-output": "the derivative takes the output of the function",
    "wider": "a gradient in a wider dtype",
    "of-scores": "the derivative is of the scores before the softmax",
    "implied-loss": "gradients of a loss that is not written down, or of a multiple of it",
    "labels": "one form of labels only",
    "one-sample": "one sample at a time",
    "averages-parameters": "the gradients of parameters are of the mean of the losses",
    "padded-only": "a gradient that is empty where nothing is padded",
    "penalty-apart": "a penalty in backward whose value is not in forward",
    "surrogate": "another gradient on purpose",
}
