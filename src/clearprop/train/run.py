"""A run: what it was made from, its numbers, its weights, its network."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import clearprop
from clearprop.data.preparing import Standardized, preparation
from clearprop.errors import (
    ClearpropError,
    DataError,
    DTypeError,
    OptionError,
    RunError,
    ShapeError,
)
from clearprop.train import run_tables
from clearprop.train.finding_runs import CONFIG
from clearprop.train.metrics import Row
from clearprop.train.models import CLASSES, PIXELS, build_model
from clearprop.train.predicting import Predictor, predictor_for
from clearprop.train.run_length import asked_iterations, kept_row
from clearprop.train.run_network import misfit, version_numbers
from clearprop.train.run_tables import damaged, read_bytes, read_json
from clearprop.train.settings import NAMES, Settings

if TYPE_CHECKING:
    from clearprop.nn import Sequential


@dataclass(frozen=True)
class Run:
    """A run, finished or not. What is in its files is read when it is asked for.

    A run that is still going, or was killed, has no ``result.json``, and may lack other files:
    its numbers are then those that are there.

    Attributes
    ----------
    path : path
        Its folder.
    settings : dict
        As in its ``config.json``, those that this version does not know among them; what was
        left out is default.
    made_with : dict
        Versions and processor.
    data : dict
        What is known of the samples: shape, number of outputs, names of the classes.
    command : str
        What the user typed; empty where nobody knows.
    resumed : tuple of str
        What was typed to go on with it, in order.
    begun : datetime
        When it began, the first time.
    files : dict of str to int
        The bytes of each file, by name; None for a folder.
    total : int or None
        The iterations that it was to have, where its ``config.json`` says so.

    Raises
    ------
    RunError
        When a file is read that is damaged, or is missing although the run has ended.
    """

    path: Path
    settings: dict[str, Any]
    made_with: dict[str, Any]
    data: dict[str, Any]
    command: str
    resumed: tuple[str, ...]
    begun: datetime
    files: dict[str, int | None]
    total: Any = None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name or self.path.resolve().name

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """How it ended, and how good it is; None where it has not ended."""
        if "result.json" not in self.files:
            return None
        result = read_json(self.path / "result.json", "how the run ended")
        if not isinstance(result.get("ended"), str):
            raise damaged(self.path / "result.json", 'it has no text "ended"')
        for name in ("iterations", "seconds"):
            value = result.get(name, 0)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value < math.inf:
                raise damaged(self.path / "result.json", f"its {name} are {value!r}")
        return result

    @property
    def ended(self) -> str | None:
        """``"as asked"``, the name of a signal, the message of an error; None: not yet."""
        return None if self.result is None else str(self.result["ended"])

    @cached_property
    def loss(self) -> npt.NDArray[np.float64]:
        """The mean loss of each batch, in the unit of `fit`, as in `Metrics`: float64, (n,)."""
        if self._lacks("loss.csv"):
            return np.empty(0)
        loss = run_tables.read_losses(self.path / "loss.csv")
        done = (self.result or {}).get("iterations", 0)
        if len(loss) < done:
            raise damaged(
                self.path / "loss.csv",
                f"it has {len(loss):,} losses of {done:,} iterations",
            )
        return loss

    @cached_property
    def table(self) -> dict[str, list[Any]]:
        """The columns of ``accuracy.csv``: floats, and text in one that is not known here."""
        if self._lacks("accuracy.csv"):
            return {}
        names = {"mean_loss", *Row._fields}
        return run_tables.read_table(self.path / "accuracy.csv", numbers=names)

    @property
    def rows(self) -> list[Row]:
        """The rows of the table of epochs; NaN for what was not measured."""
        columns = {("loss" if name == "mean_loss" else name): of for name, of in self.table.items()}
        count = len(columns.get("iteration", ()))
        nothing = [math.nan] * count
        known = [columns.get(name, nothing) for name in Row._fields]
        return [Row(*values) for values in zip(*known, strict=True)]

    @property
    def iterations(self) -> int:
        """Updates that are known to have been made."""
        if self.result is not None and "iterations" in self.result:
            return int(self.result["iterations"])
        return max(len(self.loss), *(row.iteration for row in self.rows), 0)

    @property
    def asked(self) -> int | None:
        """Updates that were to be made, as far as that is known."""
        return asked_iterations(self.total, self.settings, self.rows)

    @property
    def kept(self) -> Row | None:
        """The row that the weights are of: the last, or the best where that is kept."""
        return kept_row(self.result, self.settings, self.rows)

    @cached_property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of ``weights.safetensors``, by name."""
        arrays = self.found_weights
        self.check_weights()
        return arrays

    @cached_property
    def found_weights(self) -> dict[str, npt.NDArray[Any]]:
        """The same, whether or not they are those that it ended with."""
        if "weights.safetensors" not in self.files:
            raise self._missing("weights.safetensors")
        path = self.path / "weights.safetensors"
        return run_tables.read_arrays(path, read_bytes(path))

    def check_weights(self) -> None:
        """Refuse weights that are not, to the bit, those that the run ended with.

        Runs that have not ended, and those of earlier versions, do not say which these are.
        """
        kept = None
        with suppress(RunError):  # which is raised where the result itself is asked for
            kept = (self.result or {}).get("weights_sha256")
        if kept is not None and "weights.safetensors" in self.files:
            run_tables.check_sha256(self.path / "weights.safetensors", kept)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample, as the network takes it."""
        shape: list[int] = self.data.get("shape", [PIXELS])
        return tuple(shape)

    def untrained(self) -> Sequential:
        """Build the network that the settings name, with its initial weights.

        Raises
        ------
        RunError
            A setting is unknown or out of its limits: what it does to the network, this version
            cannot know.
        """
        settings = self._known()
        try:
            return build_model(
                settings,
                settings.streams()[0],
                self.input_shape,
                self.data.get("outputs", CLASSES),
                regression="classes" in self.data and self.data["classes"] is None,
            )
        except (ClearpropError, TypeError, ValueError) as error:
            raise RunError(
                f"the network cannot be built: {getattr(error, 'what', error)}",
                where=repr(str(self.path / CONFIG)),
                why="its settings do not fit what it says of the data.",
                write=self._upgrade(),
            ) from error

    def network(self) -> Sequential:
        """Build the network, with the weights that the run ended with.

        That of a regression ends with `nn.Rescaling`: it predicts in the unit of the targets, in
        float64, which has the digits of numbers that differ little, such as times and years.

        Raises
        ------
        RunError
            As in `untrained`; or there are no weights, or those of another network.
        """
        network, unit = self._trained(), self._unit()
        if unit is None:
            return network
        from clearprop.nn import Rescaling, Sequential

        layers = network.layers.values()
        own = Rescaling(unit.std, unit.mean, "float64")
        return Sequential(*layers, own, loss=network.last_layer)

    def _trained(self) -> Sequential:
        network = self.untrained()
        expected = {**network.params, **network.state}
        if wrong := misfit(
            expected, self.found_weights
        ):  # it says more than that they were changed
            raise RunError(
                f"the weights are not those of the model {self.settings.get('model')}: {wrong}.",
                where=repr(str(self.path / "weights.safetensors")),
                why=f"the network is built from {CONFIG}, which names another one.{self._newer()}",
                write=f"the {CONFIG} and the weights of one run",
            )
        weights = self.weights
        network.params.update({name: weights[name] for name in network.params})
        network.state.update({name: weights[name] for name in network.state})
        return network

    def _unit(self) -> Standardized | None:
        if not (kept := self.data.get("prepare_target")):
            return None
        with suppress(DataError, TypeError):
            if isinstance(unit := preparation(kept), Standardized):
                return unit
        raise damaged(self.path / CONFIG, 'its "prepare_target" is no preparation')

    def predictor(self) -> Predictor:
        """Give the network with what it was trained on: samples as they are stored go in.

        Images are bytes (N, C, H, W), as `data.read_image` reads them; rows are numbers (N, D) in
        the order of the columns, as `data.read_rows` reads them.

        Raises
        ------
        RunError
            As in `network`; or what is said of the data is not known here.
        """
        network, unit, dtype = self._trained(), self._unit(), self.settings["dtype"]
        try:
            return predictor_for(network, self.data, self.input_shape, dtype, unit)
        except (DataError, DTypeError, ShapeError) as error:
            raise damaged(self.path / CONFIG, error.what) from error

    # ---- what is wrong -----------------------------------------------------------------------

    def _known(self) -> Settings:
        where = repr(str(self.path / CONFIG))
        if unknown := [name for name in self.settings if name not in NAMES]:
            raise RunError(
                f"the network cannot be built: the setting {unknown[0]!r} is unknown.",
                where=where,
                why=f"what it does to the network is not known here.{self._newer()}",
                write=self._upgrade(),
            )
        try:
            return Settings(**self.settings)
        except (OptionError, TypeError) as error:
            what = getattr(error, "what", f"{error}.").removeprefix("train: ")
            raise RunError(
                f"the network cannot be built: {what}",
                where=where,
                why=f"{getattr(error, 'why', None) or 'it is no value for a setting.'}"
                f"{self._newer()}",
                write=self._upgrade(),
            ) from error

    def _upgrade(self) -> str:
        if self._newer():
            return f"pip install 'clearprop>={self.made_with['clearprop']}'"
        return f"a {CONFIG} as clearprop train left it"

    def _newer(self) -> str:
        version = self.made_with.get("clearprop")
        if isinstance(version, str) and version_numbers(version) > version_numbers(
            clearprop.__version__
        ):
            return (
                f" The run is of clearprop {version}, which is newer than this one, "
                f"{clearprop.__version__}."
            )
        return ""

    def _lacks(self, name: str) -> bool:
        """Whether a file is not there yet; where the run has ended, that is an error."""
        if name in self.files:
            return False
        if self.result is None:
            return True
        raise self._missing(name)

    def _missing(self, name: str) -> RunError:
        ended = "result.json" in self.files
        return RunError(
            f"{name} is not there.",
            where=repr(str(self.path)),
            why="the run has ended, and left it; somebody took it away."
            if ended
            else "the run has not ended: it is still going, or was killed before it was saved.",
            write=f"clearprop train --config {self.path / CONFIG} makes the run again"
            if ended
            else f"clearprop train --resume {self.path} goes on with it",
        )
