"""Training: the loop, what it shows, and the folder it leaves."""

from __future__ import annotations

from typing import Any

from clearprop.idioms_of_training import missing
from clearprop.train.checkpoint_file import Checkpoint as Checkpoint
from clearprop.train.checkpoint_file import read_checkpoint as read_checkpoint
from clearprop.train.checkpoint_search import Latest as Latest
from clearprop.train.checkpoints import Checkpoints as Checkpoints
from clearprop.train.clock import Clock as Clock
from clearprop.train.comparing_runs import Comparison as Comparison
from clearprop.train.comparing_runs import compare_runs as compare_runs
from clearprop.train.configuration import config_text as config_text
from clearprop.train.configuration import read_config as read_config
from clearprop.train.configuration import read_settings as read_settings
from clearprop.train.diary import Diary as Diary
from clearprop.train.early import EarlyStopping as EarlyStopping
from clearprop.train.environment import describe_environment as describe_environment
from clearprop.train.environment import differences as differences
from clearprop.train.extra import require_extra as require_extra
from clearprop.train.faults import calmer as calmer
from clearprop.train.finding_runs import find_run as find_run
from clearprop.train.finding_runs import runs_in as runs_in
from clearprop.train.generators import generator_facts as generator_facts
from clearprop.train.generators import restore_generator as restore_generator
from clearprop.train.loop import Model as Model
from clearprop.train.loop import fit as fit
from clearprop.train.metrics import Metrics as Metrics
from clearprop.train.metrics import Row as Row
from clearprop.train.models import build_for as build_for
from clearprop.train.models import build_model as build_model
from clearprop.train.models import layer_sizes as layer_sizes
from clearprop.train.models import title_of as title_of
from clearprop.train.named import MODELS as MODELS
from clearprop.train.parallel.launch import end_all as end_all
from clearprop.train.parallel.launch import mpi as mpi
from clearprop.train.parallel.launch import processes_of as processes_of
from clearprop.train.parallel.launch import refuse_other_start as refuse_other_start
from clearprop.train.parallel.launch import wait_for_turn as wait_for_turn
from clearprop.train.parallel.processes import Processes as Processes
from clearprop.train.predicting import Predicted as Predicted
from clearprop.train.predicting import Predictor as Predictor
from clearprop.train.progress import LiveProgress as LiveProgress
from clearprop.train.progress import PlainProgress as PlainProgress
from clearprop.train.progress import wants_plain as wants_plain
from clearprop.train.quality import Quality as Quality
from clearprop.train.quality import quality_of as quality_of
from clearprop.train.reading_runs import read_run as read_run
from clearprop.train.run import Run as Run
from clearprop.train.run_folder import RunFolder as RunFolder
from clearprop.train.saving import Outcome as Outcome
from clearprop.train.saving import run_files as run_files
from clearprop.train.settings import Settings as Settings
from clearprop.train.settings import check_setting as check_setting
from clearprop.train.stopping import Stopping as Stopping


def __getattr__(name: str) -> Any:
    raise missing("train", name)
