"""ClearpropClassifier beside scikit-learn's MLPClassifier: MNIST, 784-100-10, Adam, five epochs.

python benchmarks/estimators.py [--rounds N] [--threads N]

Both get the same images, batches of 200 and the default learning rate, and neither ends early. They
take turns, with samples in float32 and in float64, which is what scikit-learn's loaders give. The
first round of clearprop includes the making of machine code. Seconds of the processors are shown
beside those of the clock: with one thread they say what a quiet machine would take.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
import warnings

EPOCHS, BATCH, SILENCE = 5, 200, 0.4
SAME = {"batch_size": BATCH, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS + 1}


def estimators(seed, dtype):
    from sklearn.neural_network import MLPClassifier

    from clearprop.interop.sklearn import ClearpropClassifier

    yield "clearprop", ClearpropClassifier("affine 100, relu", random_state=seed, **SAME)
    if dtype != "float32":
        narrow = ClearpropClassifier(dtype="float32", random_state=seed, **SAME)
        yield 'clearprop, dtype="float32"', narrow
    # alpha: what MLPClassifier decays weights with, and clearprop does not, by default
    yield "MLPClassifier", MLPClassifier((100,), alpha=0.0, random_state=seed, **SAME)


def compare(dtype, rounds):
    from clearprop.data import mnist

    (x, t), (x_test, t_test) = mnist(dtype=dtype, shape="flat")
    print(f"\n{len(x):,} images of {dtype}, tested on {len(x_test):,}")
    found = {}
    for number in range(rounds):
        for name, estimator in estimators(number, dtype):
            time.sleep(SILENCE)  # the threads of who was before stop spinning
            clock, processors = time.perf_counter(), time.process_time()
            estimator.fit(x, t)
            took = time.perf_counter() - clock, time.process_time() - processors
            assert estimator.n_iter_ == EPOCHS
            found.setdefault(name, []).append((*took, estimator.score(x_test, t_test)))
    for name, runs in found.items():
        clock, processors, accuracy = zip(*runs, strict=True)
        later = clock[1:] or clock
        print(
            f"{name:26}  first {clock[0]:5.2f} s, then median {statistics.median(later):5.2f} s "
            f"({min(later):.2f} to {max(later):.2f}), processors "
            f"{statistics.median(processors[1:] or processors):5.2f} s, "
            f"accuracy {statistics.mean(accuracy):.4f}"
        )
    *ours, theirs = found.values()
    for name, runs in zip(found, ours, strict=False):
        pairs = list(zip(theirs, runs, strict=True))[1:] or list(zip(theirs, runs, strict=True))
        ratios = [statistics.median(a[k] / b[k] for a, b in pairs) for k in (0, 1)]
        print(
            f"MLPClassifier / {name}: {ratios[0]:.1f} by the clock, {ratios[1]:.1f} of processors"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    given = parser.parse_args()
    for pool in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[pool] = str(given.threads)  # before NumPy is imported
    os.environ["CLEARPROP_CACHE"] = tempfile.mkdtemp()  # nothing is there from before
    import numpy as np
    import sklearn
    from sklearn.exceptions import ConvergenceWarning

    import clearprop as cp

    cp.set_threads(given.threads)
    warnings.simplefilter("ignore", ConvergenceWarning)  # five epochs are what was asked for
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn "
        f"{sklearn.__version__}, {given.threads} threads on {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for dtype in ("float32", "float64"):
        compare(dtype, given.rounds)


if __name__ == "__main__":
    main()
