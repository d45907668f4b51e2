"""FLUX.1 dev and schnell, what was trained on from them (Krea, Kontext), and its layout in any width and depth.

It reads T5-XXL's states and CLIP-L's pooled vector. Source: Black Forest Labs' published inference code, and the
headers of the published files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heddle.networks.clip_text import EncodedText, unprojected
from heddle.networks.flux import Flux
from heddle.networks.t5 import T5
from heddle.networks.vae import Autoencoder
from heddle.prompts.sequences import T5_XXL
from heddle.prompts.vocabularies import T5 as T5_VOCABULARY
from heddle.samplers.noise_schedules import FlowSchedule, FluxSchedule
from heddle.samplers.predictions import Flow, Prediction
from model_management.families.flux.conditioning import LATENT, with_references
from model_management.family import Family, NetPart, RowReading, TextPart
from model_management.header import Header
from model_management.net_sizes import clip_text_config, vae_config
from model_management.signs import Sign, below, has, shaped
from model_management.transformer_sizes import flux_config, t5_config

NET = "model.diffusion_model."
VAE = "vae."
TEXT_L = "text_encoders.clip_l.transformer."
TEXT_T5 = "text_encoders.t5xxl.transformer."
TELLS_GUIDANCE = "guidance_in.in_layer.weight"


def flux_net(channels: int) -> tuple[Sign, ...]:
    """A network of so many input channels, by names without a prefix."""
    return (
        has("double_blocks.0.img_mod.lin.weight", "vector_in.in_layer.weight", "txt_in.weight"),
        shaped("img_in.weight", None, 4 * channels),
    )


def in_full(network: tuple[Sign, ...]) -> tuple[Sign, ...]:
    """A checkpoint with such a network and its text encoders."""
    return (
        below(NET, *network),
        has(f"{TEXT_T5}shared.weight", f"{TEXT_L}text_model.final_layer_norm.weight"),
    )


def states_and_pooled(texts: Mapping[str, EncodedText]) -> EncodedText:
    """T5's states, and CLIP's pooled vector."""
    return EncodedText(texts["t5xxl"].states, texts["l"].pooled)


def told_prediction(header: Header, key_of: Callable[[str], str]) -> Prediction | None:
    """Networks that were distilled to few steps are told no guidance, and their levels are not shifted."""
    if key_of(TELLS_GUIDANCE) in header:
        return None
    return Flow(FlowSchedule(shift=1.0, multiplier=1.0))


NETWORK = flux_net(16)

FLUX = Family(
    name="flux",
    signs=in_full(NETWORK),
    network_signs=NETWORK,
    network=NetPart(prefix=NET, config=flux_config, build=Flux),
    text=(
        TextPart(TEXT_L, clip_text_config, unprojected, name="l"),
        TextPart(TEXT_T5, t5_config, T5, name="t5xxl", row=RowReading(T5_XXL, T5_VOCABULARY)),
    ),
    join=states_and_pooled,
    vae=NetPart(prefix=VAE, config=vae_config, build=Autoencoder),
    latent=LATENT,
    predicts=Flow(FluxSchedule(mu=1.15)),
    told_prediction=told_prediction,
    native_px=1024,
    read_entry=with_references,
    may_repeat_text=False,
    text_type="flux",
)
