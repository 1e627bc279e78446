"""The playground: a server on this machine alone, whose pages follow what is typed.

`gate` decides who is let in; `app` says what is where; a formula is computed by `worker`, a
process of its own that `evaluation` starts, limits and starts again; `room` is the training room,
`training` the loop that runs in it and `views` what its pictures are drawn from.
"""
