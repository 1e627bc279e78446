"""What the command ``clearprop`` begins with; it stands beside the package, which imports NumPy.

Where a shell asks what a word may become, somebody waits for it at the keyboard. The files that
answer need no NumPy, but ``__init__.py`` of the packages that they are in does: these packages are
then left without what is in it.
"""

import os
import sys
from importlib.util import find_spec, module_from_spec


def main() -> None:
    """Run the command line, or complete a word of it."""
    if "_CLEARPROP_COMPLETE" in os.environ:
        for name in ("clearprop", "clearprop.train"):
            spec = find_spec(name)
            assert spec is not None
            sys.modules[name] = module_from_spec(spec)
    from clearprop.cli import main as run

    run()
