"""The training loop: steps down a loss, keeps an average of the weights, and goes on where it was stopped.

It knows parameters by name and a function that gives a step's loss; whether these are a whole net or a LoRA's few
matrices, and where the data comes from, is the caller's business. What step n sees must depend on n alone: then a run
that was stopped and resumed ends with the same bytes as one that was not.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from heddle.graph.errors import Cancelled, FileProblem
from heddle.graph.said import say


@dataclass(frozen=True)
class Plan:
    """How long and how fast.

    steps: in all. May be changed on the way, as long as the rate has not begun to fall.
    learning_rate: after the warm-up and until the fall.
    warmup_steps: over which the rate rises from 0.
    fall_share: the last share of the steps, over which the rate falls to a hundredth.
    average_decay: how much of the averaged weights a step leaves. Early steps leave less.
    clip_norm: longest gradient, over all parameters together.
    save_every_s: seconds between checkpoints.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 100
    fall_share: float = 0.35
    weight_decay: float = 0.0
    average_decay: float = 0.999
    clip_norm: float = 1.0
    save_every_s: float = 120.0

    def rate(self, step: int) -> float:
        """The learning rate of step `step`, counted from 0: up, level, then down along half a cosine."""
        rate = self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup_steps))
        fall_steps = self.steps * self.fall_share
        gone = (step - (self.steps - fall_steps)) / fall_steps if fall_steps else 0.0
        if gone <= 0:
            return rate
        return rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, gone))))


class Progress(NamedTuple):
    """Told after each step. loss: of this step. seconds_left: from the speed so far of this run."""

    step: int
    steps: int
    loss: float
    seconds_left: float


class Trained(NamedTuple):
    """average: the averaged weights by name, on the CPU. losses: one for each step from the first."""

    average: dict[str, Tensor]
    losses: list[float]


OnProgress = Callable[[Progress], None]
MakeOptimizer = Callable[[list[nn.Parameter], Plan], torch.optim.Optimizer]
OnAverage = Callable[[int, dict[str, Tensor], list[float]], None]
"""Steps done, the averaged weights by name, the losses so far."""


def adam(tensors: list[nn.Parameter], plan: Plan) -> torch.optim.Optimizer:
    """AdamW, which forgets squares of gradients sooner than torch's own settings have it."""
    return torch.optim.AdamW(
        tensors, lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=plan.weight_decay, fused=True
    )


def tell_nobody(progress: Progress) -> None:
    """For callers that do not watch."""


def never() -> bool:
    """For callers that do not stop a training."""
    return False


@dataclass
class Watch:
    """Where a training reports to, and who may stop it. Loss curves gather here by stage."""

    tell: Callable[[str, Progress], None]
    should_stop: Callable[[], bool] = never
    curves: dict[str, Sequence[float]] = field(default_factory=dict)

    def stage(self, name: str) -> Callable[[Progress], None]:
        return lambda progress: self.tell(name, progress)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a file whole or not at all: a stop in the middle leaves the one before it."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        message = say(
            "{path}: the checkpoint could not be written ({why}); make room, then resume", path=path, why=problem
        )
        raise FileProblem(message, path=path) from problem


def train(
    parameters: Mapping[str, nn.Parameter],
    loss_of: Callable[[int], Tensor],
    plan: Plan,
    checkpoint: Path | None = None,
    *,
    make_optimizer: MakeOptimizer = adam,
    accumulate: int = 1,
    on_progress: OnProgress = tell_nobody,
    on_average: OnAverage | None = None,
    average_every: int = 0,
    should_stop: Callable[[], bool] = never,
) -> Trained:
    """Train until the plan's last step, from the checkpoint where there is one.

    Args:
        parameters: what is trained, by name; changed in place.
        loss_of: the loss of step n, a function of n and of the parameters alone.
        checkpoint: written every `save_every_s`, at the end and when stopped; None = nowhere.
        accumulate: of so many steps the mean gradient moves the parameters once, at the last of them and at the end.
            A checkpoint does not keep a gradient that is half put together, so with one it should be 1.
        on_average: called every `average_every` steps, for samples and exports on the way.
        should_stop: asked after each step.
    Raises: Cancelled, once the state is safely written.
    """
    names, tensors = list(parameters), list(parameters.values())
    optimizer = make_optimizer(tensors, plan)
    averages = [tensor.detach().clone() for tensor in tensors]
    losses: list[float] = []
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, map_location=tensors[0].device, weights_only=True)
        with torch.no_grad():
            for name, tensor, average in zip(names, tensors, averages, strict=True):
                tensor.copy_(state["parameters"][name])
                average.copy_(state["average"][name])
        optimizer.load_state_dict(state["optimizer"])
        losses = state["losses"].tolist()

    def save() -> None:
        if checkpoint is None:
            return
        write_checkpoint(
            checkpoint,
            {
                "parameters": dict(zip(names, (tensor.detach() for tensor in tensors), strict=True)),
                "average": dict(zip(names, averages, strict=True)),
                "optimizer": optimizer.state_dict(),
                "losses": torch.tensor(losses, dtype=torch.float64),
            },
        )

    first, began = len(losses), time.monotonic()
    saved_at = began
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        loss = loss_of(step)
        if step % accumulate == 0:
            optimizer.zero_grad(set_to_none=True)
        last = min(step - step % accumulate + accumulate, plan.steps)
        (loss / (last - (step - step % accumulate))).backward()
        if step + 1 == last:
            nn.utils.clip_grad_norm_(tensors, plan.clip_norm)
            optimizer.step()
        with torch.no_grad():
            # Young averages follow quickly, else the random start would linger in them.
            kept = min(plan.average_decay, (step + 1) / (step + 10))
            torch._foreach_lerp_(averages, [tensor.detach() for tensor in tensors], 1 - kept)
        losses.append(loss.item())
        now, done = time.monotonic(), step + 1
        on_progress(Progress(done, plan.steps, losses[-1], (now - began) / (done - first) * (plan.steps - done)))
        if on_average is not None and average_every and done % average_every == 0 and done < plan.steps:
            on_average(done, dict(zip(names, averages, strict=True)), losses)
        if should_stop():
            save()
            raise Cancelled(f"stopped after step {done} of {plan.steps}; the same command goes on from there")
        if now - saved_at > plan.save_every_s:
            save()
            saved_at = now
    if first < plan.steps:
        save()
    return Trained({name: average.cpu() for name, average in zip(names, averages, strict=True)}, losses)


def load_average(net: nn.Module, average: Mapping[str, Tensor], prefix: str = "") -> None:
    """Put averaged weights into a net."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(average[prefix + name])


def read_losses(checkpoint: Path) -> list[float]:
    """The losses of all steps that a checkpoint has behind it; none where there is no checkpoint."""
    return (
        torch.load(checkpoint, map_location="cpu", weights_only=True)["losses"].tolist() if checkpoint.exists() else []
    )
