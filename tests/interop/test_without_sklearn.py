"""Without scikit-learn the estimators say which extra has it, and nothing else asks for it."""

import subprocess
import sys


def test_the_extra_is_named():
    text = """
import sys
sys.modules["sklearn"] = None  # as if it were not installed
import clearprop.interop
try:
    import clearprop.interop.sklearn
except ImportError as error:
    print(type(error).__name__, error)
"""
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("MissingExtraError clearprop.interop.sklearn: sklearn ")
    assert "pip install 'clearprop[sklearn]'" in run.stdout


def test_clearprop_does_not_import_it():
    text = "import sys, clearprop, clearprop.nn, clearprop.train; print('sklearn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
