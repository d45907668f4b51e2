"""A held diffusion network as the denoiser that samplers and guidance take."""

from __future__ import annotations

from torch import Tensor
from torch.nn import Module

from heddle.graph.errors import ShapeError
from heddle.samplers.guidance import ConditionedDenoiser, denoiser_of
from model_management.handles import Model


def denoiser_for(model: Model, net: Module) -> ConditionedDenoiser:
    """The clean guess of a model's net, read as the model says.

    Latents may lie anywhere and in any dtype, the guess comes back where and as they were; the net runs in its own.

    Args:
        net: what `weights.hold(model)` gives.
    Returns: `(x [N, C, h, w], sigma 0-d, context [N, T, D]) -> clean [N, C, h, w]`, in the network's units.
        It raises ShapeError for latents or texts that were made for another family.
    """
    config = model.config
    weight = next(net.parameters())

    def network(x: Tensor, timesteps: Tensor, context: Tensor, /) -> Tensor:
        if x.shape[1] != config.in_channels:
            raise ShapeError(
                f"the latent has {x.shape[1]} channels, but {model.family.name} wants {config.in_channels}; "
                f"make it with {model.family.name}'s VAE",
                wanted=config.in_channels,
                got=x.shape[1],
            )
        if context.shape[-1] != config.context_width:
            raise ShapeError(
                f"the text is encoded {context.shape[-1]} wide, but this model wants {config.context_width}; "
                "encode it with the CLIP of the model's own checkpoint",
                wanted=config.context_width,
                got=context.shape[-1],
            )
        return net(x.to(weight), timesteps.to(weight.device), context.to(weight)).to(x)

    return denoiser_of(network, model.predicts)
