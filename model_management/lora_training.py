"""Training of adapters: which examples a step sees, how far the network's guess is from them, and what comes of it.

A step noises some pictures, each to a level of its own that is drawn evenly over the schedule, and compares the clean
pictures that the network guesses with the true ones, as this ecosystem's node of that name does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heddle.adapters.fresh import FIXED, fresh_parts, key_of
from heddle.graph.errors import HeddleError, WeightsError
from heddle.graph.said import say
from heddle.samplers.conditions import condition_sides
from heddle.training.loop import Plan, Progress, train
from heddle.training.losses import seeded_chance
from model_management.adapter_files import AdapterFile, match_model, report_match
from model_management.compiled import CompilePatch
from model_management.conditioning import conditions_for
from model_management.denoiser import denoiser_for
from model_management.family import RunFacts
from model_management.handles import Model
from model_management.stored_net import StoredNet
from model_management.tensor_reading import open_tensors
from model_management.trained_net import free_of_inference, trainable_weights, trained_net
from model_management.weights import Weights

#: What stands before the layers' names in the files that are written.
PREFIX = "diffusion_model."

_SIDE = "positive"
_LEAST_PERCENT = 1e-4  # of a run: nearer to its start there is no level that a network was trained on

LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "MSE": F.mse_loss,
    "L1": F.l1_loss,
    "Huber": F.huber_loss,
    "SmoothL1": F.smooth_l1_loss,
}

OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "AdamW": torch.optim.AdamW,
    "Adam": torch.optim.Adam,
    "SGD": torch.optim.SGD,
    "RMSprop": torch.optim.RMSprop,
}

#: A picture [C, h, w] in the VAE's units, and the entry of a conditioning that belongs to it.
Example = tuple[Tensor, Any]


@dataclass(frozen=True)
class LoraPlan:
    """How an adapter is trained.

    batch: pictures of a step. accumulate: steps whose mean gradient makes one change.
    dtype: of the network; None = as it is. own_dtype: of the adapter.
    checkpoint_depth: see `trained_net`.
    """

    steps: int
    rank: int
    batch: int = 1
    accumulate: int = 1
    learning_rate: float = 5e-4
    optimizer: str = "AdamW"
    loss: str = "MSE"
    algorithm: str = "LoRA"
    seed: int = 0
    dtype: torch.dtype | None = None
    own_dtype: torch.dtype = torch.float32
    checkpoint_depth: int = 1


@dataclass(frozen=True)
class TrainedLora:
    """tensors: the adapter, by the keys of a file. losses: one for each step."""

    tensors: dict[str, Tensor]
    losses: list[float]


@dataclass(frozen=True)
class _WholeNet(StoredNet):
    """A net that is there as a whole, in a copy of its own: a pass and the way back use each weight twice."""

    @property
    def key(self) -> tuple[object, ...]:
        return (*super().key, "whole")

    @property
    def is_lendable(self) -> bool:
        return False


def _whole(stored: StoredNet, dtype: torch.dtype | None) -> StoredNet:
    known: dict[str, Any] = {each.name: getattr(stored, each.name) for each in fields(StoredNet)}
    known["dtype"] = dtype or stored.dtype
    return _WholeNet(**known)


def train_lora(
    model: Model,
    buckets: Sequence[Sequence[Example]],
    plan: LoraPlan,
    weights: Weights,
    *,
    begin: AdapterFile | None = None,
    on_progress: Callable[[Progress], None],
    note: Callable[[str], None],
) -> TrainedLora:
    """Train an adapter for a model on pictures.

    Args:
        buckets: a step sees pictures of one of these; which one is drawn, larger ones more often.
        begin: an adapter that is trained further; None = one that changes nothing yet.
        on_progress: told after each step; may raise, which ends the training.
    Raises: WeightsError, if `begin` does not fit; HeddleError, if the loss stops being a number.
    """
    model = replace(model, patches=tuple(each for each in model.patches if not isinstance(each[1], CompilePatch)))
    model = replace(model, stored=_whole(model.stored, plan.dtype))
    examples = [[(picture, free_of_inference(entry)) for picture, entry in bucket] for bucket in buckets]
    # In float32 the changed weights of a whole pass, of which checkpoints leave one block at a time.
    working_bytes = 4 * model.stored.numel // (8 if plan.checkpoint_depth else 1)
    with weights.hold(model, working_bytes) as net, torch.inference_mode(False), torch.enable_grad():
        device = next(net.parameters()).device
        changes, parameters = _begin(model, net, plan, begin, device)
        denoise = denoiser_for(model, trained_net(net, changes, plan.checkpoint_depth), note=note)

        def loss_of(step: int) -> Tensor:
            chance = seeded_chance(plan.seed % (1 << 40), step)
            losses = [
                _loss(model, denoise, *example, LOSSES[plan.loss], chance, device, note)
                for example in _drawn(examples, plan.batch, chance)
            ]
            loss = torch.stack(losses).mean()
            if not bool(loss.isfinite()):
                words = (
                    "the loss is no number any more in step {step}; use a lower learning rate, or fp32 as the type of "
                    "the training"
                )
                raise HeddleError(say(words, step=step + 1))
            return loss

        loop = Plan(plan.steps, plan.learning_rate, 0, 0.0, clip_norm=math.inf, average_decay=0.0)
        done = train(
            parameters,
            loss_of,
            loop,
            make_optimizer=lambda tensors, _: OPTIMIZERS[plan.optimizer](tensors, lr=plan.learning_rate),
            accumulate=plan.accumulate,
            on_progress=on_progress,
        )
    return TrainedLora(_written(changes), done.losses)


def _begin(
    model: Model, net: nn.Module, plan: LoraPlan, begin: AdapterFile | None, device: torch.device
) -> tuple[dict[str, dict[str, Tensor]], dict[str, nn.Parameter]]:
    """What is trained: the parts of each weight's change, and those of them that are to move, by name."""
    chance = torch.Generator("cpu").manual_seed(plan.seed)
    known = {} if begin is None else _parts_in(begin, model)
    changes: dict[str, dict[str, Tensor]] = {}
    parameters: dict[str, nn.Parameter] = {}
    for name, shape in trainable_weights(net):
        parts = known.get(name)
        if parts is None and len(shape) > 1:
            parts = fresh_parts(plan.algorithm, tuple(shape), plan.rank, chance)
        elif parts is None:
            parts = {"diff_b" if name.endswith("bias") else "diff": torch.zeros(shape)}
        changes[name] = {}
        for word, part in parts.items():
            held = part.to(device, plan.own_dtype if word not in FIXED else torch.float32)
            if word not in FIXED:
                held = parameters[f"{name} {word}"] = nn.Parameter(held)
            changes[name][word] = held
    return changes, parameters


