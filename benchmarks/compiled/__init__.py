"""clearprop's own side of each case: a whole step, from the indices to the loss, compiled."""
