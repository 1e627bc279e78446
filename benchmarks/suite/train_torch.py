"""What `clearprop train` does, as a PyTorch user would write the script.

python -m benchmarks.suite.train_torch MNIST_FOLDER OUT_FOLDER THREADS

784-50-10 with ReLU, learning rate 0.1, 10,000 batches of 100 drawn with replacement; accuracy on
training and test images before training, after each epoch and at the end; weights and numbers kept.
"""

import gzip
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

ITERATIONS, BATCH, LR = 10_000, 100, 0.1


def read(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    x = torch.frombuffer(bytearray(images), dtype=torch.uint8, offset=16).view(-1, 784)
    t = torch.frombuffer(bytearray(labels), dtype=torch.uint8, offset=8)
    return x.float().div_(255), t.long()


def main() -> None:
    data, out, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    x, t = read(Path(data), "train")
    x_test, t_test = read(Path(data), "t10k")
    model = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
    leaves = list(model.parameters())
    losses = torch.empty(ITERATIONS)
    rows = []

    @torch.inference_mode()
    def note(iteration: int) -> None:
        accuracies = (
            (model(a).argmax(1) == b).float().mean() for a, b in ((x, t), (x_test, t_test))
        )
        rows.append([iteration, *map(float, accuracies)])

    note(0)
    for i in range(ITERATIONS):
        indices = torch.randint(len(x), (BATCH,))
        loss = functional.cross_entropy(model(x[indices]), t[indices])
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            torch._foreach_add_(leaves, gradients, alpha=-LR)
        losses[i] = loss.detach()
        if (i + 1) % (len(x) // BATCH) == 0 or i + 1 == ITERATIONS:
            note(i + 1)
    folder = Path(out)
    torch.save(model.state_dict(), folder / "model.pt")
    (folder / "metrics.json").write_text(json.dumps({"loss": losses.tolist(), "rows": rows}))
    print(f"test accuracy {rows[-1][-1]:.4f}")


if __name__ == "__main__":
    main()
