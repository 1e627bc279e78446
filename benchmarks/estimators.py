"""ClearpropClassifier beside scikit-learn's MLPClassifier: MNIST, 784-100-10, Adam, five epochs.

python benchmarks/estimators.py [rounds]

Both get the same images, batches of 200 and the default learning rate, and neither ends early. They
take turns; the first round of clearprop includes the making of machine code.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
import warnings

os.environ["CLEARPROP_CACHE"] = tempfile.mkdtemp()  # nothing is there from before

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from clearprop.data import mnist
from clearprop.interop.sklearn import ClearpropClassifier

EPOCHS, BATCH = 5, 200


def estimators(seed):
    same = {"batch_size": BATCH, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS + 1}
    yield "clearprop", ClearpropClassifier("affine 100, relu", random_state=seed, **same)
    # alpha: what MLPClassifier decays weights with, and clearprop does not, by default
    yield "MLPClassifier", MLPClassifier((100,), alpha=0.0, random_state=seed, **same)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    warnings.simplefilter("ignore", ConvergenceWarning)  # five epochs are what was asked for
    (x, t), (x_test, t_test) = mnist(dtype="float32", shape="flat")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn", end=" ")
    print(f"{sklearn.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{len(x):,} images to train with, {len(x_test):,} to test with, {x.dtype}")
    seconds, accuracies = {}, {}
    for number in range(rounds):
        for name, estimator in estimators(number):
            start = time.perf_counter()
            estimator.fit(x, t)
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            accuracies.setdefault(name, []).append(estimator.score(x_test, t_test))
            assert estimator.n_iter_ == EPOCHS
            print(f"{name:14} {seconds[name][-1]:6.2f} s   {accuracies[name][-1]:.4f}", flush=True)
    for name, times in seconds.items():
        later = times[1:] or times
        print(
            f"{name:14} first {times[0]:.2f} s, then median {statistics.median(later):.2f} s "
            f"({min(later):.2f} to {max(later):.2f}); "
            f"test accuracy: mean {statistics.mean(accuracies[name]):.4f}"
        )
    ratios = [theirs / ours for ours, theirs in zip(*seconds.values(), strict=True)]
    later = ratios[1:] or ratios
    print(f"ratio: first {ratios[0]:.1f}, then median {statistics.median(later):.1f}")


if __name__ == "__main__":
    main()
