"""What `clearprop train --model simple-conv` and `deep-conv` do, as a PyTorch script.

python -m benchmarks.suite.train_torch_images MNIST_FOLDER OUT_FOLDER THREADS MODEL EPOCHS

Adam on a cosine from 0.001 to 0, shuffled batches of 100; accuracy on training and test images
before training and after each epoch; weights and numbers kept. The layout is the faster one of
each net.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from benchmarks.suite.train_torch import read

BATCH, LR, MEASURED = 100, 0.001, 1000
BLOCKS = ((1, 16, 1, 16, 1), (16, 32, 1, 32, 2), (32, 64, 1, 64, 1))  # channels and paddings


def simple() -> nn.Module:
    dense = (nn.Linear(30 * 12 * 12, 100), nn.ReLU(), nn.Linear(100, 10))
    return nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), *dense)


def deep() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, first, padding, second, more in BLOCKS:
        layers += [nn.Conv2d(inputs, first, 3, padding=padding), nn.ReLU()]
        layers += [nn.Conv2d(first, second, 3, padding=more), nn.ReLU(), nn.MaxPool2d(2)]
    dense = (nn.Linear(64 * 4 * 4, 50), nn.ReLU(), nn.Dropout(0.5))
    layers += [nn.Flatten(), *dense, nn.Linear(50, 10)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def main() -> None:
    data, out, threads, name, count = sys.argv[1:]
    epochs = int(count)
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    model = simple() if name == "simple-conv" else deep()
    (x, t), (x_test, t_test) = (read(Path(data), part) for part in ("train", "t10k"))
    x, x_test = (v.view(-1, 1, 28, 28) for v in (x, x_test))
    if name == "deep-conv":
        model = model.to(memory_format=torch.channels_last)
        x, x_test = (v.to(memory_format=torch.channels_last) for v in (x, x_test))
    adam = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    updates = epochs * len(x) // BATCH
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, updates)
    losses = torch.empty(updates)
    rows = []

    @torch.inference_mode()
    def note(iteration: int) -> None:
        model.eval()
        right = [
            sum(
                int((model(a).argmax(1) == b).sum())
                for a, b in zip(images.split(MEASURED), labels.split(MEASURED), strict=True)
            )
            / len(labels)
            for images, labels in ((x, t), (x_test, t_test))
        ]
        rows.append([iteration, *right])
        model.train()

    note(0)
    for epoch in range(epochs):
        for k, indices in enumerate(torch.randperm(len(x)).split(BATCH)):
            loss = functional.cross_entropy(model(x[indices]), t[indices])
            adam.zero_grad()
            loss.backward()
            adam.step()
            cosine.step()
            losses[epoch * len(x) // BATCH + k] = loss.detach()
        note((epoch + 1) * len(x) // BATCH)
    folder = Path(out)
    torch.save(model.state_dict(), folder / "model.pt")
    (folder / "metrics.json").write_text(json.dumps({"loss": losses.tolist(), "rows": rows}))
    print(f"test accuracy {rows[-1][-1]:.4f}")


if __name__ == "__main__":
    main()
