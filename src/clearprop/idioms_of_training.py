"""What people type who train elsewhere: keywords, and names of modules, with the line to write."""

from __future__ import annotations

from typing import Any

from clearprop.errors import MissingMethodError
from clearprop.places import current_line

#: For each function or module of classes: keywords, and what to write; ``{}`` is the value given.
_KEYWORDS: dict[str, dict[str, str]] = {
    "train.fit": {
        "batch_size": "batch={}",
        "learning_rate": "lr={}",
        "steps max_iter num_steps n_iter": "iterations={}",
        "num_epochs n_epochs": "epochs={}",
        "verbose progress": "watch=train.PlainProgress()",
        "callbacks callback": "watch=train.EarlyStopping(net), or several in a list",
        "validation_split": "validation={}",
        "validation_data": "fit(net, ((x, t), None), validation=(x_validation, t_validation))",
        "shuffle": "replace=False, each epoch all samples in a random order",
        "loss loss_fn criterion": "nn.Sequential(…, loss=nn.SoftmaxWithLoss())",
        "random_state": "seed={}",
        "x y X t": "fit(net, ((x, t), None))",
    },
    "train.EarlyStopping": {
        "monitor": 'by="validation_loss"',
        "min_delta tol": "least={}",
        "restore_best_weights": "train.EarlyStopping(net), which gives the best weights back",
    },
    "optim": {
        "learning_rate": "lr={}",
        "beta1 beta2 beta_1 beta_2 b1 b2": "betas=(0.9, 0.999)",
        "epsilon": "eps={}",
        "clipnorm": "clip_norm={}",
        "clipvalue": "clip_value={}",
        "params": "rule.update(params, grads, state), or train.fit(net, …, optimizer=rule)",
    },
    "optim.StepDecay": {"step_size transition_steps": "every={}", "decay_rate": "gamma={}"},
    "optim.Exponential": {"decay_rate": "gamma={}"},
    "optim.Cosine": {"T_max decay_steps": "total={}", "eta_min": "least={}"},
    "optim.OneCycle": {"max_lr peak_value": "lr={}", "total_steps": "total={}"},
    "optim.WarmUp": {"total_iters warmup_steps": "updates={}", "start_factor": "start={}"},
    "nn.Dropout": {"p rate": "nn.Dropout({})"},
    "nn.LSTM": {
        "hidden_size input_size batch_first": "nn.LSTM.initial(features, state, seed=0)",
    },
    "nn": {
        "inplace": "the layer without it",
        "in_features out_features units in_channels out_channels": "nn.Affine.initial(3, 5, "
        "seed=0)",
        "ignore_index": "nn.SoftmaxWithLoss(ignore={})",
        "weight": "class_weights={}",
        "reduction": "the loss without it: it is the mean over the samples",
        "from_logits": "nn.SoftmaxWithLoss(), of scores",
    },
    "initial": {
        "bias use_bias": "the line without it: a layer has biases, which start at 0",
        "random_state rng generator": "seed={}",
        "activation": "nn.ReLU() as a layer of its own behind it",
        "kernel_initializer init": 'weights="he"',
    },
}

