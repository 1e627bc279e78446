"""Pictures of a traced graph: values above the arrows going right, derivatives below going left.

The stages are the files: `groups` finds the calls and loops, `views` says what one picture shows,
`building` makes its `model`, boxes and arrows, from the `facts`; `layering` says in which column
each box stands, `ordering` and `placement` how high; `layout` puts them together, and `svg` draws.
"""
