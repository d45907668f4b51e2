"""A held diffusion network as the denoiser that conditions and guidance take."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from heddle.graph.errors import ShapeError
from heddle.graph.said import say
from heddle.networks.hooks import NO_HOOKS, Hooks
from heddle.numerics.attention import attending_by
from heddle.numerics.once_per_tensor import OncePerTensor
from heddle.samplers.conditions import Call, ConditionedDenoiser, Network, denoiser_of
from model_management.compiled import CompilePatch, compiled_calls
from model_management.conditioning import FOR_CONTROLS
from model_management.control_run import AskControls, Note, no_controls
from model_management.handles import Model
from model_management.lent_net import have_in_place, run_net
from model_management.patches import (
    AttentionInputPatch,
    AttentionPatch,
    HooksPatch,
    KernelPatch,
    NetworkPatch,
    PlacesPatch,
)
from model_management.running_out import told_as_out_of_memory


def denoiser_for(
    model: Model, net: Module, ask_controls: AskControls = no_controls, note: Note = lambda text: None
) -> ConditionedDenoiser:
    """The clean guess of a model's net, read as the model says.

    Latents may lie anywhere and in any dtype, the guess comes back where and as they were; the net runs in its own.
    Of a call's inputs, "concat" [N, C, h, w] joins the latent's channels, all others go to the net by their names.

    Args:
        net: what `weights.hold(model)` gives.
        ask_controls: gives what control nets add to a call.
        note: told what those who stand around the network have to say.
    Returns: `(x [N, C, h, w], sigma 0-d, call) -> clean [N, C, h, w]`, in the network's units. It raises ShapeError
        for latents or texts that were made for another family.
    """
    config = model.config
    weight = next(net.parameters())
    hooks_at = hooks_of(model)
    kernel = next(iter(reversed(model.patches_of(KernelPatch))), None)
    places = next(iter(reversed(model.patches_of(PlacesPatch))), None)
    compiling = next(iter(reversed(model.patches_of(CompilePatch))), None)
    moved: OncePerTensor[Tensor] = OncePerTensor()

    def beside(tensor: Tensor) -> Tensor:
        return moved((tensor,), lambda: _beside(tensor, weight))

    def network(x: Tensor, timesteps: Tensor, call: Call, /) -> Tensor:
        inputs: dict[str, Any] = {
            name: beside(tensor) for name, tensor in call.inputs.items() if not name.startswith(FOR_CONTROLS)
        }
        concat = inputs.pop("concat", None)
        own = x.shape[1]
        whole = x.to(weight) if concat is None else torch.cat([x.to(weight), concat], dim=1)
        if whole.shape[1] != config.in_channels:
            wanted = config.in_channels - (whole.shape[1] - own)
            raise ShapeError(
                say(
                    "the latent has {own} channels, but {family} wants {wanted}; make it with {family}'s VAE",
                    own=own,
                    family=model.family.name,
                    wanted=wanted,
                ),
                wanted=wanted,
                got=own,
            )
        width = inputs["context"].shape[-1]
        if width != config.context_width:
            raise ShapeError(
                say(
                    "the text is encoded {width} wide, but this model wants {wanted}; encode it with the "
                    "CLIP of the model's own checkpoint",
                    width=width,
                    wanted=config.context_width,
                ),
                wanted=config.context_width,
                got=width,
            )
        vector = inputs["vector"].shape[-1] if "vector" in inputs else 0
        if vector != config.vector_width:
            raise ShapeError(
                say(
                    "the vector beside the text is {vector} wide, but this model wants {wanted}; encode "
                    "the text with the CLIP of the model's own checkpoint",
                    vector=vector,
                    wanted=config.vector_width,
                ),
                wanted=config.vector_width,
                got=vector,
            )
        if model.family.frames_together:
            inputs["frames"] = len(x) // len(call.areas or (None,))
        control = ask_controls(x, timesteps, call)
        if control is not None:
            inputs["control"] = control.to(weight)
        hooks = hooks_at(call)
        if hooks != NO_HOOKS:
            inputs["hooks"] = hooks
        if places is not None:
            inputs["scaling"] = places.scaling
        run = net
        # Hooks are made anew for each call, and so would be the code.
        if compiling is not None and hooks == NO_HOOKS and have_in_place(net):
            run = partial(compiled_calls(type(net), config, compiling.backend), net)
        with nullcontext() if kernel is None else attending_by(kernel.kernel), told_as_out_of_memory():
            return run_net(net, lambda: run(whole, timesteps.to(weight.device), **inputs)).to(x)

    whole: Network = network
    for patch in model.patches_of(NetworkPatch):
        whole = patch.begin(whole, model.predicts, note)
    return denoiser_of(whole, model.predicts)


def _beside(tensor: Tensor, weight: Tensor) -> Tensor:
    """A call's input where the weights are, numbers of kinds (whole ones) in their own dtype."""
    return tensor.to(weight) if tensor.is_floating_point() else tensor.to(weight.device)


def hooks_of(model: Model) -> Callable[[Call], Hooks]:
    """Who steps into a call of the model's net: first those of the call itself, so that what stands in for attention
    there is asked first, then what was put into this copy of the model."""
    always = Hooks(
        inputs=tuple(patch.change for patch in model.patches_of(AttentionInputPatch)),
        attentions=tuple(patch.replace for patch in model.patches_of(AttentionPatch)),
    )
    patches = model.patches_of(HooksPatch)

    def hooks_at(call: Call) -> Hooks:
        hooks = always
        for patch in patches:
            hooks = hooks + patch.at(call)
        return hooks if call.hooks is None else call.hooks + hooks

    return hooks_at
