"""Sphinx configuration. Build with: sphinx-build -W docs docs/_build."""

import os
from importlib.metadata import version as version_of
from pathlib import Path

project = "clearprop"
author = "The clearprop authors"
copyright = "2026, the clearprop authors"
version = release = version_of("clearprop")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_design",  # tabs
]
source_suffix = {".md": "myst-nb"}
exclude_patterns = [
    "_build",
    "jupyter_execute",
    "mutation_table.md",
    "breakout_table.md",
    "agreement_table.md",
    "scaling_table.md",
    "speed_table.md",
    "numpy_names_table.md",
]  # the last ones are included in pages

html_theme = "furo"
html_title = "clearprop"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"  # a page that shows an old output is wrong
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_in_temp = True
_programs = Path(__file__).parents[1] / "examples" / "science"  # of the page science
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(_programs), *filter(None, [os.environ.get("PYTHONPATH")])]
)

numpydoc_show_class_members = False

suppress_warnings = ["misc.highlighting_failure"]  # signatures such as `f(x) -> y` are not Python
html_static_path = ["_static"]
html_css_files = ["wrap.css"]  # messages are long, and are what a page shows