def _parts_in(file: AdapterFile, model: Model) -> dict[str, dict[str, Tensor]]:
    """The parts of an adapter's changes by the weights of a model.

    Raises: WeightsError, if the file fits nothing of it, or changes weights in pieces, which cannot be trained further.
    """
    used: set[str] = set()
    source = match_model(file, model, used)
    report_match(file, used)
    found: dict[str, dict[str, Tensor]] = {}
    assert source is not None, "some keys are used"
    with open_tensors(file.header) as tensors:
        for weight, parts in source.parts.items():
            (part, *others) = parts
            if others or part.target.rows is not None or part.target.is_swapped or part.shape is not None:
                words = "{file}: its layer {layer} is a piece of one of the model's, so it cannot be trained further"
                said = say(words, file=file.header.path.name, layer=part.layer)
                raise WeightsError(said, file=file.header.path, key=part.layer)
            found[weight] = {word: tensors.get_tensor(key).float().clone() for word, key in part.keys.items()}
    return found


def _drawn(buckets: Sequence[Sequence[Example]], count: int, chance: torch.Generator) -> list[Example]:
    """Some pictures of one bucket, none of them twice."""
    sizes = torch.tensor([len(bucket) for bucket in buckets], dtype=torch.float32)
    bucket = buckets[int(torch.multinomial(sizes, 1, generator=chance))]
    return [bucket[at] for at in torch.randperm(len(bucket), generator=chance)[:count].tolist()]


def _loss(
    model: Model,
    denoise: Any,
    picture: Tensor,
    entry: Any,
    difference: Callable[[Tensor, Tensor], Tensor],
    chance: torch.Generator,
    device: torch.device,
    note: Callable[[str], None],
) -> Tensor:
    """How far the guess is from one picture, noised to a level that is drawn."""
    clean = model.latent.inward(free_of_inference(picture)[None].to(device, torch.float32))
    percent = max(_LEAST_PERCENT, float(torch.rand((), generator=chance)))
    sigma = torch.tensor(model.predicts.schedule.percent_to_sigma(percent), dtype=torch.float32)
    noise = torch.randn(clean.shape, generator=chance).to(clean)
    noisy = model.predicts.start(sigma, noise, clean)
    facts = RunFacts(tuple(clean.shape), clean, noise, first_sigma=float(sigma), note=note)
    conditions = [replace(each, control=None) for each in conditions_for(model, [entry], facts, _SIDE)]
    guess = condition_sides(denoise, {_SIDE: conditions})(noisy, sigma, [_SIDE])[_SIDE]
    return difference(guess.float(), clean)


def _written(changes: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The parts by the keys of a file, on the CPU."""
    tensors: dict[str, Tensor] = {}
    for name, parts in changes.items():
        layer = PREFIX + re.sub(r"\.?(weight|bias)$", "", name)
        tensors |= {key_of(layer, word): part.detach().cpu().clone() for word, part in parts.items()}
    return tensors
