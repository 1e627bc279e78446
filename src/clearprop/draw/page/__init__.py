"""A page on which a graph can be walked: one file with its data, its style and its script.

The stages are the files: `quantities` lists the numbers that are shown, `arrays` writes them down;
`recording` makes the program by which the page computes them anew; `steps`, `lines` and `zeros` say
what each step does, `pictures` what is drawn; `writing` puts the page together.
"""

from clearprop.draw.page.writing import write_page as write_page
