"""Update rules and learning rates, as pure functions: new arrays out, nothing written."""

from __future__ import annotations

from typing import Any

from clearprop.idioms_of_training import missing
from clearprop.optim.adaptive import AdaGrad as AdaGrad
from clearprop.optim.adaptive import Adam as Adam
from clearprop.optim.adaptive import AdamW as AdamW
from clearprop.optim.adaptive import RMSprop as RMSprop
from clearprop.optim.clipping import global_norm as global_norm
from clearprop.optim.descent import SGD as SGD
from clearprop.optim.descent import Momentum as Momentum
from clearprop.optim.descent import Nesterov as Nesterov
from clearprop.optim.descent import sgd as sgd
from clearprop.optim.nestings import for_each as for_each
from clearprop.optim.optimizer import Optimizer as Optimizer
from clearprop.optim.schedules import Cosine as Cosine
from clearprop.optim.schedules import Exponential as Exponential
from clearprop.optim.schedules import OneCycle as OneCycle
from clearprop.optim.schedules import Schedule as Schedule
from clearprop.optim.schedules import StepDecay as StepDecay
from clearprop.optim.schedules import WarmUp as WarmUp

#: What they are called in other frameworks and in the documents.
_ELSEWHERE = {
    **dict.fromkeys(("Adagrad", "adagrad"), "AdaGrad"),
    **dict.fromkeys(("RMSProp", "rmsprop"), "RMSprop"),
    **dict.fromkeys(("adam", "ADAM"), "Adam"),
    **dict.fromkeys(("adamw", "Adamw"), "AdamW"),
    **dict.fromkeys(("StepLR", "step_decay"), "StepDecay"),
    **dict.fromkeys(("ExponentialLR", "ExponentialDecay", "exponential_decay"), "Exponential"),
    **dict.fromkeys(("CosineAnnealingLR", "CosineDecay", "cosine_decay_schedule"), "Cosine"),
    **dict.fromkeys(("LinearLR", "SequentialLR", "Warmup"), "WarmUp"),
    **dict.fromkeys(("OneCycleLR", "cosine_onecycle_schedule"), "OneCycle"),
    **dict.fromkeys(("clip_grad_norm_", "clip_by_global_norm"), "Optimizer(clip_norm=...)"),
    **dict.fromkeys(("clip_grad_value_", "clip"), "Optimizer(clip_value=...)"),
}


def __getattr__(name: str) -> Any:
    raise missing("optim", name, _ELSEWHERE.get(name))
