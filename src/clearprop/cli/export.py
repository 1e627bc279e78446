"""``clearprop export``: a trained network for a runtime, for NumPy alone, for PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from clearprop.cli.check import CheckCommand
from clearprop.cli.completing import RUN
from clearprop.cli.files import must_be_no_file_of_a_run, must_be_writable, must_not_exist
from clearprop.errors import OptionError

if TYPE_CHECKING:
    from clearprop.train import Predictor, Run

_NONE = "*"  # an option without a value
_FORMS = {"onnx": ".onnx", "numpy": ".py", "safetensors": ".safetensors"}
_SAMPLES = 2  # of an example


class ExportCommand(CheckCommand):
    """``--onnx`` and its like stand alone, or with a path behind them."""

    optional: ClassVar[dict[str, tuple[str, str]]] = {
        f"--{form}": (ending, _NONE) for form, ending in _FORMS.items()
    }


def export(
    run: Annotated[str, RUN],
    onnx: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE.onnx]",
            help="A model for runtimes, with what is done to samples first: bytes of images, or "
            "rows of a table as they stand there, go in.",
        ),
    ] = None,
    numpy: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE.py]",
            help="One readable Python file that needs only NumPy, with what is done to samples "
            "first; weights of more than 1 MiB stand beside it in FILE.npz.",
        ),
    ] = None,
    safetensors: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE.safetensors]",
            help="The weights under the names that PyTorch gives them. What is done to samples "
            "first is not in them: it is said.",
        ),
    ] = None,
    step: Annotated[
        bool,
        typer.Option("--step", help="With --numpy: the training step too, by gradient descent."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> None:
    """Export the network of a run: one form, or several at once.

    Without a FILE it is named after the run, in the current folder. A file that exists is kept,
    unless you say --force; files of a run are never overwritten.

    Exit codes: 0 it is written, 2 the request was wrong, or there is no such form of this network.

    For example:

    - `clearprop export first --onnx`, which writes first.onnx

    - `clearprop export first --numpy model.py --step`, and then `python model.py x.npy y.npy`

    - `clearprop export first --safetensors net.safetensors --force`
    """
    from clearprop.cli.screen import Screen
    from clearprop.train import read_run

    given = {"onnx": onnx, "numpy": numpy, "safetensors": safetensors}
    wanted = {form: path for form, path in given.items() if path is not None}
    if not wanted:
        raise OptionError(
            "export: no form is named.",
            why="a network can be written in several.",
            write=f"clearprop export {run} --onnx, or --numpy, or --safetensors",
        )
    if step and numpy is None:
        raise OptionError(
            "export: --step stands without --numpy.",
            why="a training step is written as a Python file.",
            write=f"clearprop export {run} --numpy --step",
        )
    for form in (form for form, path in wanted.items() if path == "-"):
        raise OptionError(
            f"export: --{form} is -.",
            why="what is exported is a file; on the screen stands what to do with it.",
            write=f"clearprop export {run} --{form} FILE{_FORMS[form]}",
        )
    of = read_run(run)
    predictor = of.predictor()
    paths = {
        form: Path(f"{of.name}{_FORMS[form]}" if path == _NONE else path)
        for form, path in wanted.items()
    }
    if numpy is not None and _stands_beside(predictor):
        paths["weights"] = paths["numpy"].with_suffix(".npz")
    for path in paths.values():
        must_be_no_file_of_a_run(path)
        must_be_writable(path)
        if not force:
            must_not_exist(path, f"clearprop export {run}")
    screen = Screen()
    writers: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "onnx": lambda: _write_onnx(of, predictor, paths["onnx"]),
        "numpy": lambda: _write_numpy(of, predictor, paths["numpy"], step),
        "safetensors": lambda: _write_safetensors(of, predictor, paths["safetensors"]),
    }
    for form in wanted:
        *told, (_, trial) = writers[form]()
        screen.heading(str(paths[form]))
        screen.explained(told)
        screen.line(f"  Try it: {trial}")


def _stands_beside(predictor: Predictor) -> bool:
    from clearprop.interop.standalone import has_many_weights

    return has_many_weights(predictor.network)


# ---- the forms ---------------------------------------------------------------------------------


def _write_onnx(run: Run, predictor: Predictor, path: Path) -> list[tuple[str, str]]:
    from clearprop import interop

    x = _samples(predictor)
    model = interop.to_onnx(
        run.network(), x, path, prepare=predictor.prepare, metadata=_metadata(run, predictor)
    )
    kind, shape = x.dtype.name, (1, *predictor.shape)
    outputs = model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    code = (
        "import numpy, onnxruntime; "
        f"m = onnxruntime.InferenceSession({str(path)!r}); "
        f"print(m.run(None, {{'x': numpy.zeros({shape}, '{kind}')}}))"
    )
    return [
        ("x", f"{_free(predictor.shape)}, {kind}: {_given(predictor)}"),
        ("predicted", f"{_free((outputs,))}: {_meant(run, predictor)}"),
        ("try it", f'python -c "{code}"'),
    ]


def _write_numpy(run: Run, predictor: Predictor, path: Path, step: bool) -> list[tuple[str, str]]:
    import numpy as np

    from clearprop import interop
    from clearprop.cli.screen import command
    from clearprop.legible import legible_name

    t: Any = None
    if step and predictor.classes is not None:
        t = np.arange(_SAMPLES) % len(predictor.classes)
    elif step:
        t = np.zeros((_SAMPLES, run.data.get("outputs", 1)))
    text = interop.to_numpy(
        run.network(),
        _samples(predictor),
        path,
        t_example=t,
        prepare=predictor.prepare,
        metadata=_metadata(run, predictor),
        classes=predictor.classes,
    )
    name = command(path).removeprefix("clearprop ")
    rows = [
        ("predict(x)", f"x {_free(predictor.shape)}: {_given(predictor)}"),
        ("", f"gives {_meant(run, predictor)}"),
        ("try it", f"python {name}, and python {name} x.npy y.npy"),
    ]
    if step:
        call = text[text.index("def step(") :].partition("\n")[0].removeprefix("def ")
        said = "a step of gradient descent, lr given"
        if unit := run.data.get("prepare_target"):  # gradients of squares have its square
            said += f": that of a training divided by {unit['std'][0] ** 2:.4g}"
        rows.insert(2, (legible_name(call.rstrip(":")), said))
    if _stands_beside(predictor):
        rows.insert(2, ("weights", f"{path.with_suffix('.npz')}, which stays beside it"))
    return rows


def _write_safetensors(run: Run, predictor: Predictor, path: Path) -> list[tuple[str, str]]:
    import json

    from clearprop import interop
    from clearprop.interop.tensors import torch_names

    meant = _meant_without_unit(run, predictor)
    metadata = {
        **_metadata(run, predictor),
        "y": meant,
        "prepare": json.dumps(predictor.prepare.to_dict()),
    }
    if predictor.prepare_target is not None:
        metadata["prepare_target"] = json.dumps(predictor.prepare_target.to_dict())
    names = torch_names(predictor.network, predictor.shape)
    interop.save_safetensors(
        predictor.network, path, layout="torch", names=names, metadata=metadata
    )
    code = (
        "from safetensors.torch import load_file; "
        f"print({{n: w.shape for n, w in load_file({str(path)!r}).items()}})"
    )
    flat = "; where an Affine takes images, a Flatten stands before it" if names else ""
    first = (
        "x / 255: grey values from 0 to 1"
        if len(predictor.shape) == 3
        else "(x - mean) / std, in the file's metadata under clearprop, metadata, prepare"
    )
    return [
        ("names", f"those of torch.nn.Sequential of the same layers{flat}"),
        ("not inside", f"what is done to samples first: {first}"),
        ("gives", meant),
        ("try it", f'python -c "{code}"'),
    ]


# ---- words -------------------------------------------------------------------------------------


def _samples(predictor: Predictor) -> Any:
    """Give samples as they are stored, for an example."""
    import numpy as np

    from clearprop.interop.preparations import arrays_of, as_stored

    x: Any = np.zeros((_SAMPLES, *predictor.shape))
    for name, array in arrays_of(predictor.prepare).items():
        x = x + (array if name == "mean" else 0)
    return as_stored(predictor.prepare, x, "export")


def _metadata(run: Run, predictor: Predictor) -> dict[str, str]:
    metadata = {"run": run.name, "y": _meant(run, predictor)}
    if predictor.columns:
        metadata["columns of x"] = ", ".join(predictor.columns)
    if predictor.classes is not None:
        metadata["classes"] = ", ".join(predictor.classes)
    return metadata


def _given(predictor: Predictor) -> str:
    from clearprop.interop.preparations import said_of

    said = said_of(predictor.prepare).removeprefix("x are ").removeprefix("x is ")
    few = ", ".join(predictor.columns[:8]) + (", …" if len(predictor.columns) > 8 else "")
    return f"{few}, {said}" if few else said


def _meant(run: Run, predictor: Predictor) -> str:
    from clearprop.cli.predictions import target_name

    if predictor.classes is None:
        name = target_name(run)
        return "the numbers predicted" if name == "prediction" else f"the {name} predicted"
    few = ", ".join(predictor.classes[:3]) + (", …" if len(predictor.classes) > 3 else "")
    return f"scores of {few}; the largest is the class, softmax makes probabilities"


def _meant_without_unit(run: Run, predictor: Predictor) -> str:
    """Say what the weights alone give: the unit of the target is left to the reader."""
    unit = predictor.prepare_target
    if unit is None:
        return _meant(run, predictor)
    scale, offset = (v[0] if len(v) == 1 else v for v in (unit.std, unit.mean))
    return f"y in standard deviations; {scale!r} * y + {offset!r} is {_meant(run, predictor)}"


def _free(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(["N", *map(str, shape)]) + ")"