_LAYERS = "nn.Sequential(nn.Affine.initial(784, 50, seed=0), nn.ReLU(), …, loss=…)"
#: For each module: names, and what to write.
_MODULES: dict[str, dict[str, str]] = {
    "nn": {
        "Module": f"{_LAYERS}; a layer of your own is a subclass of nn.Layer",
        "Model": _LAYERS,
        "Parameter": "an array of NumPy, named in the parameters of an nn.Layer",
        "ModuleList ModuleDict": "a list or a dict of layers, given to nn.Sequential",
        "GRU RNN SimpleRNN": "nn.LSTM.initial(features, state, seed=0)",
        "functional": "layers, such as nn.ReLU(), or NumPy: np.maximum(x, 0)",
        "init": "nn.initial",
        "utils": "optim.Adam(clip_norm=1.0), cp.ravel(net.params)",
        "Identity": "the network without it",
        "Bilinear Transformer ConvTranspose2d": "a subclass of nn.Layer, whose compute is NumPy",
    },
    "optim": {
        "lr_scheduler": "optim.Adam(optim.Cosine(0.01, 1000)); there is StepDecay, …",
        "ReduceLROnPlateau": "optim.Cosine(0.01, 1000) in the place of lr",
        "LBFGS": "optim.Adam(); or scipy.optimize.minimize with cp.value_and_grad",
        "Nadam NAdam Adamax Adadelta Lion": "optim.Adam(), or a subclass of optim.Optimizer",
        "apply_updates chain": "params, state = rule.update(params, grads, state)",
    },
    "train": {
        "DataLoader Dataset TensorDataset": "fit(net, ((x, t), None), batch=100)",
        "Trainer train": "train.fit(net, ((x, t), None))",
        "ModelCheckpoint": 'fit(…, checkpoints="folder")',
        "evaluate": "net.loss(x, t), net.accuracy(x, t)",
    },
    "data": {
        "train_test_split": "fit(net, ((x, t), None), validation=0.2), or a random part of "
        "np.random.default_rng(0).permutation(len(x))",
        "DataLoader Dataset TensorDataset": "train.fit(net, ((x, t), None), batch=100)",
        "load_mnist": "data.mnist()",
        "read_csv load_csv": 'data.load("table.csv")',
        "StandardScaler": "(x - x.mean(axis=0)) / x.std(axis=0), or prepare= of data.load",
        "to_categorical": "data.one_hot(labels, classes)",
    },
    "clearprop": {
        "relu": "np.maximum(x, 0); as a layer nn.ReLU()",
        "sigmoid": "1 / (1 + np.exp(-x)); as a layer nn.Sigmoid()",
        "tanh": "np.tanh(x); as a layer nn.Tanh()",
        "softmax": "nn.Softmax().forward(x), or nn.SoftmaxWithLoss() with the loss",
        "Sequential Affine Layer": "cp.nn.Sequential(…)",
        "fit": "cp.train.fit(net, ((x, t), None))",
        "Adam SGD": "cp.optim.Adam(0.001)",
        "array asarray": "np.array(…), as it is; recorded: cp.tensor(…)",
    },
}


def _spread(rows: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {
        owner: {name: write for names, write in row.items() for name in names.split()}
        for owner, row in rows.items()
    }


KEYWORDS, MODULES = _spread(_KEYWORDS), _spread(_MODULES)


def for_keyword(function: str, keyword: str, value: Any) -> str | None:
    """Write what stands here for a keyword of another library; None for any other.

    Examples
    --------
    >>> for_keyword("train.fit", "batch_size", 10), for_keyword("optim.Adam", "learning_rate", 0.1)
    ('batch=10', 'lr=0.1')
    """
    module, _, rest = function.partition(".")
    owners = [function, rest.rpartition(".")[2], module]
    found = [KEYWORDS[owner][keyword] for owner in owners if keyword in KEYWORDS.get(owner, {})]
    shown = repr(value)
    return found[0].replace("{}", shown if len(shown) < 40 else "…") if found else None


def missing(module: str, name: str, here: str | None = None) -> AttributeError:
    """Give the error for a name that a module does not have.

    Parameters
    ----------
    module : str
        Such as ``nn``.
    name : str
    here : str, optional
        What it is called here.
    """
    write = MODULES.get(module, {}).get(name)
    full = module if module == "clearprop" else f"clearprop.{module}"
    if write is not None:
        return MissingMethodError(
            f"module {full!r} has no attribute {name!r}.", where=current_line(2), write=write
        )
    hint = f" Here it is {module}.{here}." if here else ""
    return AttributeError(f"module {full!r} has no attribute {name!r}.{hint}")
